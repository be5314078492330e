/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* proc: reads the counters of this machine, of this process and of its children. The one file of monitor that opens
 * files: /proc is no folder of ours, so host.h has no door to it. */
#ifndef MONITOR_PROC_H
#define MONITOR_PROC_H

#include "sample.h"

/* Fills a sample that sample_init made. `known` are further pids to look at, beside those that the kernel lists as
 * children. Thread: worker. Errors: none; what cannot be read stays unknown. */
void proc_take(sample *s, const int64_t *known, size_t count);

#endif
