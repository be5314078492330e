/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/client.h"

uint64_t client_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static hearth_code put_path(char out[CLIENT_PATH], hearth_err *err, const char *base, const char *rest)
{
    int n = snprintf(out, CLIENT_PATH, "%s%s", base, rest);
    while (n > 1 && (size_t)n < CLIENT_PATH && out[n - 1] == '/')
        out[--n] = 0;
    if (n > 0 && (size_t)n < CLIENT_PATH - 64) /* room for what lies beneath */
        return HEARTH_OK;
    return hearth_err_set(err, HEARTH_TOO_LARGE, "data folder",
                          "the path of the data folder is longer than 4,000 bytes; choose another --data");
}

static hearth_code make_absolute(const char *path, char out[CLIENT_PATH], hearth_err *err)
{
    char here[CLIENT_PATH], joined[2 * CLIENT_PATH];
    if (path[0] == '/')
        return put_path(out, err, path, "");
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (!getcwd(here, sizeof here))
        return hearth_err_set(err, HEARTH_IO, "data folder",
                              "the working directory is gone; name the data folder with an absolute --data");
    if (strcmp(path, ".") == 0)
        return put_path(out, err, here, "");
    snprintf(joined, sizeof joined, "%s/%s", strcmp(here, "/") ? here : "", path);
    return put_path(out, err, joined, "");
}

hearth_code client_data_dir(const char *given, char out[CLIENT_PATH], hearth_err *err)
{
    const char *from = given ? given : getenv("HEARTH_DATA");
    if (from && *from)
        return make_absolute(from, out, err);
    const char *share = getenv("XDG_DATA_HOME");
    if (share && share[0] == '/')
        return put_path(out, err, share, "/hearth");
    const char          *home = getenv("HOME");
    const struct passwd *me = home && home[0] == '/' ? NULL : getpwuid(getuid());
    if (me)
        home = me->pw_dir;
    if (home && home[0] == '/')
        return put_path(out, err, home, "/.local/share/hearth");
    return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "data folder",
                          "there is no home folder; name the data folder with --data or HEARTH_DATA");
}

/* In the build folder and in bin/ it lies beside the program; from lib/ and lib/<machine>/ the way leads over bin/: what is
 * called hearth beside an installed library is the folder of the plugins. */
void client_executable(char out[CLIENT_PATH])
{
    static const char *const ways[] = { "hearth", "../bin/hearth", "../../bin/hearth" };
    static const char        here = 0; /* its address lies in this library, or in the program it is linked into */
    Dl_info                  info;
    struct stat              st;
    char                     real[PATH_MAX];
    if (dladdr(&here, &info) && info.dli_fname && realpath(info.dli_fname, real)) {
        char *slash = strrchr(real, '/');
        slash[1] = 0;
        for (size_t i = 0; i < HEARTH_COUNT(ways); i++) {
            int n = snprintf(out, CLIENT_PATH, "%s%s", real, ways[i]);
            if (n > 0 && (size_t)n < CLIENT_PATH && stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
                access(out, X_OK) == 0)
                return;
        }
    }
    snprintf(out, CLIENT_PATH, "hearth");
}
