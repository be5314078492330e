/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A job is a request that outlives its caller: its events are numbered and kept in a ring, others attach, the answer ends it.
 * A finished job stays for five minutes (of them the newest 1,024), so that whoever comes back late still gets the end.
 *
 * A cursor that the ring no longer holds gets `reset` with a snapshot: the whole text so far, the reasoning, the data of
 * `started` and the last progress. The snapshot is kept up to date as events pass, up to 8 MiB of text.
 *
 * A durable job has a record in local/jobs while it runs; a record found at start names what a crash interrupted. */
#include <inttypes.h>
#include <stdlib.h>

#include "kernel/ctx.h"
#include "kernel/folder.h"

#define RING_DEFAULT 4096u
#define RING_MAX     65536u
#define RING_BYTES   (16u << 20) /* of text */
#define ENDED_MAX    1024u
#define KEEP_MS      (5u * 60u * 1000u)
#define TEXT_MAX     (8u << 20)
#define EVENT_MS     250u /* progress is told to the topic at most this often */

typedef enum job_state { JOB_RUNNING = 1, JOB_DONE, JOB_FAILED, JOB_CANCELLED } job_state;

typedef struct kept {
    hearth_event event; /* text and data owned */
} kept;

typedef struct listener {
    list        node;
    job        *of;
    hearth_req *req;  /* NULL: left while the others were told */
    uint64_t    seen; /* the last event it was sent */
} listener;

struct job {
    struct jobs  *all;
    list          node;
    hearth_id     id;
    hearth_req   *req; /* NULL once it ended */
    job_state     state;
    principal    *who;
    hearth_value *meta;
    kept         *ring; /* grows up to cap, then wraps */
    uint32_t      size, cap, count, first;
    size_t        ring_bytes;
    uint64_t      next_seq;
    list          listeners;
    unsigned      telling; /* depth of job_event: listeners are not freed meanwhile */
    hearth_buf    text, reasoning;
    hearth_value *started;
    uint64_t      done, total;
    char          doing[128];
    hearth_value *result;
    hearth_err    err;
    uint64_t      created_ms, finished_ms, told_ms;
    uint64_t      expires_ms; /* 0: runs, or its listeners are being told of its end */
    bool          is_durable;
    char          method[96], plugin[104];
};

struct jobs {
    kernel     *k;
    list        all; /* oldest first */
    size_t      ended;
    table       by_id;
    loop_timer *expiry;
    loop_queue *queue; /* writes and removes records */
};

/* -- values --------------------------------------------------------------------------------------------------------- */

static const char *state_name(job_state s)
{
    static const char *const names[] = { "invalid", "running", "done", "failed", "cancelled" };
    return names[s];
}

static hearth_value *progress_value(const job *j)
{
    hearth_value *v = hearth_object(NULL);
    hearth_put_u64(v, "done", j->done);
    hearth_put_u64(v, "total", j->total);
    hearth_put_cstr(v, "text", j->doing);
    return v;
}

static void id_text(char out[17], hearth_id id)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, id >>= 4)
        out[i] = digits[id & 15];
    out[16] = 0;
}

static hearth_value *job_value(const job *j)
{
    char id[17];
    id_text(id, j->id);
    hearth_value *v = hearth_object(NULL);
    hearth_put_cstr(v, "id", id);
    hearth_put_cstr(v, "method", j->method);
    hearth_put_cstr(v, "plugin", j->plugin);
    hearth_put_cstr(v, "state", state_name(j->state));
    if (j->total || j->done || j->doing[0])
        hearth_put(v, "progress", progress_value(j));
    else
        hearth_put_null(v, "progress");
    hearth_put_u64(v, "created_ms", j->created_ms);
    if (j->finished_ms)
        hearth_put_u64(v, "finished_ms", j->finished_ms);
    else
        hearth_put_null(v, "finished_ms");
    hearth_put_u64(v, "next_seq", j->next_seq);
    hearth_put_bool(v, "is_durable", j->is_durable);
    if (j->meta)
        hearth_put_ref(v, "meta", j->meta);
    else
        hearth_put_null(v, "meta");
    return v;
}

