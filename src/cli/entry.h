/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* entry: what main.c of the executable and the command line agree on. Apart from cli.h, because the daemon's sources see
 * host.h, which does not go together with hearth.h. */
#ifndef HEARTH_CLI_ENTRY_H
#define HEARTH_CLI_ENTRY_H

#include <hearth/types.h>

typedef struct cli_serve_options {
    const char        *data_dir; /* absolute */
    const char        *host;     /* NULL: no HTTP */
    uint16_t           port;
    bool               open, allow_remote;
    const char *const *hosts;     /* ends with NULL */
    const char *const *origins;   /* ends with NULL */
    int                until_eof; /* a socket whose end ends the daemon; -1: none */
} cli_serve_options;

typedef int (*cli_serve_fn)(const cli_serve_options *options);

/* Runs the command that argv names; the exit status. Thread: the main one, once per process. */
int cli_main(int argc, char **argv, cli_serve_fn serve);

#endif
