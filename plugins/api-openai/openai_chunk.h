/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* openai_chunk: the exact shapes that OpenAI clients read, written straight into a buffer. Pure.
 *
 * What is the same in every chunk of a stream is written once, into `head` and `tail`; a token then costs two copies
 * and one JSON escape, and no document is built for it. */
#ifndef API_OPENAI_CHUNK_H
#define API_OPENAI_CHUNK_H

#include "openai_request.h"

typedef struct openai_writer {
    openai_kind kind;
    hearth_buf  head;  /* up to "index": */
    hearth_buf  tail;  /* from the end of the choices on */
    hearth_buf  facts; /* "id":…,"created":…,"model":…,"system_fingerprint":… */
} openai_writer;

/* `id` without its prefix; the version of Hearth becomes the fingerprint. Owner: deinit. Errors: no_memory. */
hearth_code openai_writer_init(openai_writer *w, openai_kind kind, const char *id, uint64_t created_s, hearth_str model,
                               hearth_str version, bool wants_usage);
void        openai_writer_deinit(openai_writer *w);

/* -- one event of a stream each, "data: {...}\n\n". `out` is appended to; failures show in out->failed. `logprobs` is
 * a list of JSON objects without brackets, or empty. */
void openai_put_role(hearth_buf *out, const openai_writer *w, uint32_t index);
void openai_put_text(hearth_buf *out, const openai_writer *w, uint32_t index, hearth_str text, hearth_str logprobs);
void openai_put_reasoning(hearth_buf *out, const openai_writer *w, uint32_t index, hearth_str text);
/* `call`: {index, id?, name?, arguments?}; id and name come with the first fragment only. */
void openai_put_tool_call(hearth_buf *out, const openai_writer *w, uint32_t index, const hearth_value *call);
/* The last delta, empty, with the reason why it ended. `timings` may be NULL. */
void openai_put_finish(hearth_buf *out, const openai_writer *w, uint32_t index, const char *reason, hearth_str logprobs,
                       const hearth_value *timings);
/* What came together over all choices. */
typedef struct openai_usage {
    uint64_t prompt, completion, cached, reasoning;
} openai_usage;
void openai_put_usage_chunk(hearth_buf *out, const openai_writer *w, const openai_usage *u);
void openai_put_done(hearth_buf *out);

/* -- whole bodies ------------------------------------------------------------------------------------------------------ */

/* One finished choice: what inference answered, and the logprobs that came. */
typedef struct openai_choice {
    const hearth_value *result;
    hearth_str          logprobs;
    hearth_str          echo; /* put before the text of a completion */
} openai_choice;

void openai_put_answer(hearth_buf *out, const openai_writer *w, const openai_choice *choices, size_t n,
                       bool has_logprobs, const openai_usage *u);
/* {"error":{...}} with OpenAI's names. `details`: {param, n_prompt_tokens, n_ctx} or NULL. */
void openai_put_error(hearth_buf *out, hearth_code code, hearth_str message, hearth_str param,
                      const hearth_value *details);
/* The HTTP status that belongs to a code here; at most 503. */
int openai_status(hearth_code code);
/* A model of models.list; `created_s` is told of all. */
void openai_put_model(hearth_buf *out, const hearth_value *model, uint64_t created_s);
void openai_put_embeddings(hearth_buf *out, hearth_str model, const hearth_value *result, bool is_base64);

/* One element of logprobs.content, with at most `top` alternatives. A comma goes before it when out is not empty. */
void openai_put_logprob(hearth_buf *out, const hearth_value *data, int32_t top);

#endif
