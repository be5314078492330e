/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api-openai: the HTTP API that OpenAI's clients speak, over inference.* and models.list.
 *
 *     POST /v1/chat/completions   POST /v1/completions   POST /v1/embeddings
 *     GET  /v1/models             GET  /v1/models/ID     GET  /health
 *
 * Here are the routes that answer in one piece; completion.c has those that generate, openai_request.c (with _messages
 * and _tools) reads what is asked, openai_chunk.c writes every shape. Request and shapes are pure and fuzzed.
 * Owns: nothing beyond the requests under way. Thread: loop; bodies over 64 KiB are read on the worker.
 * Fails: always a typed JSON error with OpenAI's names; wrong input is a 4xx that names the field.
 * It must not know: engines, processes, threads. Nothing is kept between requests. */
#include <hearth/plugin.h>

#include "completion.h"

typedef struct api {
    hearth_ctx     *ctx;
    completion     *answers; /* under way, as are these */
    struct pending *pending;
    uint64_t        created_s; /* told of every model: OpenAI's clients want a time, a file has none to give */
} api;

/* What a single question needs until inference or models answered. */
typedef struct pending {
    struct pending *next, **at;
    api            *api;
    hearth_req     *req;
    hearth_value   *document;
    openai_request  request;
    openai_problem  problem;
} pending;

static void free_pending(pending *p)
{
    *p->at = p->next;
    if (p->next)
        p->next->at = p->at;
    openai_request_deinit(&p->request);
    hearth_value_unref(p->document);
    hearth_free(p->api->ctx, p);
}

static pending *new_pending(api *a, hearth_req *req)
{
    pending *p = hearth_new(a->ctx, pending);
    if (!p) {
        openai_fail(req, HEARTH_NO_MEMORY, (hearth_str){ NULL, 0 }, (hearth_str){ NULL, 0 }, NULL);
        return NULL;
    }
    *p = (pending){ .next = a->pending, .at = &a->pending, .api = a, .req = req };
    if (p->next)
        p->next->at = &p->next;
    a->pending = p;
    return p;
}

static void refuse(hearth_req *req, const hearth_reply_view *r)
{
    hearth_str param = r->code == HEARTH_NOT_FOUND ? HEARTH_STR("model") : hearth_get_str(r->value, "param");
    openai_fail(req, r->code, hearth_cstr(r->err->msg), param, r->value);
}

/* -- models ------------------------------------------------------------------------------------------------------------ */

static void on_models(void *arg, const hearth_reply_view *r)
{
    pending            *p = arg;
    const hearth_value *models = hearth_get(r->value, "models");
    hearth_buf          out;
    bool                is_first = true;
    if (r->code < 0) {
        refuse(p->req, r);
        free_pending(p);
        return;
    }
    hearth_buf_init(&out, 16 << 20);
    hearth_buf_puts(&out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < hearth_count(models); i++) {
        if (hearth_get(hearth_at(models, i), "problem")) /* it could not be used */
            continue;
        hearth_buf_puts(&out, is_first ? "" : ",");
        openai_put_model(&out, hearth_at(models, i), p->api->created_s);
        is_first = false;
    }
    hearth_buf_puts(&out, "]}");
    openai_reply(p->req, 200, &out);
    hearth_buf_deinit(&out);
    free_pending(p);
}

static void list_models(hearth_req *req, void *self)
{
    pending *p = new_pending(self, req);
    if (p)
        hearth_call(req, "models.list", NULL, NULL, on_models, p);
}

static void on_model(void *arg, const hearth_reply_view *r)
{
    pending   *p = arg;
    hearth_buf out;
    hearth_buf_init(&out, 64 << 10);
    if (r->code < 0) {
        refuse(p->req, r);
    } else {
        openai_put_model(&out, r->value, p->api->created_s);
        openai_reply(p->req, 200, &out);
    }
    hearth_buf_deinit(&out);
    free_pending(p);
}

