/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "io/machine.h"

#include <ctype.h>
#include <stdio.h>

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
