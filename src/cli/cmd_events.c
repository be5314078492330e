/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"

static void print_event(void *arg, const hearth_event *e)
{
    const cli *c = arg;
    if (e->kind != HEARTH_DATA)
        return;
    bool is_good = true;
    if (c->json) {
        is_good = show_line(e->data);
    } else {
        term_put(stdout, TERM_BOLD, hearth_get_str(e->data, "topic"));
        fputc(' ', stdout);
        is_good = show_line(hearth_get(e->data, "value"));
    }
    if (!is_good)
        hearth_interrupt(c->h); /* nobody reads any more */
}

static int run(cli *c, int argc, char **argv)
{
    const args_option options[] = { { NULL, ARGS_END, NULL, NULL } };
    hearth_err        err = { 0 };
    int               operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0)
        return cli_usage("events", "%s", err.msg);
    if (!cli_connect(c, false))
        return CLI_FAILED;
    hearth_value *params = hearth_object(NULL), *topics = hearth_array(NULL);
    for (int i = 1; i <= operands; i++)
        hearth_add_str(topics, hearth_cstr(argv[i]));
    if (operands == 0)
        hearth_add_str(topics, HEARTH_STR("*"));
    hearth_put(params, "topics", topics);
    hearth_value *result = cli_request(c, "events.subscribe", params, print_event, c, &err);
    hearth_value_unref(result);
    if (term_is_tty(stdout))
        fputc('\n', stdout); /* the prompt does not follow a ^C */
    return result || err.code == HEARTH_CANCELLED ? CLI_OK : cli_fail(&err);
}

const cli_command cli_events = {
    "events", "[TOPIC...]", "prints what happens, until Ctrl-C", run,
    "  TOPIC   a name, or a prefix and a star: 'threads.*'; everything when there is none\n\n"
};
