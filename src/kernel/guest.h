/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* guest: one plugin's instance in a process of its own: the whole of hearth-plugin-host but its main. */
#ifndef HEARTH_KERNEL_GUEST_H
#define HEARTH_KERNEL_GUEST_H

#include "io/loop.h"

typedef struct guest guest;

/* Speaks on `fd` with the daemon: waits for hello, loads and implements the plugin, serves until it is disposed or the daemon
 * is gone; then stops the loop. Owner: the caller. Thread: loop. */
guest *guest_new(loop *l, int fd, hearth_err *err);
/* Disposes the plugin and stops the loop, as when the daemon asks for it. */
void   guest_stop(guest *g);
void   guest_free(guest *g);

#endif
