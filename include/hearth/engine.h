/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine.h: what runs a model. One child process serves one model.
 *
 *     static void submit(void *self, hearth_req *req, const hearth_engine_request *r)
 *     {
 *         ... hearth_push_text(req, HEARTH_TEXT, piece);              // as often as there is text
 *         hearth_engine_finish(req, &(hearth_engine_result){ .finish = HEARTH_FINISH_STOP, ... });
 *     }
 *     static const hearth_engine_ops ops = { .size = sizeof ops, .open = open_model, .submit = submit, ... };
 *     static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
 *     {
 *         return hearth_engine_serve(ctx, &ops, self, err);
 *     }
 *
 * An engine knows tokens, text and samplers. It never sees a thread or a user: `lane` is an opaque number for fair
 * queueing. Text ends on UTF-8 boundaries; stop strings and tool-call parsing are the engine's. The functions of the
 * table run on the child's loop thread; a decode thread tells of its tokens with hearth_push_many and of ends with
 * hearth_post. hearth_engine_serve registers the methods engine.open, engine.submit, engine.embed, engine.rerank,
 * engine.tokenize, engine.detokenize, engine.stats and translates between their arguments and these structs. */
#ifndef HEARTH_ENGINE_H
#define HEARTH_ENGINE_H

#include <hearth/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hearth_finish {
    HEARTH_FINISH_INVALID = 0,
    HEARTH_FINISH_STOP,       /* the model ended its turn, or a stop string came */
    HEARTH_FINISH_LENGTH,     /* max_tokens or the context is used up */
    HEARTH_FINISH_TOOL_CALLS,
    HEARTH_FINISH_CANCELLED
} hearth_finish;

/* Sampling, with every field set: an absent argument holds the neutral or default value written here. */
typedef struct hearth_sampling {
    uint32_t size;
    uint32_t seed;           /* HEARTH_SEED_RANDOM: chosen by the engine */
    int32_t  top_k;          /* 40; 0: all */
    int32_t  repeat_last_n;  /* 64; -1: the context */
    int32_t  n_probs;        /* 0; up to 20 */
    float    temperature;    /* 0.8; 0: greedy */
    float    top_p;          /* 0.95; 1: off */
    float    min_p;          /* 0.05; 0: off */
    float    typical_p;      /* 1: off */
    float    repeat_penalty; /* 1: off */
    float    presence_penalty, frequency_penalty; /* 0: off */
} hearth_sampling;

#define HEARTH_SEED_RANDOM 0xFFFFFFFFu

/* Borrowed for the call. Exactly one of messages, prompt, tokens is given. */
typedef struct hearth_engine_request {
    uint32_t            size;
    uint64_t            lane;
    const hearth_value *messages;   /* OpenAI shapes */
    const hearth_value *tools;      /* or NULL */
    const hearth_value *tool_choice;/* or NULL */
    const hearth_value *json_schema;/* or NULL */
    const hearth_value *logit_bias; /* {"token id": bias} or NULL */
    const hearth_value *stop;       /* array of strings or NULL */
    const hearth_value *template_arguments; /* chat_template_kwargs or NULL */
    hearth_str          prompt;
    hearth_str          grammar;    /* GBNF or empty */
    hearth_str          cache_hint; /* opaque: requests with the same hint share a prefix */
    const int32_t      *tokens;
    size_t              token_count;
    int32_t             max_tokens; /* -1: until the end of turn or of the context */
    bool                ignore_eos;
    hearth_sampling     sampling;
} hearth_engine_request;

typedef struct hearth_engine_result {
    uint32_t            size;
    hearth_finish       finish;
    hearth_str          text;            /* the whole text, as streamed */
    hearth_str          reasoning;
    hearth_str          stop_string;     /* the one that came, or empty */
    const hearth_value *tool_calls;      /* array or NULL */
    uint32_t            prompt_tokens, completion_tokens, cached_tokens;
    double              prompt_ms, predicted_ms;
} hearth_engine_result;

typedef struct hearth_engine_open {
    uint32_t            size;
    const hearth_str   *files;    /* absolute paths; the first is the model */
    size_t              file_count;
    const hearth_value *settings; /* object: context, slots, threads, batch, gpu_layers … */
} hearth_engine_open;

/* Append only. An engine leaves out what it does not do: the caller gets `unsupported`. */
typedef struct hearth_engine_ops {
    uint32_t size;
    /* Loads the model; hearth_push_progress on the way; answers {context, slots, memory_bytes, architecture,
     * parameters, has_chat_template, vocabulary, ...}. */
    void (*open)(void *self, hearth_req *req, const hearth_engine_open *o);
    /* Generates: streams events, ends with hearth_engine_finish or hearth_fail. Cancelling a request frees its
     * slot within one step. */
    void (*submit)(void *self, hearth_req *req, const hearth_engine_request *r);
    void (*tokenize)(void *self, hearth_req *req, hearth_str text, bool add_special, bool parse_special);
    void (*detokenize)(void *self, hearth_req *req, const int32_t *tokens, size_t n);
    /* The prompt that `messages` would become. */
    void (*apply_template)(void *self, hearth_req *req, const hearth_engine_request *r);
    void (*embed)(void *self, hearth_req *req, const hearth_value *inputs);
    void (*rerank)(void *self, hearth_req *req, hearth_str query, const hearth_value *documents);
    /* {slots:[{id, is_busy, ...}], memory_bytes, ...} */
    void (*stats)(void *self, hearth_req *req);
} hearth_engine_ops;

/* Registers the engine's methods. Owner: `ops` and `self` are borrowed until dispose. Thread: loop.
 * Errors: as hearth_serve. Since: 1.0 */
hearth_code hearth_engine_serve(hearth_ctx *ctx, const hearth_engine_ops *ops, void *self, hearth_err *err);

/* Ends a submitted request with its result. Everything is copied. Thread: loop. Since: 1.0 */
void hearth_engine_finish(hearth_req *req, const hearth_engine_result *result);

/* "stop", "length", "tool_calls", "cancelled". Thread: any. Since: 1.0 */
const char *hearth_finish_name(hearth_finish finish);

#ifdef __cplusplus
}
#endif
#endif
