/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "kit/limits.h"

static void print_event(void *arg, const hearth_event *e)
{
    static const char *const names[] = { "",        "started",  "text", "reasoning", "tool_call",
                                         "logprob", "progress", "data", "reset" };
    (void)arg;
    hearth_value *v = hearth_object(NULL);
    hearth_put_u64(v, "seq", e->seq);
    hearth_put_cstr(v, "kind", e->kind < HEARTH_COUNT(names) ? names[e->kind] : "");
    if (e->text.p)
        hearth_put_str(v, "text", e->text);
    if (e->kind == HEARTH_PROGRESS) {
        hearth_put_u64(v, "done", e->done);
        hearth_put_u64(v, "total", e->total);
    }
    if (e->data)
        hearth_put_ref(v, "data", e->data);
    show_line(v);
    hearth_value_unref(v);
}

static int run(cli *c, int argc, char **argv)
{
    bool              is_stream = false;
    const args_option options[] = { { "stream", ARGS_FLAG, &is_stream, NULL }, { NULL, ARGS_END, NULL, NULL } };
    hearth_err        err = { 0 };
    int               operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0)
        return cli_usage("call", "%s", err.msg);
    if (operands < 1 || operands > 2)
        return cli_usage("call", "call takes a method and its arguments as JSON");
    hearth_buf text;
    hearth_buf_init(&text, LIMIT_LINE_BYTES);
    hearth_code code = HEARTH_OK;
    if (operands == 2 && strcmp(argv[2], "-") == 0)
        code = show_read_all(&text, &err);
    else
        code = hearth_buf_puts(&text, operands == 2 ? argv[2] : "{}");
    hearth_value *params = code < 0 ? NULL : hearth_parse(NULL, hearth_buf_str(&text), &err);
    hearth_buf_deinit(&text);
    if (!params)
        return cli_usage("call", "the arguments are wrong: %s", err.msg);
    if (hearth_kind_of(params) != HEARTH_OBJECT) {
        hearth_value_unref(params);
        return cli_usage("call", "the arguments must be a JSON object");
    }
    if (!cli_connect(c, false)) {
        hearth_value_unref(params);
        return CLI_FAILED;
    }
    return cli_print(cli_request(c, argv[1], params, is_stream ? print_event : NULL, NULL, NULL));
}

const cli_command cli_call = {
    "call", "METHOD [JSON|-] [--stream]", "calls a method and prints its result", run,
    "  --stream   prints each event of the call as a line of JSON before the result\n"
    "  -          reads the arguments from standard input\n\n"
    "hearth call system.info lists the methods; /openrpc.json of the daemon describes them.\n\n"
};
