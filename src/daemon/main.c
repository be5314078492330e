/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hearth: the command line, and behind its `serve` the daemon. The commands know the daemon only as a program to talk to, so
 * the one that becomes it is handed in here. */
#include "cli/entry.h"
#include "daemon/serve.h"

int main(int argc, char **argv) { return cli_main(argc, argv, serve_run); }
