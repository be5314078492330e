/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* sigaction */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/term.h"
#include "hearth_config.h"

const cli_command *const cli_commands[] = { &cli_serve,  &cli_run,  &cli_call,  &cli_events,  &cli_models, &cli_threads,
                                            &cli_doctor, &cli_open, &cli_token, &cli_version, NULL };

/* -- help --------------------------------------------------------------------------------------------------------- */

static int help_all(FILE *f)
{
    fputs("usage: hearth COMMAND [OPTION...]\n\n", f);
    size_t width = 0;
    for (size_t i = 0; cli_commands[i]; i++) {
        size_t n = term_width(hearth_cstr(cli_commands[i]->operands));
        width = n > width ? n : width;
    }
    for (size_t i = 0; cli_commands[i]; i++) {
        fprintf(f, "  %-8s ", cli_commands[i]->name);
        term_cell(f, TERM_PLAIN, hearth_cstr(cli_commands[i]->operands), width);
        fprintf(f, "%s\n", cli_commands[i]->summary);
    }
    fputs("\n  --data DIR   the data folder (else $HEARTH_DATA, else ~/.local/share/hearth)\n"
          "  --json       results as JSON on stdout\n\n"
          "hearth help COMMAND tells more. Commands attach to the daemon that serves the folder,\n"
          "or start one for as long as they run.\n",
          f);
    return CLI_OK;
}

int cli_help(const cli_command *command)
{
    printf(
        "usage: hearth %s%s%s\n\n%s.\n\n%s  --data DIR   the data folder\n  --json       results as JSON on stdout\n",
        command->name, *command->operands ? " " : "", command->operands, command->summary, command->help);
    return CLI_OK;
}

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("hearth: ", stderr);
    vfprintf(stderr, fmt, args);
    va_end(args);
    if (command)
        fprintf(stderr, "; see hearth help %s\n", command);
    else
        fputs("; see hearth help\n", stderr);
    return CLI_USAGE;
}

const char *cli_suggest(const char *word, const char *const *words)
{
    const char *best = NULL;
    unsigned    least = 3;
    for (; *words; words++) {
        unsigned d = args_distance(word, *words, least);
        if (d < least) {
            least = d;
            best = *words;
        }
    }
    return best;
}

/* -- the daemon ------------------------------------------------------------------------------------------------------ */

int cli_fail(const hearth_err *err)
{
    term_progress_clear();
    fflush(stdout);
    fprintf(stderr, "hearth: %s\n", err->msg[0] ? err->msg : hearth_code_text(err->code));
    return CLI_FAILED;
}

bool cli_connect(cli *c, bool only_attach)
{
    static char    self[4096];
    hearth_err     err = { 0 };
    hearth_options o = { .size = sizeof o, .data_dir = c->data, .no_start = only_attach };
    ssize_t        n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0)
        o.executable = self; /* the daemon is this very program */
    c->h = hearth_open(&o, &err);
    if (!c->h)
        cli_fail(&err);
    return c->h != NULL;
}

static hearth               *interrupted;
static volatile sig_atomic_t interrupts;

static void on_interrupt(int signo)
{
    if (++interrupts > 1 || !interrupted)
        _exit(128 + signo);
    hearth_interrupt(interrupted);
}

hearth_value *cli_request(cli *c, const char *name, hearth_value *params,
                          void (*on_event)(void *arg, const hearth_event *e), void *arg, hearth_err *err)
{
    hearth_err       inner = { 0 };
    struct sigaction ours = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART }, before;
    sigemptyset(&ours.sa_mask);
    interrupts = 0;
    interrupted = c->h;
    sigaction(SIGINT, &ours, &before);
    hearth_value *result = hearth_call_value(c->h, name, params, on_event, arg, NULL, err ? err : &inner);
    sigaction(SIGINT, &before, NULL);
    interrupted = NULL;
    term_progress_clear();
    if (!result && !err)
        cli_fail(&inner);
    return result;
}

/* -- which command --------------------------------------------------------------------------------------------------------- */

static const cli_command *find_command(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[16];
    size_t      n = 0;
    for (size_t i = 0; cli_commands[i] && n + 1 < HEARTH_COUNT(names); i++)
        names[n++] = cli_commands[i]->name;
    names[n] = NULL;
    const char *near = cli_suggest(name, names);
    if (near)
        return cli_usage(NULL, "there is no command \"%.60s\"; did you mean %s?", name, near);
    return cli_usage(NULL, "there is no command \"%.60s\"", name);
}

static int help(int argc, char **argv)
{
    const cli_command *command = argc > 2 ? find_command(argv[2]) : NULL;
    if (command)
        return cli_help(command);
    return argc > 2 ? unknown_command(argv[2]) : help_all(stdout);
}

/* --data, --json and --help belong to every command; they are taken out here, up to a --. */
static bool take_common(cli *c, int *argc, char **argv, bool *wants_help, hearth_err *err)
{
    int  n = 1;
    bool is_over = false;
    for (int i = 1; i < *argc; i++) {
        char *word = argv[i];
        is_over |= strcmp(word, "--") == 0;
        if (!is_over && strcmp(word, "--json") == 0) {
            c->json = true;
        } else if (!is_over && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            *wants_help = true;
        } else if (!is_over && strncmp(word, "--data=", 7) == 0) {
            c->data = word + 7;
        } else if (!is_over && strcmp(word, "--data") == 0) {
            if (++i == *argc) {
                hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "usage", "--data needs a folder behind it");
                return false;
            }
            c->data = argv[i];
        } else {
            argv[n++] = word;
        }
    }
    argv[n] = NULL;
    *argc = n;
    return true;
}

int cli_main(int argc, char **argv, cli_serve_fn serve)
{
    cli        c = { .serve = serve };
    hearth_err err = { 0 };
    bool       wants_help = false;
    if (!take_common(&c, &argc, argv, &wants_help, &err))
        return cli_usage(NULL, "%s", err.msg);
    if (argc < 2)
        return wants_help ? help_all(stdout) : (help_all(stderr), CLI_USAGE);
    if (strcmp(argv[1], "help") == 0)
        return help(argc, argv);
    const cli_command *command = strcmp(argv[1], "--version") == 0 ? &cli_version : find_command(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    if (wants_help)
        return cli_help(command);
    signal(SIGPIPE, SIG_IGN); /* `hearth threads list | head` must end its call in order */
    int status = command->run(&c, argc - 1, argv + 1);
    hearth_close(c.h);
    if (fflush(stdout) != 0 && status == CLI_OK)
        status = CLI_FAILED;
    return status;
}
