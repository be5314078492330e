/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "scheduler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "slots.h"

#define WHERE          "engine-llama.generate"
#define CHUNK_US       100000 /* a prompt may hold up running streams for so long */
#define CHUNK_LEAST    16     /* tokens */
#define PROGRESS_STEPS 100

/* What the loop may ask about while the decode thread works; written by it alone. */
typedef struct shown {
    atomic_bool      is_busy;
    atomic_int       tokens;
} shown;

struct scheduler {
    scheduler_options options;
    char             *path, *libraries;
    pthread_t         thread;
    pthread_mutex_t   lock;
    pthread_cond_t    wake;
    queue             waiting;  /* guarded by lock */
    bool              has_news; /* guarded by lock: a cancel to look at */
    atomic_bool       is_stopping, is_load_cancelled, is_abort;
    atomic_bool       is_open;
    atomic_uint       steps, decoded;
    shown             shown[MODEL_MAX_SLOTS];

    /* the decode thread's */
    model              model;
    slots              slots;
    struct llama_batch batch;
    outbox             outbox;
    generation        *ended[MODEL_MAX_SLOTS]; /* of this step: posted after its events */
    int32_t            ended_count;
    int32_t            busy; /* slots with a generation */
    double             us_per_token; /* of prompts, measured */
    int                progress;
    hearth_code        open_code;
    hearth_err         open_err;
};

/* -- ends --------------------------------------------------------------------------------------------------------- */

/* A post has one argument and an end must not need memory: the generation knows the way. */
static void on_posted_end(void *arg)
{
    generation *g = arg;
    scheduler  *s = g->scheduler;
    s->options.on_end(s->options.self, g);
}

/* The last thing that the decode thread does with a generation. Its events went out before. */
static void post_end(scheduler *s, generation *g)
{
    g->scheduler = s;
    hearth_post(s->options.ctx, on_posted_end, g);
}

static void end_slot(scheduler *s, slot *at)
{
    generation *g = at->generation;
    answer_end(g, &s->outbox);
    slots_leave(&s->slots, at);
    atomic_store_explicit(&s->shown[at->id].is_busy, false, memory_order_relaxed);
    s->busy--;
    s->ended[s->ended_count++] = g;
}

/* All events of a step, then its ends. */
static void tell(scheduler *s)
{
    outbox_send(&s->outbox, s->options.ctx);
    for (int32_t i = 0; i < s->ended_count; i++)
        post_end(s, s->ended[i]);
    s->ended_count = 0;
}

static void cancel_slot(scheduler *s, slot *at)
{
    at->generation->finish = HEARTH_FINISH_CANCELLED;
    end_slot(s, at);
}

static void fail_slot(scheduler *s, slot *at, hearth_code code, const char *what)
{
    hearth_err_set(&at->generation->err, code, WHERE, "%s", what);
    end_slot(s, at);
}

/* -- waiting ------------------------------------------------------------------------------------------------------- */

static int is_cancelled(const queue_entry *e)
{
    return atomic_load(&((const generation *)(const void *)e)->is_cancelled);
}

static void drop_cancelled(scheduler *s)
{
    queue_entry *e;
    pthread_mutex_lock(&s->lock);
    s->has_news = false;
    while ((e = queue_take(&s->waiting, is_cancelled))) {
        generation *g = (generation *)(void *)e;
        g->finish = HEARTH_FINISH_CANCELLED;
        post_end(s, g);
    }
    pthread_mutex_unlock(&s->lock);
    for (int32_t i = 0; i < s->slots.count; i++) {
        slot *at = &s->slots.all[i];
        if (at->generation && atomic_load(&at->generation->is_cancelled))
            cancel_slot(s, at);
    }
    tell(s);
}

static void let_in(scheduler *s)
{
    while (s->busy < s->slots.count) {
        pthread_mutex_lock(&s->lock);
        queue_entry *e = queue_pop(&s->waiting);
        pthread_mutex_unlock(&s->lock);
        if (!e)
            return;
        generation *g = (generation *)(void *)e;
        slot       *at = slots_give(&s->slots, g);
        g->started_us = ggml_time_us();
        s->busy++;
        atomic_store_explicit(&s->shown[at->id].is_busy, true, memory_order_relaxed);
    }
}