static void tell_topic(job *j)
{
    j->told_ms = loop_now_ms(j->all->k->l);
    hearth_value *v = hearth_object(NULL);
    hearth_put(v, "job", job_value(j));
    bus_emit(j->all->k->bus, HEARTH_STR("jobs.changed"), v);
}

/* -- records ---------------------------------------------------------------------------------------------------------- */

typedef struct record_work {
    file_root *root;
    char       name[32];
    char      *text; /* NULL: remove */
    size_t     n;
} record_work;

static void record_run(void *arg)
{
    record_work *w = arg;
    if (w->text)
        file_write(w->root, hearth_cstr(w->name), (hearth_str){ w->text, w->n }, 0600, NULL);
    else
        file_remove(w->root, hearth_cstr(w->name), NULL);
}

static void record_done(void *arg)
{
    record_work *w = arg;
    if (w->text)
        hearth_write_free(w->text);
    free(w);
}

static void write_record(job *j, bool is_end)
{
    kernel *k = j->all->k;
    if (!j->is_durable || !k->folder)
        return;
    record_work *w = calloc(1, sizeof *w);
    if (!w)
        return;
    w->root = folder_local(k->folder);
    memcpy(w->name, "jobs/", 5);
    id_text(w->name + 5, j->id);
    memcpy(w->name + 21, ".json", 6);
    if (!is_end) {
        hearth_value *v = job_value(j);
        w->text = hearth_write(v, &w->n);
        hearth_value_unref(v);
    }
    if ((!is_end && !w->text) || loop_queue_add(j->all->queue, record_run, record_done, w) < 0)
        record_done(w);
}

/* -- life ----------------------------------------------------------------------------------------------------------------- */

struct jobs *jobs_new(kernel *k)
{
    struct jobs *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->k = k;
    list_init(&all->all);
    table_init(&all->by_id);
    all->queue = loop_queue_new(k->l);
    return all;
}

static void drop_kept(job *j, kept *e)
{
    j->ring_bytes -= e->event.text.n;
    free((char *)(uintptr_t)e->event.text.p);
    hearth_value_unref((hearth_value *)(uintptr_t)e->event.data);
}

static void destroy(job *j)
{
    table_remove(&j->all->by_id, (hearth_str){ (const char *)&j->id, sizeof j->id });
    list_remove(&j->node);
    for (uint32_t i = 0; i < j->count; i++)
        drop_kept(j, &j->ring[(j->first + i) % j->size]);
    j->all->ended -= j->expires_ms != 0;
    free(j->ring);
    principal_unref(j->who);
    hearth_value_unref(j->meta);
    hearth_value_unref(j->started);
    hearth_value_unref(j->result);
    hearth_buf_deinit(&j->text);
    hearth_buf_deinit(&j->reasoning);
    LIST_EACH_SAFE(&j->listeners, node, next)
        free(LIST_ENTRY(node, listener, node));
    free(j);
}

void jobs_free(struct jobs *all)
{
    if (!all)
        return;
    loop_timer_stop(all->expiry);
    LIST_EACH_SAFE(&all->all, node, next)
        destroy(LIST_ENTRY(node, job, node));
    table_deinit(&all->by_id);
    loop_queue_free(all->queue, NULL, NULL);
    free(all);
}

static void expire(void *arg)
{
    struct jobs *all = arg;
    uint64_t     now = loop_now_ms(all->k->l), next = 0;
    loop_timer_stop(all->expiry);
    all->expiry = NULL;
    LIST_EACH_SAFE(&all->all, node, after) {
        job *j = LIST_ENTRY(node, job, node);
        if (!j->expires_ms)
            continue;
        if (j->expires_ms <= now)
            destroy(j);
        else if (!next || j->expires_ms < next)
            next = j->expires_ms;
    }
    if (next)
        all->expiry = loop_timer_start(all->k->l, next - now, 0, expire, all);
}

static hearth_id fresh_id(struct jobs *all)
{
    hearth_id id = 0;
    do
        loop_random(&id, sizeof id);
    while (id == 0 || table_find(&all->by_id, (hearth_str){ (const char *)&id, sizeof id }));
    return id;
}

