/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "io/machine.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/resource.h>

#include <uv.h>

void machine_platform(char *out, size_t size)
{
    uv_utsname_t u;
    if (uv_os_uname(&u) != 0) {
        snprintf(out, size, "unknown");
        return;
    }
    snprintf(out, size, "%s-%s", u.sysname, u.machine);
    for (char *p = out; *p; p++)
        *p = (char)tolower((unsigned char)*p);
}

int64_t machine_pid(void)
{
    return uv_os_getpid();
}

void machine_raise_file_limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l); /* fewer connections, if it says no */
    }
}