/* Sleeps until there is something to do. False when the thread shall end. */
static bool wait_for_work(scheduler *s)
{
    bool has_news;
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->is_stopping) && s->busy == 0 && s->waiting.count == 0)
        pthread_cond_wait(&s->wake, &s->lock);
    has_news = s->has_news;
    pthread_mutex_unlock(&s->lock);
    if (atomic_load(&s->is_stopping))
        return false;
    if (has_news)
        drop_cancelled(s);
    let_in(s);
    return true;
}

/* -- one step -------------------------------------------------------------------------------------------------------- */

static void feed(scheduler *s, slot *at, int32_t n)
{
    struct llama_batch *b = &s->batch;
    for (int32_t i = 0; i < n; i++) {
        int32_t k = b->n_tokens++, position = at->in_memory + i;
        b->token[k] = at->tokens[position];
        b->pos[k] = position;
        b->n_seq_id[k] = 1;
        b->seq_id[k][0] = at->id;
        b->logits[k] = position == at->count - 1;
    }
    at->fed = n;
    at->row = at->in_memory + n == at->count ? b->n_tokens - 1 : -1;
}

static int32_t missing(const slot *at)
{
    return at->generation && !at->is_stalled ? at->count - at->in_memory : 0;
}

/* How many tokens of prompts this step may read. */
static int32_t chunk_size(const scheduler *s, int32_t streams)
{
    int32_t room = s->model.settings.batch - streams;
    if (streams == 0 || s->us_per_token <= 0.0)
        return room;
    double fits = CHUNK_US / s->us_per_token;
    if (fits >= room)
        return room;
    int32_t n = fits > CHUNK_LEAST ? (int32_t)fits : CHUNK_LEAST;
    return n < room ? n : room;
}

/* Streams first, one token each; the rest of the step is shared by the prompts, evenly. */
static void fill_batch(scheduler *s)
{
    int32_t streams = 0, prompts = 0;
    s->batch.n_tokens = 0;
    for (int32_t i = 0; i < s->slots.count; i++) {
        slot   *at = &s->slots.all[i];
        int32_t n = missing(at);
        at->fed = 0;
        at->row = -1;
        if (n == 1) {
            feed(s, at, 1);
            streams++;
        }
        prompts += n > 1;
    }
    int32_t left = chunk_size(s, streams);
    for (int32_t i = 0; i < s->slots.count && left > 0; i++) {
        slot   *at = &s->slots.all[i];
        int32_t n = missing(at);
        if (n <= 1)
            continue;
        int32_t share = left / prompts > 0 ? left / prompts : 1;
        prompts--;
        n = n < share ? n : share;
        left -= n;
        feed(s, at, n);
        atomic_store(&at->generation->is_reading, true);
        if (atomic_load(&at->generation->is_cancelled)) /* too early for scheduler_cancel to see that it reads */
            atomic_store(&s->is_abort, true);
    }
}

/* Takes the step back, for every slot in it. */
static void undo_step(scheduler *s)
{
    for (int32_t i = 0; i < s->slots.count; i++) {
        if (s->slots.all[i].fed > 0)
            slots_forget(&s->slots, &s->slots.all[i], s->slots.all[i].in_memory);
    }
}

static void fail_step(scheduler *s, hearth_code code, const char *what)
{
    for (int32_t i = 0; i < s->slots.count; i++) {
        slot *at = &s->slots.all[i];
        if (at->fed == 0)
            continue;
        slots_forget(&s->slots, at, 0);
        at->count = 0;
        fail_slot(s, at, code, what);
    }
}

