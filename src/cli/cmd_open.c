/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "client/browser.h"

static int run(cli *c, int argc, char **argv)
{
    bool              only_print = false;
    const args_option options[] = { { "print", ARGS_FLAG, &only_print, NULL }, { NULL, ARGS_END, NULL, NULL } };
    hearth_err        err = { 0 };
    int               operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0 || operands)
        return cli_usage("open", "%s", err.msg[0] ? err.msg : "open takes no operands");
    hearth_value *result = cli_connect(c, true) ? cli_request(c, "sessions.key.create", NULL, NULL, NULL, NULL) : NULL;
    if (!result || c->json)
        return cli_print(result);
    char url[512];
    hearth_str_copy(url, sizeof url, hearth_get_str(result, "url"));
    hearth_value_unref(result);
    printf("%s\n", url);
    if (!only_print)
        client_start_browser(url);
    return CLI_OK;
}

const cli_command cli_open = { "open", "[--print]", "opens the page of the running daemon, signed in", run,
                               "  --print   prints the address only; it works once, within ten minutes\n\n" };