hearth_id job_begin(struct jobs *all, hearth_req *req, const hearth_job_options *o)
{
    job *j = req->job || req->is_answered ? NULL : calloc(1, sizeof *j);
    if (!j)
        return req->job ? req->job->id : 0;
    j->all = all;
    j->req = req;
    j->state = JOB_RUNNING;
    j->id = fresh_id(all);
    j->cap = o && o->ring ? o->ring : RING_DEFAULT;
    if (j->cap > RING_MAX)
        j->cap = RING_MAX;
    j->is_durable = o && o->is_durable;
    j->meta = o && o->meta ? hearth_value_ref(o->meta) : NULL;
    j->who = principal_ref(req->who);
    j->next_seq = req->seq + 1;
    j->created_ms = loop_wall_ms();
    list_init(&j->listeners);
    hearth_buf_init(&j->text, TEXT_MAX);
    hearth_buf_init(&j->reasoning, TEXT_MAX);
    hearth_str_copy(j->method, sizeof j->method, (hearth_str){ req->method, req->method_n });
    hearth_str_copy(j->plugin, sizeof j->plugin, hearth_cstr(req->server ? req->server->id : ""));
    list_add(&all->all, &j->node);
    if (table_put(&all->by_id, (hearth_str){ (const char *)&j->id, sizeof j->id }, j) < 0) {
        destroy(j);
        return 0;
    }
    req->job = j;
    write_record(j, false);
    tell_topic(j);
    return j->id;
}

/* -- events ------------------------------------------------------------------------------------------------------------------ */

static kept *next_place(job *j)
{
    if (j->count == j->size && j->size < j->cap) {
        uint32_t size = j->size ? j->size * 2 : 64;
        if (size > j->cap)
            size = j->cap;
        kept *ring = calloc(size, sizeof *ring);
        if (ring) {
            for (uint32_t i = 0; i < j->count; i++)
                ring[i] = j->ring[(j->first + i) % j->size];
            free(j->ring);
            j->ring = ring;
            j->size = size;
            j->first = 0;
        }
    }
    if (j->size == 0)
        return NULL;
    if (j->count < j->size)
        return &j->ring[(j->first + j->count++) % j->size];
    kept *oldest = &j->ring[j->first];
    drop_kept(j, oldest);
    j->first = (j->first + 1) % j->size;
    return oldest;
}

static void make_room(job *j, size_t bytes)
{
    while (j->count && j->ring_bytes + bytes > RING_BYTES) {
        drop_kept(j, &j->ring[j->first]);
        j->first = (j->first + 1) % j->size;
        j->count--;
    }
}

static void keep(job *j, const hearth_event *event)
{
    char *text = NULL;
    if (event->text.n) {
        text = malloc(event->text.n);
        if (!text)
            return;
        memcpy(text, event->text.p, event->text.n);
    }
    make_room(j, event->text.n);
    kept *place = next_place(j);
    if (!place) {
        free(text);
        return;
    }
    place->event = *event;
    place->event.text = (hearth_str){ text, event->text.n };
    j->ring_bytes += event->text.n;
    place->event.data = event->data ? hearth_value_ref(event->data) : NULL;
}

static void note(job *j, const hearth_event *event)
{
    switch ((hearth_event_kind)event->kind) {
    case HEARTH_TEXT: hearth_buf_put(&j->text, event->text); break;
    case HEARTH_REASONING: hearth_buf_put(&j->reasoning, event->text); break;
    case HEARTH_STARTED:
        hearth_value_unref(j->started);
        j->started = event->data ? hearth_value_ref(event->data) : NULL;
        break;
    case HEARTH_PROGRESS:
        j->done = event->done;
        j->total = event->total;
        hearth_str_copy(j->doing, sizeof j->doing, event->text);
        if (loop_now_ms(j->all->k->l) - j->told_ms >= EVENT_MS)
            tell_topic(j);
        break;
    default: break;
    }
}

/* Takes the listener's request out; the record goes now, or after the event that is being told. */
static hearth_req *end_listener(listener *one)
{
    hearth_req *req = one->req;
    one->req = NULL;
    if (!one->of->telling) {
        list_remove(&one->node);
        free(one);
    }
    return req;
}

