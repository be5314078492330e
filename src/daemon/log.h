/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log: lines for the person who runs the daemon: time, level, part, text, on stdout.
 *
 * A reader of stdout that sleeps must not stop the daemon: a line that would block is counted instead, and the count told
 * with the next one that fits. Thread: loop. */
#ifndef HEARTH_DAEMON_LOG_H
#define HEARTH_DAEMON_LOG_H

#include <hearth/host.h>

/* From HEARTH_LOG: debug, info, warn or error; info when it says nothing. */
hearth_level log_level_of(const char *name);
void         log_set_level(hearth_level level);
/* kernel_options.on_log */
void log_line(void *arg, hearth_level level, hearth_str who, hearth_str text);
/* From here on stdout and stderr are this file, appended to; one that grew over 1 MiB is moved to NAME.1 first. */
hearth_code log_to_file(const char *path, hearth_err *err);

#endif
