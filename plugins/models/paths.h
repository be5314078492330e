/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* paths: local/paths.json, the models that are used where the user keeps them: {"models":[{"id","path"}]}.
 * Members that are not known here are kept. Thread: worker. */
#ifndef MODELS_PATHS_H
#define MODELS_PATHS_H

#include "catalog.h"

/* Reads the file; a missing one is empty. Owner: the caller. Errors: damaged, io … with *out NULL. */
hearth_code paths_read(hearth_ctx *ctx, hearth_value **out, hearth_err *err);
/* Adds `path` under an id made from `stem` that neither `taken` nor the file has, and writes the file. *paths is
 * replaced. Errors: io, disk_full, read_only, too_large; then nothing has changed. */
hearth_code paths_add(hearth_ctx *ctx, hearth_value **paths, hearth_str stem, hearth_str path, const catalog *taken,
                      char *id, size_t id_size, hearth_err *err);
/* Takes `id` off again. Errors: not_found, and as above. */
hearth_code paths_remove(hearth_ctx *ctx, hearth_value **paths, hearth_str id, hearth_err *err);

#endif
