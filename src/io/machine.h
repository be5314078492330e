/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* machine: what this process runs on. */
#ifndef HEARTH_IO_MACHINE_H
#define HEARTH_IO_MACHINE_H

#include <hearth/types.h>

/* "linux-x86_64". Thread: any. */
void    machine_platform(char *out, size_t size);
int64_t machine_pid(void);
/* As many open files as the system lets this process have: a connection is one. */
void    machine_raise_file_limit(void);

#endif
