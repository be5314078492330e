/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* models: the catalogue. It says which models there are and where; inference loads them.
 *
 * A model is a GGUF file (or its parts), in one of three places: Kindling, the starter, beside the program; files in
 * models/ of the data folder; files that the user keeps elsewhere and named with models.add. Those are used where they
 * are, never copied, moved or deleted; their paths lie in local/paths.json, which is never synced.
 * Owns: the catalogue of the last scan, paths.json. Headers are read by gguf.c, which trusts nothing; a file with
 * something wrong is listed with its reason.
 * A question scans first: names and times are looked at, headers only of files that are new. Questions that come
 * while a scan runs share the next one. All of that happens in jobs on the worker, one at a time; the loop replaces
 * catalogue and paths when one is done.
 * Thread: loop; scan.c, disk.c, gguf.c on the worker. It must not know: how a model is loaded; it only repeats what
 * inference.changed told. */
#include <hearth/plugin.h>

#include "paths.h"
#include "scan.h"

typedef enum ask_kind { ASK_LIST = 1, ASK_GET, ASK_SCAN, ASK_ADD, ASK_REMOVE } ask_kind;

typedef struct ask {
    struct ask *next;
    hearth_req *req;
    ask_kind    kind;
} ask;

/* What inference last said of a model that is not plainly unloaded. */
typedef struct live {
    struct live  *next;
    hearth_value *value;
} live;

typedef struct models {
    hearth_ctx   *ctx;
    catalog      *catalog; /* NULL before the first scan */
    hearth_value *paths;   /* paths.json; NULL before the first scan */
    live         *live;
    ask          *waiting; /* for the next job, in order */
    struct job   *job;     /* the one on the worker, or NULL */
} models;

/* One turn of the worker: change the paths if it was asked, then scan. */
typedef struct job {
    hearth_ctx         *ctx;
    ask                *asks; /* one when it changes something, else any number; the loop's */
    ask_kind            kind; /* of the first */
    const hearth_value *params;
    hearth_value       *paths;                  /* in: ours or NULL; out: as they are now */
    const catalog      *previous;               /* borrowed from the loop, or `made` */
    catalog            *made;                   /* out */
    char                id[CATALOG_MAX_ID * 2]; /* out: of what was added */
    hearth_code         code;
    hearth_err          err;
} job;

static void begin(models *m);

static void free_asks(models *m, ask **list)
{
    for (ask *a = *list, *next; a; a = next) {
        next = a->next;
        hearth_free(m->ctx, a);
    }
    *list = NULL;
}

/* -- answers ------------------------------------------------------------------------------------------------------------ */

static const hearth_value *live_of(const models *m, hearth_str id)
{
    for (const live *l = m->live; l; l = l->next)
        if (hearth_str_equal(hearth_get_str(l->value, "model"), id))
            return l->value;
    return NULL;
}

/* A program on this machine that showed no credential may know what there is, not where. */
static bool may_see_paths(const hearth_req *req) { return !hearth_str_is(hearth_principal_of(req).kind, "local"); }

static hearth_value *list_value(const models *m, bool with_paths)
{
    hearth_value *v = hearth_object(m->ctx), *list = hearth_array(m->ctx);
    for (size_t i = 0; i < m->catalog->count; i++) {
        const model *one = &m->catalog->models[i];
        hearth_add(list, catalog_value(m->ctx, one, live_of(m, one->id), with_paths));
    }
    hearth_put(v, "models", list);
    return v;
}

static void answer_model(const models *m, hearth_req *req, hearth_str id)
{
    const model *one = catalog_find(m->catalog, id);
    if (one)
        hearth_reply(req, catalog_value(m->ctx, one, live_of(m, id), may_see_paths(req)));
    else
        hearth_fail(req, HEARTH_NOT_FOUND, "there is no model %.*s; models.list names those there are", HEARTH_FMT(id));
}

