/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* monitor: memory and load of this machine, of the daemon and of each of its children.
 *
 * Owns: the last sample, an hour of points in a ring. A timer runs only while somebody watches monitor.sampled; a
 * question takes a sample of its own, and questions that come together share one. So nothing is awake when nobody
 * looks, and the history has gaps for those times.
 * A collection asks inference which child serves which model, then reads /proc on a worker, then answers.
 * Thread: loop; proc.c runs on the worker. Fails: a counter the system does not offer is left out of the reply,
 * never guessed. It must not know: who asks, what a model is beyond its name. */
#include <hearth/plugin.h>

#include "proc.h"

enum { HISTORY_POINTS = 3600, SAMPLE_EVERY_MS = 1000, MAX_WAITING = 64, MIN_SHARE_MS = 200 };

typedef hearth_value *(*view_fn)(hearth_ctx *ctx, const sample *s, const hearth_value *loaded);

typedef struct waiting {
    hearth_req *req;
    view_fn     view;
} waiting;

typedef struct monitor {
    hearth_ctx   *ctx;
    sample_ring   last_hour;
    sample        last;   /* the newest; at_ms 0 before the first */
    sample        taking; /* the worker's while is_taking */
    int64_t       known[SAMPLE_MAX_CHILDREN];
    size_t        known_count;
    hearth_value *loaded; /* what inference said for `taking`, or NULL */
    waiting       waiting[MAX_WAITING];
    size_t        waiting_count;
    bool          is_taking, is_watched_tick;
} monitor;

/* -- replies ---------------------------------------------------------------------------------------------------------- */

static void put_known(hearth_value *v, const char *key, uint64_t x)
{
    if (x != SAMPLE_UNKNOWN)
        hearth_put_u64(v, key, x);
}

static void put_share(hearth_value *v, const char *key, double x)
{
    if (x >= 0)
        hearth_put_f64(v, key, x);
}

static const hearth_value *served_by(const hearth_value *loaded, int64_t pid)
{
    const hearth_value *models = hearth_get(loaded, "models");
    for (size_t i = 0; i < hearth_count(models); i++)
        if (hearth_get_i64(hearth_at(models, i), "pid", 0) == pid)
            return hearth_at(models, i);
    return NULL;
}

static hearth_value *child_value(hearth_ctx *ctx, const sample_process *p, const hearth_value *loaded)
{
    const hearth_value *model = served_by(loaded, p->pid);
    hearth_value       *v = hearth_object(ctx);
    hearth_put_i64(v, "pid", p->pid);
    if (model) {
        hearth_put_ref(v, "plugin", hearth_get(model, "engine"));
        hearth_put_ref(v, "model", hearth_get(model, "model"));
    } else {
        hearth_put_cstr(v, "plugin", p->name);
        hearth_put_null(v, "model");
    }
    put_known(v, "memory_bytes", p->memory_bytes);
    put_share(v, "cpu", p->cpu);
    return v;
}

static hearth_value *resources_value(hearth_ctx *ctx, const sample *s, const hearth_value *loaded)
{
    hearth_value *v = hearth_object(ctx), *memory = hearth_object(ctx), *hearth = hearth_object(ctx);
    hearth_value *children = hearth_array(ctx);
    put_known(memory, "total_bytes", s->total_bytes);
    put_known(memory, "used_bytes", s->used_bytes);
    put_known(hearth, "memory_bytes", s->self.memory_bytes);
    put_share(hearth, "cpu", s->self.cpu);
    for (uint32_t i = 0; i < s->child_count; i++)
        hearth_add(children, child_value(ctx, &s->children[i], loaded));
    hearth_put(v, "memory", memory);
    hearth_put(v, "children", children);
    hearth_put(v, "hearth", hearth);
    return v;
}

static void put_load(hearth_value *v, const sample *s)
{
    put_share(v, "cpu", s->cpu);
    hearth_put_u64(v, "cores", s->cores);
    put_share(v, "load1", s->load1);
}

static hearth_value *load_value(hearth_ctx *ctx, const sample *s, const hearth_value *loaded)
{
    hearth_value *v = hearth_object(ctx);
    (void)loaded;
    put_load(v, s);
    return v;
}

static hearth_value *history_value(monitor *m)
{
    hearth_value *v = hearth_object(m->ctx), *samples = hearth_array(m->ctx);
    for (size_t i = 0; i < m->last_hour.count; i++) {
        const sample_point *p = sample_ring_at(&m->last_hour, i);
        hearth_value       *point = hearth_object(m->ctx);
        hearth_put_u64(point, "at_ms", p->at_ms);
        hearth_put_u64(point, "used_bytes", p->used_bytes);
        hearth_put_u64(point, "hearth_bytes", p->hearth_bytes);
        put_share(point, "cpu", (double)p->cpu);
        put_share(point, "hearth_cpu", (double)p->hearth_cpu);
        hearth_add(samples, point);
    }
    hearth_put(v, "samples", samples);
    return v;
}

