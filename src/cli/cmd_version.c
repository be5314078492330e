/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "cli/cli.h"
#include "hearth_config.h"

static int run(cli *c, int argc, char **argv)
{
    (void)argv;
    if (argc > 1 && argv[0][0] != '-')
        return cli_usage("version", "version takes no operands");
    if (c->json)
        printf("{\"version\":\"%s\",\"abi\":[%u,%u]}\n", HEARTH_VERSION, HEARTH_ABI_MAJOR, HEARTH_ABI_MINOR);
    else
        printf("hearth %s\n", HEARTH_VERSION);
    return CLI_OK;
}

const cli_command cli_version = { "version", "", "tells which Hearth this is", run, "" };