static void answer(const models *m, const job *j, hearth_req *req, ask_kind kind, const catalog *before)
{
    if (j->code < 0) {
        hearth_fail_with(req, j->code, &j->err);
        return;
    }
    hearth_value *v;
    switch (kind) {
    case ASK_LIST:
        hearth_reply(req, list_value(m, may_see_paths(req)));
        return;
    case ASK_SCAN:
        v = hearth_object(m->ctx);
        hearth_put_u64(v, "added", catalog_missing(m->catalog, before));
        hearth_put_u64(v, "removed", catalog_missing(before, m->catalog));
        hearth_reply(req, v);
        return;
    case ASK_ADD:
        answer_model(m, req, hearth_cstr(j->id));
        return;
    case ASK_GET:
        answer_model(m, req, hearth_get_str(hearth_params(req), "id"));
        return;
    default:
        hearth_reply(req, NULL);
        return;
    }
}

/* -- the worker's turn ------------------------------------------------------------------------------------------------------ */

static hearth_code add_path(job *j, hearth_str path)
{
    hearth_buf   real, stem;
    const model *there;
    hearth_buf_init(&real, 4096);
    hearth_buf_init(&stem, 4096);
    hearth_code code = scan_check(path, &real, &stem, &j->err);
    if (code >= 0) {
        there = catalog_find_file(j->previous, hearth_buf_str(&real));
        if (there)
            hearth_str_copy(j->id, sizeof j->id, there->id);
        else
            code = paths_add(j->ctx, &j->paths, hearth_buf_str(&stem), hearth_buf_str(&real), j->previous, j->id,
                             sizeof j->id, &j->err);
    }
    hearth_buf_deinit(&stem);
    hearth_buf_deinit(&real);
    return code;
}

static hearth_code remove_path(job *j, hearth_str id)
{
    const model *m = catalog_find(j->previous, id);
    if (m && m->source != MODEL_PATH)
        return hearth_err_set(&j->err, HEARTH_CONFLICT, "models.remove",
                              m->source == MODEL_BUILTIN ? "%.*s is the built-in starter model; it stays"
                                                         : "%.*s lies in the data folder; delete its file to remove it",
                              HEARTH_FMT(id));
    return paths_remove(j->ctx, &j->paths, id, &j->err);
}

static void run(void *arg) /* worker */
{
    job *j = arg;
    j->code = j->paths ? HEARTH_OK : paths_read(j->ctx, &j->paths, &j->err);
    if (j->code < 0) { /* the models elsewhere are unknown; all others are not */
        hearth_log(j->ctx, HEARTH_LOG_ERROR, "%s", j->err.msg);
        if (j->kind == ASK_ADD || j->kind == ASK_REMOVE)
            return;
        j->err = (hearth_err){ 0 };
        j->code = HEARTH_OK;
    }
    if (!j->previous) { /* what is there decides whether a path is new and which ids are free */
        j->made = scan_all(j->ctx, NULL, hearth_get(j->paths, "models"), &j->err);
        j->previous = j->made;
    }
    if (j->previous && j->kind == ASK_ADD)
        j->code = add_path(j, hearth_get_str(j->params, "path"));
    else if (j->previous && j->kind == ASK_REMOVE)
        j->code = remove_path(j, hearth_get_str(j->params, "id"));
    if (j->code < 0)
        return;
    catalog *made = scan_all(j->ctx, j->previous, hearth_get(j->paths, "models"), &j->err);
    if (!made) {
        j->code = j->err.code;
        return;
    }
    catalog_free(j->made);
    j->made = made;
}

static void finished(void *arg, void *self)
{
    models  *m = self;
    job     *j = arg;
    catalog *before = m->catalog;
    bool     is_news = j->made && catalog_differs(before, j->made);

    if (j->made)
        m->catalog = j->made;
    m->paths = j->paths;
    for (const ask *a = j->asks; a; a = a->next)
        answer(m, j, a->req, a->kind, before);
    free_asks(m, &j->asks);
    if (is_news && before)
        hearth_emit(m->ctx, "models.changed", list_value(m, false));
    if (j->made)
        catalog_free(before);
    hearth_free(m->ctx, j);
    m->job = NULL;
    begin(m);
}

static bool is_change(const ask *a) { return a->kind == ASK_ADD || a->kind == ASK_REMOVE; }

