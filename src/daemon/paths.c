/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "daemon/paths.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hearth/kit.h>

#include "hearth_config.h"

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

hearth_code paths_find(paths *p, hearth_err *err)
{
    char    exe[3072], plugins[4096 + 16];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0 || (size_t)n >= sizeof exe - 1)
        return hearth_err_set(err, HEARTH_IO, "serve",
                              "/proc/self/exe cannot be read, so the plugins cannot be found; is /proc mounted?");
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    *slash = 0;
    snprintf(p->plugin_host, sizeof p->plugin_host, "%s/hearth-plugin-host", exe);
    if (access(p->plugin_host, X_OK) != 0)
        return hearth_err_set(err, HEARTH_NOT_FOUND, "serve",
                              "%.300s is missing; it belongs beside hearth: install or build again", p->plugin_host);
    snprintf(p->share_dir, sizeof p->share_dir, "%s", exe);
    snprintf(plugins, sizeof plugins, "%s/plugins", p->share_dir);
    if (!is_dir(plugins))
        snprintf(p->share_dir, sizeof p->share_dir, "%s/%s", exe, HEARTH_SHARE_DIR);
    return HEARTH_OK;
}
