/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hearth-plugin-host: one native plugin in a process of its own, behind the same headers as in the daemon.
 *
 * Started by the daemon with a socket on fd 3 and its walls already up. It ends when the plugin was disposed, when the daemon
 * is gone, or with the plugin itself: a crash in here is a crash of this one instance. */
#include <signal.h>
#include <stdio.h>

#include "kernel/guest.h"

#define CHANNEL_FD 3

static void on_signal(void *arg, int signo)
{
    (void)signo;
    guest_stop(arg);
}

int main(void)
{
    hearth_err err = { 0 };
    loop      *l = loop_new(&err);
    guest     *g = l ? guest_new(l, CHANNEL_FD, &err) : NULL;
    if (!g) {
        fprintf(stderr, "hearth-plugin-host is started by hearth, not by hand: %s\n", err.msg);
        return 2;
    }
    loop_signal(l, SIGTERM, on_signal, g);
    loop_run(l);
    guest_free(g);
    loop_free(l);
    return 0;
}
