/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* scan: reads logs: which there are, and what is new in one of them. Blocking: for workers. */
#ifndef STORE_FOLDER_SCAN_H
#define STORE_FOLDER_SCAN_H

#include <hearth/plugin.h>

/* The longest line that append takes and scan gives; a longer one in a file is skipped and counted. */
#define SCAN_LINE_MAX_BYTES  (8u << 20)
#define SCAN_LIMIT_BYTES     (1u << 20) /* what one scan reads by default */
#define SCAN_LIMIT_MAX_BYTES (8u << 20)
#define SCAN_MAX_LOGS        1000000u
#define SCAN_MAX_FILES       1000u /* that one log may consist of */
#define SCAN_MAX_DEPTH       4u

/* {logs: [{log, bytes, files: {name: bytes}}]} of every log whose name begins with `prefix`.
 * Owner: `out` is the caller's. Thread: worker. Errors: invalid_argument, too_large, io, no_memory. Since: 1.0 */
hearth_code scan_list(hearth_ctx *ctx, hearth_str prefix, hearth_value **out, hearth_err *err);

/* {lines: [text], next: {file: bytes}, skipped, is_end}: whole lines of a log's files after the positions in `from`
 * ({file: bytes}, NULL for the start), about `limit` bytes of them. A line at the end that is not finished yet is
 * left for a later scan. Owner: `out` is the caller's. Thread: worker.
 * Errors: conflict when a position fits no line of its file any more, so that the reader must start over;
 * too_large, io, no_memory. Since: 1.0 */
hearth_code scan_log(hearth_ctx *ctx, hearth_str log, const hearth_value *from, size_t limit, hearth_value **out,
                     hearth_err *err);

#endif
