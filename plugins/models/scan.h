/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* scan: finds model files and reads their headers. Worker only. */
#ifndef MODELS_SCAN_H
#define MODELS_SCAN_H

#include "catalog.h"

/* Looks at the starter, at models/ in the data folder, and at `paths`, an array of {id, path}. A file that is as it
 * was in `previous` (may be NULL) is not read again. A file with something wrong is a model with a problem.
 * Owner: the caller. Errors: NULL with no_memory, io, too_large in `err`. Thread: worker. */
catalog *scan_all(hearth_ctx *ctx, const catalog *previous, const hearth_value *paths, hearth_err *err);

/* Checks one file that a person wants to use in place: `path` as given, `real` its resolved path (of the first part
 * when the model is split), `id` what it should be called. Errors: invalid_argument, not_found, damaged, … */
hearth_code scan_check(hearth_str path, hearth_buf *real, hearth_buf *id, hearth_err *err);

#endif
