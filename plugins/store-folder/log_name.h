/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_name: what a log is called, and which files hold it.
 *
 * A log is named like a path without an extension: "threads/01J…/01H…". Its lines lie in NAME.jsonl and, after a
 * failed write or a file sync's conflict, in further files NAME.<anything>.jsonl. Pure: no file is touched here. */
#ifndef STORE_FOLDER_LOG_NAME_H
#define STORE_FOLDER_LOG_NAME_H

#include <hearth/kit.h>

#define LOG_NAME_MAX_BYTES 240u
#define LOG_EXTENSION      ".jsonl"

/* Parts of [A-Za-z0-9_-] with slashes between, not below local/: that half is not a store's.
 * Thread: any. Since: 1.0 */
bool log_name_is_good(hearth_str log);

/* The folder of a log, "" when it has none, and the log's last part. Borrowed from `log`. Thread: any. Since: 1.0 */
hearth_str log_name_folder(hearth_str log);
hearth_str log_name_last(hearth_str log);

/* The part of a file's name that names its log ("a.1.jsonl" → "a"), or {NULL, 0} when it is no log file.
 * Thread: any. Since: 1.0 */
hearth_str log_name_of_file(hearth_str file);

#endif