/* -- collecting -------------------------------------------------------------------------------------------------------- */

static void read_counters(void *arg) /* worker */
{
    monitor *m = arg;
    sample_init(&m->taking);
    proc_take(&m->taking, m->known, m->known_count);
}

static void keep_shares(sample *now, const sample *before)
{
    now->cpu = before->cpu;
    now->self.cpu = before->self.cpu;
}

static void on_counters(void *arg, void *self)
{
    monitor *m = self;
    (void)arg;
    /* Ticks are 10 ms: over a very short time a share is noise, so the one before is told again. */
    bool is_soon = m->last.at_ms > 0 && m->taking.at_ms - m->last.at_ms < MIN_SHARE_MS && m->last.cpu >= 0;
    if (is_soon)
        keep_shares(&m->taking, &m->last);
    else
        sample_set_shares(&m->taking, &m->last);
    if (!is_soon) {
        m->last = m->taking;
        sample_ring_push(&m->last_hour, sample_point_of(&m->last));
    }
    for (size_t i = 0; i < m->waiting_count; i++)
        hearth_reply(m->waiting[i].req, m->waiting[i].view(m->ctx, &m->taking, m->loaded));
    m->waiting_count = 0;
    if (m->is_watched_tick) {
        hearth_value *v = resources_value(m->ctx, &m->taking, m->loaded);
        put_load(v, &m->taking);
        hearth_put_u64(v, "at_ms", m->taking.at_ms);
        hearth_emit(m->ctx, "monitor.sampled", v);
    }
    hearth_value_unref(m->loaded);
    m->loaded = NULL;
    m->is_taking = m->is_watched_tick = false;
}

static void on_loaded(void *arg, const hearth_reply_view *r)
{
    monitor            *m = arg;
    const hearth_value *models = r->code < 0 ? NULL : hearth_get(r->value, "models");
    m->loaded = r->code < 0 || !r->value ? NULL : hearth_value_ref(r->value);
    m->known_count = 0;
    for (size_t i = 0; i < hearth_count(models) && i < SAMPLE_MAX_CHILDREN; i++) {
        int64_t pid = hearth_get_i64(hearth_at(models, i), "pid", 0);
        if (pid > 0)
            m->known[m->known_count++] = pid;
    }
    hearth_work(m->ctx, read_counters, on_counters, m, m);
}

/* Starts a collection unless one is under way. Without inference the children just have no model. */
static void collect(monitor *m)
{
    if (m->is_taking)
        return;
    m->is_taking = true;
    hearth_call_as_plugin(m->ctx, "inference.loaded", NULL, NULL, on_loaded, m);
}

static void answer_later(monitor *m, hearth_req *req, view_fn view)
{
    if (m->waiting_count == MAX_WAITING) {
        hearth_fail(req, HEARTH_BUSY, "%d questions wait for the same sample; ask again in a moment", MAX_WAITING);
        return;
    }
    m->waiting[m->waiting_count++] = (waiting){ req, view };
    collect(m);
}

static void on_tick(void *self)
{
    monitor *m = self;
    m->is_watched_tick = true;
    collect(m);
}

/* -- methods ------------------------------------------------------------------------------------------------------------ */

static void get_resources(hearth_req *req, void *self) { answer_later(self, req, resources_value); }

static void get_load(hearth_req *req, void *self) { answer_later(self, req, load_value); }

static void get_history(hearth_req *req, void *self) { hearth_reply(req, history_value(self)); }

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    monitor *m = hearth_new(ctx, monitor);
    if (!m)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "monitor.load", "no memory for the last sample");
    m->ctx = ctx;
    m->last_hour.size = HISTORY_POINTS;
    m->last_hour.points = hearth_alloc(ctx, HISTORY_POINTS * sizeof *m->last_hour.points);
    if (!m->last_hour.points) {
        hearth_free(ctx, m);
        return hearth_err_set(err, HEARTH_NO_MEMORY, "monitor.load", "no memory for an hour of samples");
    }
    sample_init(&m->last);
    *self = m;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    monitor                   *m = self;
    static const hearth_method methods[] = {
        { "monitor.resources.get", get_resources },
        { "monitor.load.get", get_load },
        { "monitor.history.get", get_history },
    };
    HEARTH_TRY(hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err));
    HEARTH_TRY(hearth_while_watched(ctx, "monitor.sampled", SAMPLE_EVERY_MS, on_tick, self, err));
    m->is_taking = true; /* what the first question's shares are counted from */
    hearth_work(ctx, read_counters, on_counters, m, m);
    return HEARTH_OK;
}

static void dispose(void *self)
{
    monitor *m = self;
    hearth_value_unref(m->loaded);
    hearth_free(m->ctx, m->last_hour.points);
    hearth_free(m->ctx, m);
}

HEARTH_PLUGIN(load, implement, dispose)