/* Starts a job for the next change, or for all the questions before it. */
static void begin(models *m)
{
    if (m->job || !m->waiting)
        return;
    job *j = hearth_new(m->ctx, job);
    if (!j) {
        for (const ask *a = m->waiting; a; a = a->next)
            hearth_fail(a->req, HEARTH_NO_MEMORY, "no memory to look for models");
        free_asks(m, &m->waiting);
        return;
    }
    ask **end = &m->waiting;
    if (is_change(m->waiting))
        end = &m->waiting->next;
    while (*end && !is_change(m->waiting) && !is_change(*end))
        end = &(*end)->next;
    j->ctx = m->ctx;
    j->asks = m->waiting;
    j->kind = m->waiting->kind;
    j->params = hearth_params(m->waiting->req);
    j->paths = m->paths;
    j->previous = m->catalog;
    m->waiting = *end;
    *end = NULL;
    m->paths = NULL;
    m->job = j;
    hearth_work(m->ctx, run, finished, j, m);
}

static void ask_later(models *m, hearth_req *req, ask_kind kind)
{
    ask **tail = &m->waiting;
    ask  *a = hearth_new(m->ctx, ask);
    if (!a) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory to look for models");
        return;
    }
    while (*tail)
        tail = &(*tail)->next;
    a->req = req;
    a->kind = kind;
    *tail = a;
    begin(m);
}

/* -- methods ------------------------------------------------------------------------------------------------------------------ */

static void list(hearth_req *req, void *self) { ask_later(self, req, ASK_LIST); }

static void get(hearth_req *req, void *self)
{
    models    *m = self;
    hearth_str id = hearth_get_str(hearth_params(req), "id");
    if (catalog_find(m->catalog, id))
        answer_model(m, req, id);
    else
        ask_later(m, req, ASK_GET);
}

static void scan_now(hearth_req *req, void *self) { ask_later(self, req, ASK_SCAN); }

static void add(hearth_req *req, void *self) { ask_later(self, req, ASK_ADD); }

static void remove_model(hearth_req *req, void *self) { ask_later(self, req, ASK_REMOVE); }

static void on_inference(void *self, hearth_str topic, const hearth_value *value)
{
    models    *m = self;
    hearth_str id = hearth_get_str(value, "model");
    live     **at = &m->live;
    (void)topic;
    while (*at && !hearth_str_equal(hearth_get_str((*at)->value, "model"), id))
        at = &(*at)->next;
    live *l = *at;
    if (hearth_str_is(hearth_get_str(value, "state"), "unloaded")) {
        if (l) {
            *at = l->next;
            hearth_value_unref(l->value);
            hearth_free(m->ctx, l);
        }
        return;
    }
    if (!l && (l = hearth_new(m->ctx, live)) != NULL)
        *at = l;
    if (l) {
        hearth_value_unref(l->value);
        l->value = hearth_value_ref(value);
    }
}

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    models *m = hearth_new(ctx, models);
    if (!m)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "models.load", "no memory for the catalogue");
    m->ctx = ctx;
    *self = m;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "models.list", list },           { "models.get", get }, { "models.scan", scan_now }, { "models.add", add },
        { "models.remove", remove_model },
    };
    HEARTH_TRY(hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err));
    if (!hearth_subscribe(ctx, "inference.changed", on_inference, self))
        return hearth_err_set(err, HEARTH_DENIED, "models", "may not listen to inference.changed");
    return HEARTH_OK;
}

static void dispose(void *self)
{
    models *m = self;
    for (live *l = m->live, *next; l; l = next) {
        next = l->next;
        hearth_value_unref(l->value);
        hearth_free(m->ctx, l);
    }
    if (m->job) { /* its end was not told any more */
        free_asks(m, &m->job->asks);
        catalog_free(m->job->made);
        hearth_value_unref(m->job->paths);
        hearth_free(m->ctx, m->job);
    }
    free_asks(m, &m->waiting);
    catalog_free(m->catalog);
    hearth_value_unref(m->paths);
    hearth_free(m->ctx, m);
}

HEARTH_PLUGIN(load, implement, dispose)
