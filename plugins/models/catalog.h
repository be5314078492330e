/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* catalog: the models that one scan found. Built by the worker, immutable on the loop, replaced as a whole. */
#ifndef MODELS_CATALOG_H
#define MODELS_CATALOG_H

#include <hearth/host.h>

#include "gguf.h"

enum { CATALOG_MAX_MODELS = 4096, CATALOG_MAX_ID = 200 };

typedef enum model_source { MODEL_SOURCE_INVALID = 0, MODEL_BUILTIN, MODEL_FOLDER, MODEL_PATH } model_source;

typedef struct model {
    hearth_str    id, title, description; /* of the catalog's arena, as all texts; NUL-terminated */
    const char   *engine;                 /* "engine-llama" */
    hearth_str   *files;                  /* absolute; the first is the one to open */
    size_t        file_count;
    uint64_t      size_bytes, stamp;
    model_source  source;
    bool          is_starter;
    gguf_info     info;
    hearth_code   code;        /* what is wrong with it, else HEARTH_OK */
    hearth_str    problem;     /* and in words */
    hearth_value *recommended; /* sampling that its maker advises, or NULL */
} model;

typedef struct catalog {
    hearth_arena arena;
    model       *models;
    size_t       count;
} catalog;

/* Owner: the caller, catalog_free (NULL is fine). Errors: NULL out of memory. Thread: one at a time. */
catalog *catalog_new(void);
void     catalog_free(catalog *c);
/* A new zeroed model at the end, with a unique id made from `id`; NULL when it is full or memory runs out. */
model *catalog_add(catalog *c, hearth_str id);
/* Takes the last one off again. */
void catalog_drop(catalog *c);
/* Borrowed, or NULL. */
const model *catalog_find(const catalog *c, hearth_str id);
const model *catalog_find_file(const catalog *c, hearth_str path);
/* How many ids of `a` are not in `b`. */
size_t catalog_missing(const catalog *a, const catalog *b);
/* Whether they would show differently. */
bool catalog_differs(const catalog *a, const catalog *b);

/* The model as methods.json describes it. `live` is what inference last said of it, or NULL; without
 * `with_paths` nothing tells where it lies. */
hearth_value *catalog_value(hearth_ctx *ctx, const model *m, const hearth_value *live, bool with_paths);

#endif
