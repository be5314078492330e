/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* index_query: what the index answers. Thread: worker. Owner: results are the caller's. Since: 1.0 */
#ifndef THREADS_INDEX_QUERY_H
#define THREADS_INDEX_QUERY_H

#include "index.h"

#define QUERY_MAX_LIMIT 1000u
#define QUERY_MAX_BYTES 400u
#define QUERY_MAX_WORDS 24u

/* {threads, next}: pinned ones first, then the latest; `cursor` is an earlier `next` or empty, `query` words that the
 * title or a message has, or empty. Errors: invalid_argument (not a cursor), io. */
hearth_code query_list(index_db *ix, uint64_t limit, hearth_str cursor, hearth_str query, hearth_value **out,
                       hearth_err *err);

/* The Thread; deleted ones are told too. Errors: not_found, io. */
hearth_code query_thread(index_db *ix, hearth_str id, hearth_value **out, hearth_err *err);
/* {thread, messages}: all branches, in the order in which they began. Errors: not_found, io. */
hearth_code query_get(index_db *ix, hearth_str id, hearth_value **out, hearth_err *err);
/* One Message. Errors: not_found, io. */
hearth_code query_message(index_db *ix, hearth_str thread, hearth_str id, hearth_value **out, hearth_err *err);

/* {hits}: titles first, then messages, the newest first. Errors: io. */
hearth_code query_search(index_db *ix, hearth_str query, uint64_t limit, hearth_value **out, hearth_err *err);
/* {messages} that this device has in state running. Errors: io. */
hearth_code query_running(index_db *ix, hearth_str device, hearth_value **out, hearth_err *err);

#endif