/* Returns whether the batch went through; else the slots are as before and the next step tries again. */
static bool decode(scheduler *s)
{
    int64_t before = ggml_time_us();
    int32_t rc = llama_decode(s->model.context, s->batch);
    if (rc == 0) {
        if (s->batch.n_tokens > 2 * CHUNK_LEAST) {
            double each = (double)(ggml_time_us() - before) / s->batch.n_tokens;
            s->us_per_token = s->us_per_token > 0.0 ? 0.75 * s->us_per_token + 0.25 * each : each;
        }
        return true;
    }
    if (rc == 2) { /* aborted: what was read of the step so far stays in memory */
        undo_step(s);
    } else if (rc == 1) { /* no room: nothing was changed */
        if (!slots_evict(&s->slots))
            fail_step(s, HEARTH_CONTEXT_OVERFLOW, "the model's memory is full; load it with a larger context");
    } else {
        undo_step(s);
        fail_step(s, HEARTH_INTERNAL, "the model could not compute the next token; load it again");
    }
    return false;
}

static void tell_progress(scheduler *s, const slot *at)
{
    const generation *g = at->generation;
    if (at->in_memory >= (int32_t)g->token_count || g->written > 0)
        return;
    outbox_add(&s->outbox, g->req,
               &(hearth_event){ .kind = HEARTH_PROGRESS, .done = (uint64_t)at->in_memory, .total = g->token_count,
                                .text = HEARTH_STR("reading the prompt") });
}

/* Samples the slot's next token, tells of it; ends the generation when it was the last. */
static void advance(scheduler *s, slot *at)
{
    generation *g = at->generation;
    at->in_memory += at->fed;
    atomic_store_explicit(&s->shown[at->id].tokens, at->in_memory, memory_order_relaxed);
    if (at->row < 0) {
        tell_progress(s, at);
        return;
    }
    if (g->max_tokens == 0) {
        g->finish = HEARTH_FINISH_LENGTH;
        end_slot(s, at);
        return;
    }
    float  *row = llama_get_logits_ith(s->model.context, at->row);
    int32_t token = sampler_pick(g->sampler, &s->model.words, row, at->tokens, (size_t)at->count);
    if (token < 0) {
        fail_slot(s, at, HEARTH_INVALID_ARGUMENT, "the grammar allows no further token of this model; change the grammar or schema");
        return;
    }
    atomic_fetch_add_explicit(&s->decoded, 1, memory_order_relaxed);
    int32_t room = s->model.context_max - at->count - 1;
    if (answer_token(g, &s->outbox, token, (size_t)room))
        end_slot(s, at);
    else
        at->tokens[at->count++] = token;
}

static void step(scheduler *s)
{
    fill_batch(s);
    bool is_done = s->batch.n_tokens > 0 && decode(s);
    atomic_fetch_add_explicit(&s->steps, 1, memory_order_relaxed);
    for (int32_t i = 0; i < s->slots.count; i++) {
        slot *at = &s->slots.all[i];
        if (at->fed == 0 || !at->generation)
            continue;
        if (at->fed > 1)
            atomic_store(&at->generation->is_reading, false);
        if (is_done)
            advance(s, at);
    }
    atomic_store(&s->is_abort, false);
    tell(s);
}

/* -- the thread -------------------------------------------------------------------------------------------------------- */

static bool is_abort(void *arg)
{
    scheduler *s = arg;
    return atomic_load_explicit(&s->is_abort, memory_order_relaxed) ||
           atomic_load_explicit(&s->is_stopping, memory_order_relaxed);
}

static bool on_progress(void *arg, float done)
{
    scheduler *s = arg;
    if (atomic_load(&s->is_stopping) || atomic_load(&s->is_load_cancelled))
        return false;
    int now = (int)(done * PROGRESS_STEPS);
    if (now > s->progress) {
        s->progress = now;
        hearth_push_item item = { s->options.open_req,
                                  { .kind = HEARTH_PROGRESS, .done = (uint64_t)now, .total = PROGRESS_STEPS,
                                    .text = HEARTH_STR("loading the model") } };
        hearth_push_many(s->options.ctx, &item, 1);
    }
    return true;
}

static void on_posted_open(void *arg)
{
    scheduler *s = arg;
    atomic_store(&s->is_open, s->open_code >= 0);
    s->options.on_open(s->options.self, s->open_code, &s->open_err);
}

