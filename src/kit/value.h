/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* value.h: what the owner of the values may do beside everybody's hearth/value.h: the daemon, the plugin host and
 * the client library, each of which carries value.c in its image. */
#ifndef KIT_VALUE_H
#define KIT_VALUE_H

#include <hearth/value.h>

/* Makes hearth_values() of this image answer value.c's own table. Thread: the first one, before there are others.
 * Called twice does nothing more. */
void value_install(void);

/* The table itself, for the host's table. Owner: static. Thread: any. */
const hearth_value_api *value_table(void);

/* bind.c: makes hearth_values() answer `table`. value_install calls it. */
void value_use(const hearth_value_api *table);

/* The key of the hash tables of large objects; 16 random bytes. Thread: the first one, before the first value. */
void value_set_key(const uint8_t key[16]);

/* Told of each value's memory, when it is taken (over 0) and given back (under 0). A value may outlive the plugin
 * that built it: `ctx` is a name to look up, never a pointer to follow. Thread: `fn` runs on any. */
void value_set_account(void (*fn)(hearth_ctx *ctx, ptrdiff_t bytes));

/* No more building on this document: called by whoever takes a value (reply, emit, call). A later put or add makes
 * the value bad instead of changing what others read. Thread: any. */
void value_freeze(const hearth_value *v);

#endif
