/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* chat_c.h: what llama.cpp offers only in C++, behind a C face: chat templates, the reading of answers (reasoning,
 * tool calls), JSON schema to grammar, and guards around samplers that may throw.
 *
 *     chat_plan *plan = chat_apply(c, json, n, error, sizeof error);     // 4 to 30 ms: on a worker
 *     ... generate from chat_plan_view(plan)->prompt ...
 *     n = chat_plan_read(plan, text, length, false, &deltas);            // now and then, on all text so far
 *
 * No C++ type and no exception crosses this border. Thread: a chat may be applied by one thread while another reads
 * with a plan that it gave; a plan belongs to one thread at a time. */
#ifndef ENGINE_LLAMA_CHAT_C_H
#define ENGINE_LLAMA_CHAT_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct llama_model;
struct llama_vocab;
struct llama_sampler;
struct llama_token_data_array;

typedef struct chat      chat;      /* the templates of one model */
typedef struct chat_plan chat_plan; /* what one request became, and how its answer is read */

/* Owner: the caller, chat_free; borrows the model. NULL with `error` filled when the template cannot be read. */
chat *chat_new(const struct llama_model *model, char *error, size_t error_size);
void  chat_free(chat *c);

/* Whether the model brought a template of its own (else ChatML is assumed). */
bool chat_has_template(const chat *c);

/* Views into the plan. Strings are NUL-terminated. */
typedef struct chat_view {
    const char *prompt;
    size_t      prompt_n;
    bool        is_plain; /* the answer is text and nothing else: no need to read it */
    const char *const *stops;
    size_t             stop_count;
} chat_view;

/* `request` is JSON: {messages, tools?, tool_choice?, json_schema?, chat_template_kwargs?}, OpenAI's shapes.
 * Owner: the caller, chat_plan_free. NULL with `error` filled: the template refuses these messages.
 * Thread: worker. */
chat_plan       *chat_apply(const chat *c, const char *request, size_t n, char *error, size_t error_size);
void             chat_plan_free(chat_plan *plan);
const chat_view *chat_plan_view(const chat_plan *plan);

/* The grammar that tools or a schema ask for, made ready to sample with. `*out` is NULL when there is none.
 * Owner: the caller, llama_sampler_free. False with `error` filled when it cannot be made. Thread: worker. */
bool chat_plan_grammar(const chat_plan *plan, const struct llama_vocab *vocab, struct llama_sampler **out,
                       char *error, size_t error_size);

/* Whether a control token is part of what the reader looks for and must be written out. */
bool chat_plan_keeps(const chat_plan *plan, int32_t token);

typedef enum chat_delta_kind { CHAT_DELTA_TEXT = 1, CHAT_DELTA_REASONING, CHAT_DELTA_TOOL_CALL } chat_delta_kind;

typedef struct chat_delta {
    chat_delta_kind kind;
    const char     *text; /* the text, or the next fragment of the arguments */
    size_t          text_n;
    size_t          index; /* of the tool call */
    const char     *id, *name; /* in the first fragment of a tool call, else NULL */
} chat_delta;

/* Reads all text so far; gives what is new since the last reading, borrowed until the next. Returns how many, or
 * -1 when the text does not fit the model's format. Costs about 0.5 ms for a short answer and more for a long
 * one: not for every token. Thread: decode. */
int chat_plan_read(chat_plan *plan, const char *text, size_t n, bool is_whole, const chat_delta **deltas);

typedef struct chat_call {
    const char *id, *name, *arguments;
} chat_call;

/* What was read in all; borrowed. */
const char *chat_plan_text(const chat_plan *plan, size_t *n);
const char *chat_plan_reasoning(const chat_plan *plan, size_t *n);
size_t      chat_plan_call_count(const chat_plan *plan);
chat_call   chat_plan_call(const chat_plan *plan, size_t i);

/* -- grammars. NULL or false: it cannot be made, or cannot go on; nothing was thrown. ---------------------------- */

/* `gbnf` from a caller, or made from a JSON schema. Owner: the caller, llama_sampler_free. Thread: worker. */
struct llama_sampler *grammar_new(const struct llama_vocab *vocab, const char *gbnf);
struct llama_sampler *grammar_new_from_schema(const struct llama_vocab *vocab, const char *schema, char *error,
                                              size_t error_size);
/* Thread: decode. */
bool grammar_filter(struct llama_sampler *grammar, struct llama_token_data_array *candidates);
bool grammar_accept(struct llama_sampler *grammar, int32_t token);

/* Cores, not hardware threads; at least 1. */
int32_t physical_cores(void);

#ifdef __cplusplus
}
#endif
#endif