/* A listener may leave, attach others, or make the job end while it is told. */
void job_event(job *j, const hearth_event *event)
{
    j->next_seq = event->seq + 1;
    note(j, event);
    keep(j, event);
    j->telling++;
    LIST_EACH(&j->listeners, node) {
        listener *one = LIST_ENTRY(node, listener, node);
        if (!one->req || one->seen >= event->seq)
            continue;
        one->seen = event->seq;
        request_deliver(one->req, event);
    }
    if (--j->telling)
        return;
    LIST_EACH_SAFE(&j->listeners, done, next)
        if (!LIST_ENTRY(done, listener, node)->req)
            end_listener(LIST_ENTRY(done, listener, node));
}

static listener *first_listener(const job *j)
{
    for (const list *node = j->listeners.next; node != &j->listeners; node = node->next)
        if (LIST_ENTRY(node, listener, node)->req)
            return LIST_ENTRY(node, listener, node);
    return NULL;
}

bool job_has_listeners(const job *j)
{
    return first_listener(j) != NULL;
}

static void drop_oldest_ended(struct jobs *all, const job *but)
{
    LIST_EACH(&all->all, node) {
        job *j = LIST_ENTRY(node, job, node);
        if (j->expires_ms && j != but && !j->telling) {
            destroy(j);
            return;
        }
    }
}

void job_end(job *j, hearth_code code, const hearth_value *result, const hearth_err *err)
{
    j->req = NULL;
    j->state = code >= 0 ? JOB_DONE : code == HEARTH_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
    j->finished_ms = loop_wall_ms();
    j->result = result ? hearth_value_ref(result) : NULL;
    if (err)
        j->err = *err;
    write_record(j, true);
    tell_topic(j);
    for (listener *one; (one = first_listener(j));) {
        hearth_req   *req = end_listener(one);
        hearth_value *value = result ? hearth_value_ref(result) : NULL;
        if (code >= 0)
            request_reply(req, value);
        else
            request_fail(req, code, hearth_cstr(j->err.msg), value);
    }
    if (!j->all->expiry)
        j->all->expiry = loop_timer_start(j->all->k->l, KEEP_MS, 0, expire, j->all);
    j->expires_ms = loop_now_ms(j->all->k->l) + KEEP_MS;
    if (++j->all->ended > ENDED_MAX)
        drop_oldest_ended(j->all, j);
}

/* -- methods -------------------------------------------------------------------------------------------------------------------- */

/* The owner sees all jobs, anybody else what they asked for, a plugin also what it works on. */
static bool is_theirs(const job *j, const principal *who)
{
    principal_kind kind = principal_kind_of(who);
    if (kind == PRINCIPAL_OWNER || kind == PRINCIPAL_HOST)
        return true;
    if (kind == PRINCIPAL_PLUGIN && hearth_str_is(principal_id(who), j->plugin))
        return true;
    return kind == principal_kind_of(j->who) && hearth_str_equal(principal_id(who), principal_id(j->who));
}