/* Ids may hold / and :, raw or percent-encoded; the path arrives decoded. */
static void get_model(hearth_req *req, void *self)
{
    hearth_str id = hearth_http_of(req)->rest;
    pending   *p = NULL;
    if (id.n == 0 || id.n > 512) {
        openai_fail(req, HEARTH_NOT_FOUND,
                    HEARTH_STR("there is no model of that name; GET /v1/models lists those there are"),
                    HEARTH_STR("model"), NULL);
        return;
    }
    p = new_pending(self, req);
    if (!p)
        return;
    hearth_value *params = hearth_object(p->api->ctx);
    hearth_put_str(params, "id", id);
    hearth_call(req, "models.get", params, NULL, on_model, p);
}

/* -- embeddings --------------------------------------------------------------------------------------------------------- */

static void on_embeddings(void *arg, const hearth_reply_view *r)
{
    pending   *p = arg;
    hearth_buf out;
    hearth_buf_init(&out, 256 << 20);
    if (r->code < 0) {
        refuse(p->req, r);
    } else {
        openai_put_embeddings(&out, p->request.model, r->value, p->request.wants_base64);
        openai_reply(p->req, 200, &out);
    }
    hearth_buf_deinit(&out);
    free_pending(p);
}

static void read_embedding(void *arg) /* worker */
{
    pending *p = arg;
    p->document = hearth_parse(p->api->ctx, hearth_http_of(p->req)->body, &p->problem.err);
    if (p->document)
        openai_request_read(p->api->ctx, OPENAI_EMBEDDING, p->document, &p->request, &p->problem);
}

static void ask_embedding(void *arg, void *self)
{
    pending *p = arg;
    (void)self;
    if (p->problem.err.code < 0) {
        openai_fail(p->req, p->problem.err.code, hearth_cstr(p->problem.err.msg), hearth_cstr(p->problem.param), NULL);
        free_pending(p);
        return;
    }
    hearth_call(p->req, "inference.embed", hearth_value_ref(p->request.params), NULL, on_embeddings, p);
}

static void wait_for_end(void *arg)
{
    (void)arg; /* a client that leaves ends its calls; their answer ends the request */
}

static void embed(hearth_req *req, void *self)
{
    pending *p = new_pending(self, req);
    if (!p)
        return;
    hearth_on_cancel(req, wait_for_end, p); /* keeps the body until the worker has read it */
    hearth_work(p->api->ctx, read_embedding, ask_embedding, p, NULL);
}

/* -- the rest -------------------------------------------------------------------------------------------------------------- */

static void chat(hearth_req *req, void *self)
{
    api *a = self;
    completion_begin(a->ctx, req, OPENAI_CHAT, &a->answers);
}

static void complete(hearth_req *req, void *self)
{
    api *a = self;
    completion_begin(a->ctx, req, OPENAI_COMPLETION, &a->answers);
}

static void health(hearth_req *req, void *self)
{
    hearth_buf out;
    (void)self;
    hearth_buf_init(&out, 64);
    hearth_buf_puts(&out, "{\"status\":\"ok\"}");
    openai_reply(req, 200, &out);
    hearth_buf_deinit(&out);
}

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    api *a = hearth_new(ctx, api);
    if (!a)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "api-openai.load", "no memory");
    a->ctx = ctx;
    a->created_s = hearth_wall_ms(ctx) / 1000;
    *self = a;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_route routes[] = {
        { "POST", "/v1/chat/completions", chat, "inference.use" },
        { "POST", "/v1/completions", complete, "inference.use" },
        { "POST", "/v1/embeddings", embed, "inference.use" },
        { "GET", "/v1/models", list_models, "inference.use" },
        { "GET", "/v1/models/*", get_model, "inference.use" },
        { "GET", "/health", health, "public" },
        { "GET", "/v1/health", health, "public" },
    };
    return hearth_serve_routes(ctx, routes, HEARTH_COUNT(routes), self, err);
}

static void dispose(void *self)
{
    api *a = self;
    completion_free_all(&a->answers);
    while (a->pending)
        free_pending(a->pending);
    hearth_free(a->ctx, a);
}

HEARTH_PLUGIN(load, implement, dispose)
