/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* completion: one chat completion or completion on its way: its choices under way, its stream, its end. */
#ifndef API_OPENAI_COMPLETION_H
#define API_OPENAI_COMPLETION_H

#include "openai_chunk.h"

typedef struct completion completion;

/* Serves a request that came by a route: reads the body (large ones on a worker), asks inference, answers. It ends
 * itself, at the latest when the client is gone, and stays in `list` until then. Thread: loop. */
void completion_begin(hearth_ctx *ctx, hearth_req *req, openai_kind kind, completion **list);
/* Frees those that the host has ended without them; for dispose. */
void completion_free_all(completion **list);

/* One whole JSON reply, and an error in OpenAI's shape. Both end the request. */
void openai_reply(hearth_req *req, int status, hearth_buf *body);
void openai_fail(hearth_req *req, hearth_code code, hearth_str message, hearth_str param, const hearth_value *details);

#endif
