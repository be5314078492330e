/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "client/client.h"

static int run(cli *c, int argc, char **argv)
{
    static char       data_dir[CLIENT_PATH], host[256];
    const char       *listen = "127.0.0.1:1337";
    bool              open = false, allow_remote = false;
    int64_t           until_eof = -1;
    args_list         hosts = { { NULL }, 0 }, origins = { { NULL }, 0 };
    const args_option options[] = {
        { "listen", ARGS_TEXT, &listen, NULL },
        { "open", ARGS_FLAG, &open, NULL },
        { "allow-remote", ARGS_FLAG, &allow_remote, NULL },
        { "host", ARGS_LIST, &hosts, NULL },
        { "allow-origin", ARGS_LIST, &origins, NULL },
        { "until-eof", ARGS_INT, &until_eof, NULL },
        { NULL, ARGS_END, NULL, NULL },
    };
    hearth_err        err = { 0 };
    int               operands = 0;
    cli_serve_options o = { .data_dir = data_dir };
    if (args_parse(options, argc, argv, &operands, &err) < 0)
        return cli_usage("serve", "%s", err.msg);
    if (operands)
        return cli_usage("serve", "serve takes options only, not \"%.60s\"", argv[1]);
    if (client_data_dir(c->data, data_dir, &err) < 0)
        return cli_usage("serve", "%s", err.msg);
    if (strcmp(listen, "none") != 0) {
        if (args_listen(listen, host, sizeof host, &o.port, &err) < 0)
            return cli_usage("serve", "%s", err.msg);
        o.host = host;
    }
    if (until_eof < -1 || until_eof > 65535)
        return cli_usage("serve", "--until-eof takes the number of an open socket");
    o.until_eof = (int)until_eof;
    o.open = open;
    o.allow_remote = allow_remote;
    o.hosts = hosts.all;
    o.origins = origins.all;
    return c->serve(&o);
}

const cli_command cli_serve = {
    "serve", "[--listen HOST:PORT] [--open]", "runs the daemon", run,
    "  --listen HOST:PORT   where HTTP is served (127.0.0.1:1337); port 0 picks one, `none` serves the unix socket "
    "only\n"
    "  --open               opens the page in a browser, signed in, and prints the address for it\n"
    "  --allow-remote       lets --listen name an address that other machines reach; everybody needs the token then\n"
    "  --host NAME          a further name in the Host header that is this Hearth's (may come again)\n"
    "  --allow-origin URL   an origin whose pages may use this Hearth, as https://app.example (may come again)\n"
    "  --until-eof FD       ends when the other end of this socket closes: for programs that start a daemon of their "
    "own\n\n"
    "HEARTH_LOG=debug|info|warn|error chooses what is logged. Ctrl-C stops it, twice at once.\n\n"
};