static hearth_code load(scheduler *s)
{
    hearth_err *err = &s->open_err;
    HEARTH_TRY(model_open(&s->model,
                          &(model_open_options){ .ctx = s->options.ctx, .path = s->path, .libraries = s->libraries,
                                                 .settings = s->options.settings, .progress = on_progress, .arg = s }, err));
    llama_set_abort_callback(s->model.context, is_abort, s);
    s->batch = llama_batch_init(s->model.settings.batch, 0, 1);
    return slots_init(&s->slots, &s->model, err);
}

static void *run(void *arg)
{
    scheduler *s = arg;
    s->open_code = load(s);
    bool is_loaded = s->open_code >= 0; /* open_code is the loop's from the post on */
    hearth_post(s->options.ctx, on_posted_open, s);
    while (is_loaded && wait_for_work(s))
        step(s);
    return NULL;
}

static void free_all(scheduler *s)
{
    outbox_deinit(&s->outbox);
    slots_deinit(&s->slots);
    if (s->batch.token)
        llama_batch_free(s->batch);
    model_close(&s->model);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s->libraries);
    hearth_free(s->options.ctx, s);
}

static char *dup_text(hearth_str text)
{
    char *copy = malloc(text.n + 1);
    if (copy) {
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
    }
    return copy;
}

scheduler *scheduler_start(const scheduler_options *o, hearth_err *err)
{
    scheduler *s = hearth_new(o->ctx, scheduler);
    if (!s) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "engine-llama.load", "no memory for the engine");
        return NULL;
    }
    s->options = *o;
    queue_init(&s->waiting);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    s->path = dup_text(o->path);
    s->libraries = dup_text(o->libraries);
    if (s->path && s->libraries && pthread_create(&s->thread, NULL, run, s) == 0)
        return s;
    hearth_err_set(err, HEARTH_INTERNAL, "engine-llama.load", "the decode thread cannot be started; close something");
    free_all(s);
    return NULL;
}

void scheduler_stop(scheduler *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->is_stopping, true);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    free_all(s);
}

/* -- the loop's side --------------------------------------------------------------------------------------------------- */

const model *scheduler_model(const scheduler *s)
{
    return &s->model;
}

void scheduler_give(scheduler *s, generation *g)
{
    pthread_mutex_lock(&s->lock);
    queue_push(&s->waiting, &g->entry);
    if (atomic_load(&g->is_cancelled))
        s->has_news = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void scheduler_cancel(scheduler *s, generation *g)
{
    atomic_store(&g->is_cancelled, true);
    if (atomic_load(&g->is_reading))
        atomic_store(&s->is_abort, true);
    pthread_mutex_lock(&s->lock);
    s->has_news = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void scheduler_cancel_load(scheduler *s)
{
    atomic_store(&s->is_load_cancelled, true);
}

hearth_value *scheduler_stats(scheduler *s)
{
    hearth_value *v = hearth_object(s->options.ctx), *list = hearth_array(s->options.ctx);
    bool    is_open = atomic_load(&s->is_open);
    int32_t busy = 0, count = is_open ? s->model.settings.slots : 0;
    for (int32_t i = 0; i < count; i++) {
        bool is_busy = atomic_load_explicit(&s->shown[i].is_busy, memory_order_relaxed);
        hearth_value *o = hearth_object(s->options.ctx);
        hearth_put_i64(o, "id", i);
        hearth_put_bool(o, "is_busy", is_busy);
        hearth_put_i64(o, "tokens", atomic_load_explicit(&s->shown[i].tokens, memory_order_relaxed));
        hearth_add(list, o);
        busy += is_busy;
    }
    pthread_mutex_lock(&s->lock);
    size_t waiting = s->waiting.count;
    pthread_mutex_unlock(&s->lock);
    hearth_put(v, "slots", list);
    hearth_put_i64(v, "slots_busy", busy);
    hearth_put_u64(v, "waiting", waiting);
    hearth_put_u64(v, "steps", atomic_load_explicit(&s->steps, memory_order_relaxed));
    hearth_put_u64(v, "decoded_tokens", atomic_load_explicit(&s->decoded, memory_order_relaxed));
    hearth_put_u64(v, "memory_bytes", is_open ? s->model.memory_bytes : 0);
    hearth_put_i64(v, "context", is_open ? s->model.context_max : 0);
    return v;
}
