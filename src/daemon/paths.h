/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* paths: where the executable's companions lie. In a build folder everything is beside it; once installed, plugins and
 * models are in ../lib/hearth. The tree can be moved: nothing is compiled in but that relation. */
#ifndef HEARTH_DAEMON_PATHS_H
#define HEARTH_DAEMON_PATHS_H

#include <hearth/types.h>

typedef struct paths {
    char share_dir[4096];   /* has plugins/ and models/ */
    char plugin_host[4096]; /* hearth-plugin-host */
} paths;

/* Errors: io (no /proc), not_found (hearth-plugin-host is missing). */
hearth_code paths_find(paths *p, hearth_err *err);

#endif
