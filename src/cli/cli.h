/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli: the command line. Each command is one file and a client of the daemon: it attaches to the one that serves the data
 * folder or starts one for its own duration, calls methods, and prints. `serve` is handed in by main.
 *
 *     main.c     which command, common options, help        args.c   options and operands of a command
 *     term.c     colours, progress, safe text               show.c   values for people
 *
 * Exit: 0 done · 1 failed · 2 wrong usage. With --json exactly one JSON value (or one per line for streams) goes to stdout;
 * everything meant for a person goes to stderr. */
#ifndef HEARTH_CLI_CLI_H
#define HEARTH_CLI_CLI_H

#include <hearth/hearth.h>

#include "cli/entry.h"

/* -- for the commands ------------------------------------------------------------------------------------------- */

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef struct cli {
    const char  *data; /* --data, or NULL */
    bool         json;
    cli_serve_fn serve;
    hearth      *h; /* once cli_connect was called */
} cli;

typedef struct cli_command {
    const char *name, *operands, *summary;
    int (*run)(cli *c, int argc, char **argv); /* argv[0] is the command's name */
    const char *help;                          /* what stands below the usage line */
} cli_command;

extern const cli_command cli_serve, cli_run, cli_call, cli_events, cli_models, cli_threads, cli_doctor, cli_open,
    cli_token, cli_version;
extern const cli_command *const cli_commands[]; /* ends with NULL */

/* Attaches, or starts a daemon unless `only_attach`. False after it told why. */
bool cli_connect(cli *c, bool only_attach);
/* Calls and waits; Ctrl-C cancels the call, a second one ends the program. NULL after it told why (unless `err` is given: then
 * that is the caller's). Takes `params`. */
hearth_value *cli_request(cli *c, const char *name, hearth_value *params,
                          void (*on_event)(void *arg, const hearth_event *e), void *arg, hearth_err *err);
/* "hearth: …" on stderr, with the name of the error; returns CLI_FAILED. */
int cli_fail(const hearth_err *err);
/* Wrong usage: the sentence and where to read on; returns CLI_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) HEARTH_PRINTF(2, 3);
/* Prints a result as JSON (compact in a pipe, indented at a terminal), takes it; CLI_OK, or CLI_FAILED for NULL. */
int cli_print(hearth_value *v);
int cli_help(const cli_command *command);
/* The nearest known word, or NULL. `words` ends with NULL. */
const char *cli_suggest(const char *word, const char *const *words);

#endif