static job *find(struct jobs *all, hearth_req *req)
{
    hearth_str text = hearth_get_str(hearth_params(req), "id");
    uint64_t   id = 0;
    bool       good = text.n == 16;
    for (size_t i = 0; i < text.n && good; i++) {
        char c = text.p[i];
        good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        id = id << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    job *j = good ? table_find(&all->by_id, (hearth_str){ (const char *)&id, sizeof id }) : NULL;
    if (j && is_theirs(j, req->who))
        return j;
    hearth_fail(req, HEARTH_NOT_FOUND, "there is no job %.*s; a finished job is kept for five minutes", HEARTH_FMT(text));
    return NULL;
}

static void get(hearth_req *req, void *self)
{
    job *j = find(self, req);
    if (j)
        request_reply(req, job_value(j));
}

static void list_jobs(hearth_req *req, void *self)
{
    struct jobs  *all = self;
    hearth_str    state = hearth_get_str(hearth_params(req), "state");
    hearth_value *v = hearth_object(NULL), *jobs = hearth_array(NULL);
    LIST_EACH(&all->all, node) {
        const job *j = LIST_ENTRY(node, job, node);
        if (is_theirs(j, req->who) && (state.n == 0 || hearth_str_is(state, state_name(j->state))))
            hearth_add(jobs, job_value(j));
    }
    hearth_put(v, "jobs", jobs);
    request_reply(req, v);
}

static void cancel(hearth_req *req, void *self)
{
    job *j = find(self, req);
    if (!j)
        return;
    hearth_id id = j->id;
    if (j->req)
        request_cancel(j->req);
    struct jobs *all = self;
    j = table_find(&all->by_id, (hearth_str){ (const char *)&id, sizeof id });
    request_reply(req, j ? job_value(j) : NULL);
}

static void send_reset(const job *j, hearth_req *req)
{
    hearth_value *v = hearth_object(NULL);
    if (j->started)
        hearth_put_ref(v, "started", j->started);
    hearth_put_str(v, "text", hearth_buf_str(&j->text));
    hearth_put_str(v, "reasoning", hearth_buf_str(&j->reasoning));
    hearth_put(v, "progress", progress_value(j));
    hearth_event e = { .kind = HEARTH_RESET, .seq = j->next_seq - 1, .data = v };
    request_deliver(req, &e);
    hearth_value_unref(v);
}

static void replay(const job *j, hearth_req *req, uint64_t after)
{
    uint64_t first = j->count ? j->ring[j->first].event.seq : j->next_seq;
    if (after + 1 < first && j->next_seq > 1) {
        send_reset(j, req);
        return;
    }
    for (uint32_t i = 0; i < j->count; i++) {
        const hearth_event *e = &j->ring[(j->first + i) % j->size].event;
        if (e->seq > after)
            request_deliver(req, e);
    }
}

static void leave(void *arg)
{
    hearth_req *req = end_listener(arg);
    request_fail(req, HEARTH_CANCELLED, HEARTH_STR("no longer attached"), NULL);
}

static void attach(hearth_req *req, void *self)
{
    job *j = find(self, req);
    if (!j)
        return;
    replay(j, req, hearth_get_u64(hearth_params(req), "after", 0));
    if (j->state != JOB_RUNNING) {
        hearth_value *value = j->result ? hearth_value_ref(j->result) : NULL;
        if (j->state == JOB_DONE)
            request_reply(req, value);
        else
            request_fail(req, j->err.code, hearth_cstr(j->err.msg), value);
        return;
    }
    listener *one = calloc(1, sizeof *one);
    if (!one) {
        request_fail(req, HEARTH_NO_MEMORY, (hearth_str){ NULL, 0 }, NULL);
        return;
    }
    one->of = j;
    one->req = req;
    one->seen = j->next_seq - 1;
    list_add(&j->listeners, &one->node);
    hearth_on_cancel(req, leave, one);
}

hearth_code jobs_serve(struct jobs *all, hearth_ctx *ctx, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "jobs.list", list_jobs }, { "jobs.get", get }, { "jobs.attach", attach }, { "jobs.cancel", cancel },
    };
    return hearth_serve(ctx, methods, HEARTH_COUNT(methods), all, err);
}

/* -- after a crash ------------------------------------------------------------------------------------------------------------------ */

static hearth_code each_record(void *arg, const hearth_dir_entry *entry)
{
    struct jobs *all = arg;
    hearth_str   name = entry->name;
    if (entry->is_dir || name.n != 21 || memcmp(name.p + 16, ".json", 5) != 0)
        return HEARTH_OK;
    char path[32] = "jobs/";
    memcpy(path + 5, name.p, name.n);
    hearth_buf text;
    hearth_buf_init(&text, 1 << 20);
    if (file_read(folder_local(all->k->folder), hearth_cstr(path), &text, NULL) >= 0) {
        hearth_value *v = hearth_parse(NULL, hearth_buf_str(&text), NULL);
        hearth_str    name_of = hearth_get_str(v, "method"), id = hearth_get_str(v, "id");
        kernel_log(all->k, HEARTH_LOG_WARN, "jobs", "the job %.*s (%.*s) was interrupted by the last end of Hearth", HEARTH_FMT(id),
                   HEARTH_FMT(name_of));
        hearth_value_unref(v);
    }
    hearth_buf_deinit(&text);
    file_remove(folder_local(all->k->folder), hearth_cstr(path), NULL);
    return HEARTH_OK;
}

void jobs_recover(struct jobs *all)
{
    if (all->k->folder)
        file_list(folder_local(all->k->folder), HEARTH_STR("jobs"), each_record, all, NULL);
}
