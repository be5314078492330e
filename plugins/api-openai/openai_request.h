/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* openai_request: what an OpenAI client asks, checked and turned into arguments of inference.*. Pure.
 *
 * Unknown fields are ignored, null is the same as absent, a wrong type or range is named with its path
 * ("messages[2].content[0].type"): that is what OpenAI does, and what its clients count on. Fields that say nothing
 * to a local model (user, store, metadata …) are checked and dropped. */
#ifndef API_OPENAI_REQUEST_H
#define API_OPENAI_REQUEST_H

#include <hearth/host.h>

enum {
    OPENAI_MAX_CHOICES = 16,
    OPENAI_MAX_MESSAGES = 10000,
    OPENAI_MAX_TOOLS = 128,
    OPENAI_MAX_STOPS = 4,
    OPENAI_MAX_STOP_BYTES = 1024,
    OPENAI_MAX_INPUTS = 2048
};

typedef enum openai_kind { OPENAI_INVALID = 0, OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_EMBEDDING } openai_kind;

typedef struct openai_request {
    openai_kind         kind;
    hearth_value       *params;  /* for inference.chat, .complete, .embed; without seed */
    hearth_str          model;   /* borrowed from params */
    const hearth_value *prompts; /* completion: borrowed from the body; one choice each, n times */
    size_t              prompt_count;
    uint32_t            n; /* choices, of each prompt */
    int32_t             top_logprobs;
    uint32_t            seed;
    bool                has_seed, is_stream, wants_usage, wants_logprobs, wants_echo, wants_base64;
} openai_request;

/* What is wrong, and where. */
typedef struct openai_problem {
    hearth_err err;
    char       param[96];
} openai_problem;

/* Reads a body. Owner: the caller, openai_request_deinit, also after a failure. Thread: any.
 * Errors: invalid_argument with `problem` filled; no_memory. */
hearth_code openai_request_read(hearth_ctx *ctx, openai_kind kind, const hearth_value *body, openai_request *r,
                                openai_problem *problem);
void        openai_request_deinit(openai_request *r);

/* The arguments of one choice: its prompt, and a seed of its own. Owner: the caller. */
hearth_value *openai_request_choice(hearth_ctx *ctx, const openai_request *r, uint32_t index);

/* -- for the files of the reader ------------------------------------------------------------------------------------ */

/* Fills the problem (the first one stays) and returns invalid_argument. */
hearth_code openai_refuse(openai_problem *p, const char *param, const char *fmt, ...) HEARTH_PRINTF(3, 4);
/* The member, or NULL when it is absent or null. */
const hearth_value *openai_given(const hearth_value *object, const char *key);
/* "a string", "an array" … */
const char *openai_kind_words(const hearth_value *v);

/* openai_messages.c: checks messages and puts them in the one form that inference takes: content as text. */
hearth_code openai_messages_read(hearth_ctx *ctx, const hearth_value *body, hearth_value *params,
                                 openai_problem *problem);
/* openai_tools.c: tools, tool_choice, response_format. */
hearth_code openai_tools_read(const hearth_value *body, hearth_value *params, openai_problem *problem);
hearth_code openai_format_read(const hearth_value *body, hearth_value *params, openai_problem *problem);

#endif
