/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "client/client.h"

/* Read from its file: whoever may read that may have the token, with or without a daemon. */
static int run(cli *c, int argc, char **argv)
{
    char              dir[CLIENT_PATH], path[CLIENT_PATH + 16], token[64] = "";
    const args_option options[] = { { NULL, ARGS_END, NULL, NULL } };
    hearth_err        err = { 0 };
    int               operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0 || operands)
        return cli_usage("token", "%s", err.msg[0] ? err.msg : "token takes no operands");
    if (client_data_dir(c->data, dir, &err) < 0)
        return cli_fail(&err);
    snprintf(path, sizeof path, "%s/local/token", dir);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(token, sizeof token, f)) {
        int e = f ? EIO : errno;
        if (f)
            fclose(f);
        hearth_err_set(&err, HEARTH_NOT_FOUND, "token",
                       e == ENOENT ? "%s has no token yet; it is made at the first `hearth serve`"
                                   : "the token of %s cannot be read",
                       dir);
        return cli_fail(&err);
    }
    fclose(f);
    token[strcspn(token, "\r\n")] = 0;
    printf(c->json ? "{\"token\":\"%s\"}\n" : "%s\n", token);
    return CLI_OK;
}

const cli_command cli_token = {
    "token", "", "prints the install token, for Authorization: Bearer", run,
    "Whoever has it is the owner of this Hearth: give it to programs of your own only.\n\n"
};
