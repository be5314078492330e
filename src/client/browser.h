/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* browser: shows an address in the person's browser, for the command line and the daemon. */
#ifndef HEARTH_CLIENT_BROWSER_H
#define HEARTH_CLIENT_BROWSER_H

/* Does nothing where there is no display. Blocks for a few milliseconds. Thread: any. */
void client_start_browser(const char *url);

#endif
