/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* chat: a turn in a thread, from the question to the saved answer.
 *
 * Owns: the turns that run (turn.c), what they have written so far in local/jobs/<job>.part (part.c), what is told to
 * the model (context.c), and what becomes of answers that a crash cut off (recover.c).
 * It is what holds the others together, so that none of them needs to know another: `threads` keeps messages and
 * knows no model, `inference` answers and knows no thread. Each turn is a job: it goes on when the page closes, others
 * may attach to it, its events are numbered.
 *
 * Must not know: how a message is stored, which engine answers, who listens.
 * Thread: loop; only part files are read and written on the worker.
 * Fails: the question is safe before the model is asked, the answer before the request is answered. A turn ends in one
 * of four states that everybody can see: complete, stopped (with what it had), failed (with the reason), interrupted
 * (named at the next start). One turn runs per thread; a second one is a `conflict` that says how to go on. */
#include "chat.h"

static void send(hearth_req *req, void *self) { turn_start(self, req, TURN_SEND); }

static void regenerate(hearth_req *req, void *self) { turn_start(self, req, TURN_REGENERATE); }

static void stop(hearth_req *req, void *self)
{
    chat         *c = self;
    hearth_value *v = hearth_object(c->ctx);
    hearth_put_u64(v, "stopped", turn_stop(c, hearth_get_str(hearth_params(req), "thread")));
    hearth_reply(req, v);
}

static void running(hearth_req *req, void *self)
{
    chat         *c = self;
    hearth_value *v = hearth_object(c->ctx);
    hearth_put(v, "turns", turn_list(c));
    hearth_reply(req, v);
}

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    chat *c = hearth_new(ctx, chat);
    if (!c)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "chat.load", "there is no memory left to start the chat");
    c->ctx = ctx;
    *self = c;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "chat.send", send },
        { "chat.regenerate", regenerate },
        { "chat.stop", stop },
        { "chat.running", running },
    };
    HEARTH_TRY(hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err));
    recover_start(self);
    return HEARTH_OK;
}

static void dispose(void *self)
{
    chat *c = self;
    turn_dispose(c);
    recover_dispose(c);
    part_dispose(c);
    hearth_free(c->ctx, c);
}

HEARTH_PLUGIN(load, implement, dispose)
