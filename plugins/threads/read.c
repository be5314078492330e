/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The methods that only read. Thread: worker. */
#include "index_query.h"
#include "threads.h"

static uint64_t limit_of(const task *k, uint64_t otherwise)
{
    uint64_t limit = hearth_get_u64(k->params, "limit", otherwise);
    return limit < 1 ? 1 : limit < QUERY_MAX_LIMIT ? limit : QUERY_MAX_LIMIT;
}

static hearth_code run_list(task *k)
{
    return query_list(&k->t->ix, limit_of(k, 100), hearth_get_str(k->params, "cursor"),
                      hearth_get_str(k->params, "query"), &k->result, &k->err);
}

static hearth_code run_get(task *k)
{
    HEARTH_TRY(query_get(&k->t->ix, hearth_cstr(k->thread), &k->result, &k->err));
    if (k->has_changed) /* another device wrote to it; whoever shows the list should hear so */
        task_changed(k, "updated", hearth_value_ref(hearth_get(k->result, "thread")), NULL);
    return HEARTH_OK;
}

static hearth_code run_search(task *k)
{
    return query_search(&k->t->ix, hearth_get_str(k->params, "query"), limit_of(k, 20), &k->result, &k->err);
}

static hearth_code run_running(task *k)
{
    return query_running(&k->t->ix, hearth_cstr(k->t->device), &k->result, &k->err);
}

const task_kind task_list = { .needs_all = true, .run = run_list };
const task_kind task_get = { .thread_key = "id", .opens = true, .run = run_get };
const task_kind task_search = { .needs_all = true, .run = run_search };
const task_kind task_running = { .needs_all = true, .run = run_running };
