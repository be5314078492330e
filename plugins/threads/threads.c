/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* threads: conversations, as operations that many devices may write, and as what these add up to.
 *
 * Owns: the meaning of an operation (op.c), how operations merge (merge.c), and an index over them that is a cache
 * (index.c, index_apply.c, index_query.c). The truth is the logs threads/<id>/<device>, which the persistence
 * contract keeps: this device only ever appends to its own, so that file sync cannot conflict; what other devices
 * wrote is read when a thread is opened and at the start (catchup.c).
 *
 * A method is a task (task.c): verify, read or make operations, append, apply, tell, answer. read.c, write.c and
 * turn.c hold what differs.
 *
 * Must not know: a model, an engine, a prompt, where the logs lie. A turn belongs to chat.
 * Thread: the loop moves tasks on; SQLite, JSON and the merge run on the plugin's worker, one piece after the other.
 * Fails: what was acknowledged is in the log. The index may be deleted or damaged at any moment: it is made again,
 * and calls that were under way are answered from the new one. A lost or torn line is skipped and counted. */
#include "threads.h"

static void serve_list(hearth_req *req, void *self) { task_start(self, req, &task_list); }
static void serve_get(hearth_req *req, void *self) { task_start(self, req, &task_get); }
static void serve_search(hearth_req *req, void *self) { task_start(self, req, &task_search); }
static void serve_running(hearth_req *req, void *self) { task_start(self, req, &task_running); }
static void serve_create(hearth_req *req, void *self) { task_start(self, req, &task_create); }
static void serve_update(hearth_req *req, void *self) { task_start(self, req, &task_update); }
static void serve_delete(hearth_req *req, void *self) { task_start(self, req, &task_delete); }
static void serve_restore(hearth_req *req, void *self) { task_start(self, req, &task_restore); }
static void serve_message_add(hearth_req *req, void *self) { task_start(self, req, &task_message_add); }
static void serve_message_update(hearth_req *req, void *self) { task_start(self, req, &task_message_update); }
static void serve_message_delete(hearth_req *req, void *self) { task_start(self, req, &task_message_delete); }
static void serve_turn_begin(hearth_req *req, void *self) { task_start(self, req, &task_turn_begin); }
static void serve_turn_end(hearth_req *req, void *self) { task_start(self, req, &task_turn_end); }

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    hearth_info info = hearth_info_get(ctx);
    threads    *t = hearth_new(ctx, threads);
    if (!t)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "threads.load", "there is no memory left to start the threads");
    t->ctx = t->ix.ctx = ctx;
    hearth_str_copy(t->device, sizeof t->device, info.device);
    *self = t;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "threads.list", serve_list },
        { "threads.get", serve_get },
        { "threads.search", serve_search },
        { "threads.running", serve_running },
        { "threads.create", serve_create },
        { "threads.update", serve_update },
        { "threads.delete", serve_delete },
        { "threads.restore", serve_restore },
        { "threads.message.add", serve_message_add },
        { "threads.message.update", serve_message_update },
        { "threads.message.delete", serve_message_delete },
        { "threads.turn.begin", serve_turn_begin },
        { "threads.turn.end", serve_turn_end },
    };
    HEARTH_TRY(hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err));
    catchup_need(self); /* behind READY: nobody waits for it who does not ask for all threads */
    return HEARTH_OK;
}

static void dispose(void *self)
{
    threads *t = self;
    task_dispose(t);
    catchup_dispose(t);
    index_close(&t->ix);
    hearth_free(t->ctx, t);
}

HEARTH_PLUGIN(load, implement, dispose)
