/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* serve: the daemon. It wires loop, kernel and face together, tells the person at the terminal what it does, and ends in
 * order: listeners first, so that nothing new begins, then plugins and children, then the folder.
 *
 *     stdout   "hearth: ready on http://127.0.0.1:1337" once, then log lines; with --open the address to sign in with
 *     stderr   "hearth: <what failed, what to do>" when it cannot start
 *     exit     0 stopped by a signal or its owner · 1 could not start or stopped by an error
 *
 * SIGINT and SIGTERM stop it; a second one stops it at once: what was acknowledged is on the disk anyway. */
#ifndef HEARTH_DAEMON_SERVE_H
#define HEARTH_DAEMON_SERVE_H

#include "cli/entry.h"

/* Runs until it is stopped; the exit status. */
int serve_run(const cli_serve_options *o);

#endif
