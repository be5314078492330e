/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* model.h: a model in memory: its settings, its loading with progress, and what is known of it.
 *
 * A file that is damaged, of an unknown architecture or too big ends in one sentence that says so, taken from
 * llama.cpp's own log. Loading can be stopped at any time. Thread: one, the decode thread; settings are read on
 * the loop. */
#ifndef ENGINE_LLAMA_MODEL_H
#define ENGINE_LLAMA_MODEL_H

#include <stdatomic.h>

#include <hearth/engine.h>

#include "chat_c.h"
#include "llama.h"
#include "sampler.h"

#define MODEL_MAX_SLOTS 64

/* 0 (or -1 where 0 means something) lets the engine choose. */
typedef struct model_settings {
    int32_t  context;       /* tokens of one conversation */
    int32_t  slots;         /* conversations at a time */
    int32_t  threads;       /* physical cores minus one, at least 1 */
    int32_t  batch, ubatch; /* tokens of one step, and of one pass through the model */
    int32_t  queue;         /* requests that may wait for a slot */
    int32_t  gpu_layers;    /* -1: all */
    int32_t  kv_unified;    /* -1: chosen; 1: all slots share `context` tokens of memory */
    enum llama_flash_attn_type flash_attention;
    enum ggml_type             kv_type_k, kv_type_v;
    bool     use_mmap, use_mlock;
} model_settings;

/* Reads the object of hearth_engine_open. Errors: invalid_argument naming the setting. Thread: loop. */
hearth_code model_settings_read(model_settings *s, const hearth_value *from, hearth_err *err);

typedef struct model {
    struct llama_model   *llama;
    struct llama_context *context;
    struct ggml_threadpool *threadpool; /* NULL with one thread */
    chat                 *chat; /* NULL: its template cannot be read */
    vocabulary            words;
    model_settings        settings;    /* with every choice made */
    int32_t               context_max; /* tokens that one conversation may hold */
    int32_t               window;      /* of sliding attention, 0: none */
    uint64_t              memory_bytes;
} model;

/* `progress` runs on the calling thread, from 0 to 1, and stops the load by returning false. */
typedef struct model_open_options {
    hearth_ctx    *ctx;
    const char    *path;      /* of the first file */
    const char    *libraries; /* the folder of llama.cpp's backends */
    model_settings settings;
    bool         (*progress)(void *arg, float done);
    void          *arg;
} model_open_options;

/* Owner: the caller's memory, model_close. Errors: damaged, unsupported, no_memory, incompatible, cancelled,
 * not_found. Thread: decode. */
hearth_code model_open(model *m, const model_open_options *o, hearth_err *err);
/* Accepts a zeroed one. */
void model_close(model *m);

/* What engine.open answers. Owner: the caller. Thread: loop, after the load. */
hearth_value *model_describe(const model *m, hearth_ctx *ctx);

#endif
