/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"

static int print_checks(const hearth_value *checks)
{
    bool   has_failed = false;
    size_t width = show_width(checks, "title");
    for (size_t i = 0; i < hearth_count(checks); i++) {
        const hearth_value *check = hearth_at(checks, i);
        hearth_str          status = hearth_get_str(check, "status");
        bool                is_fail = hearth_str_is(status, "fail");
        has_failed |= is_fail;
        term_cell(stdout, is_fail ? TERM_RED : hearth_str_is(status, "warn") ? TERM_YELLOW : TERM_GREEN, status, 4);
        show_text(check, "title", TERM_PLAIN, width);
        term_put(stdout, TERM_DIM, hearth_get_str(check, "detail"));
        fputc('\n', stdout);
    }
    return has_failed ? CLI_FAILED : CLI_OK;
}

static int run(cli *c, int argc, char **argv)
{
    const args_option options[] = { { NULL, ARGS_END, NULL, NULL } };
    hearth_err        err = { 0 };
    int               operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0 || operands)
        return cli_usage("doctor", "%s", err.msg[0] ? err.msg : "doctor takes no operands");
    hearth_value *result = cli_connect(c, false) ? cli_request(c, "system.doctor", NULL, NULL, NULL, NULL) : NULL;
    if (!result || c->json)
        return cli_print(result);
    int status = print_checks(hearth_get(result, "checks"));
    hearth_value_unref(result);
    return status;
}

const cli_command cli_doctor = { "doctor", "", "checks folder, isolation, engines and plugins", run,
                                 "The exit status is 1 when a check failed.\n\n" };
