/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The methods that change one thing: operations out of arguments, and afterwards the answer out of the index.
 *
 * Nothing is overwritten. Editing a message that is complete makes a branch beside it; deleting writes a tombstone,
 * restoring an operation that clears it. Only a message that is still being written (state running) changes in place.
 * Thread: worker. */
#include <inttypes.h>

#include "index_query.h"
#include "message.h"
#include "threads.h"

#define TITLE_MAX_BYTES 400u

/* -- shared ----------------------------------------------------------------------------------------------------------- */

hearth_code write_thread(task *k, hearth_value **thread)
{
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), thread, &k->err));
    if (!hearth_get_bool(*thread, "is_deleted", false))
        return HEARTH_OK;
    hearth_value_unref(*thread);
    *thread = NULL;
    return hearth_err_set(&k->err, HEARTH_CONFLICT, "threads",
                          "the thread %s is deleted; bring it back with threads.restore first", k->thread);
}

hearth_code write_new_id(task *k, hearth_str wanted, char out[INDEX_ID_BYTES])
{
    if (!wanted.p) {
        threads_mint(k->t, out);
        return HEARTH_OK;
    }
    if (!hearth_ulid_valid(wanted))
        return hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads",
                              "`id` is not a ULID; leave it out and one is made");
    hearth_value *there = NULL;
    hearth_err    none = { 0 };
    hearth_code   code = query_message(&k->t->ix, hearth_cstr(k->thread), wanted, &there, &none);
    hearth_value_unref(there);
    if (code == HEARTH_OK)
        return hearth_err_set(&k->err, HEARTH_CONFLICT, "threads",
                              "there is a message %.*s already; leave `id` out and a new one is made",
                              HEARTH_FMT(wanted));
    hearth_str_copy(out, INDEX_ID_BYTES, wanted);
    return code == HEARTH_NOT_FOUND ? HEARTH_OK : code;
}

/* Puts the parent into a message: the one that `from` names (null: none, the message begins the thread), or the
 * thread's head when it names none. */
hearth_code write_parent(task *k, const hearth_value *from, const hearth_value *thread, hearth_value *message)
{
    const hearth_value *given = hearth_get(from, "parent");
    hearth_str          parent = given ? hearth_as_str(given) : hearth_get_str(thread, "head");
    if (!parent.p) {
        hearth_put_null(message, "parent");
        return HEARTH_OK;
    }
    hearth_value *there = NULL;
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), parent, &there, &k->err));
    hearth_value_unref(there);
    hearth_put_str(message, "parent", parent);
    return HEARTH_OK;
}

void write_copy(hearth_value *to, const hearth_value *from, const char *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const hearth_value *v = hearth_get(from, fields[i]);
        if (v)
            hearth_put_ref(to, fields[i], v);
    }
}

static hearth_code check_title(task *k)
{
    if (hearth_get_str(k->params, "title").n <= TITLE_MAX_BYTES)
        return HEARTH_OK;
    return hearth_err_set(&k->err, HEARTH_TOO_LARGE, "threads", "a title has at most %u bytes; choose a shorter one",
                          TITLE_MAX_BYTES);
}

/* The answer is the thread. */
static hearth_code finish_thread(task *k)
{
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), &k->result, &k->err));
    task_changed(k, k->change, hearth_value_ref(k->result), NULL);
    return HEARTH_OK;
}

/* The answer is the message ids[0]. */
static hearth_code finish_message(task *k)
{
    hearth_value *thread = NULL;
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), hearth_cstr(k->ids[0]), &k->result, &k->err));
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), &thread, &k->err));
    task_changed(k, "message", thread, hearth_value_ref(k->result));
    return HEARTH_OK;
}

/* -- threads ----------------------------------------------------------------------------------------------------------- */

static hearth_code run_create(task *k)
{
    static const char *const fields[] = { "title", "model" };
    hearth_value            *there = NULL;
    hearth_err               none = { 0 };
    HEARTH_TRY(check_title(k));
    hearth_code code = query_thread(&k->t->ix, hearth_cstr(k->thread), &there, &none);
    hearth_value_unref(there);
    if (code != HEARTH_NOT_FOUND)
        return code < 0
                   ? code
                   : hearth_err_set(&k->err, HEARTH_CONFLICT, "threads",
                                    "there is a thread %s already; leave `id` out and a new one is made", k->thread);
    hearth_value *meta = hearth_object(k->t->ctx);
    write_copy(meta, k->params, fields, HEARTH_COUNT(fields));
    hearth_put_u64(meta, "created_ms", hearth_wall_ms(k->t->ctx));
    k->change = "created";
    return task_put(k, OP_META_SET, k->thread, OP_ALL_FIELDS, meta);
}

static hearth_code run_update(task *k)
{
    static const char *const fields[] = { "title", "model", "head", "is_pinned" };
    hearth_value            *thread = NULL, *meta = NULL, *head = NULL;
    HEARTH_TRY(check_title(k));
    HEARTH_TRY(write_thread(k, &thread));
    hearth_value_unref(thread);
    hearth_str wanted = hearth_get_str(k->params, "head");
    if (wanted.p) {
        HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), wanted, &head, &k->err));
        hearth_value_unref(head);
    }
    meta = hearth_object(k->t->ctx);
    write_copy(meta, k->params, fields, HEARTH_COUNT(fields));
    k->change = "updated";
    if (hearth_count(meta) > 0)
        return task_put(k, OP_META_SET, k->thread, OP_ALL_FIELDS, meta);
    hearth_value_unref(meta);
    return hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads.update",
                          "nothing to change is given; give title, model, head or is_pinned");
}

/* Deleting what is deleted and restoring what is there are fine: the answer is the same. */
static hearth_code run_delete(task *k)
{
    hearth_value *thread = NULL;
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), &thread, &k->err));
    hearth_value_unref(thread);
    k->change = "deleted";
    return task_put(k, OP_META_DEL, k->thread, MERGE_DELETED, hearth_boolean(k->t->ctx, true));
}

static hearth_code run_restore(task *k)
{
    hearth_value *thread = NULL;
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), &thread, &k->err));
    hearth_value_unref(thread);
    k->change = "restored";
    return task_put(k, OP_META_SET, k->thread, MERGE_DELETED, hearth_boolean(k->t->ctx, false));
}

/* -- messages ------------------------------------------------------------------------------------------------------------ */

static const char *const extras[] = { "model", "state",   "job",           "error",
                                      "usage", "timings", "finish_reason", "created_ms" };

static hearth_code put_head(task *k, const char *id)
{
    return task_put(k, OP_META_SET, k->thread, "head", hearth_string(k->t->ctx, hearth_cstr(id)));
}

static hearth_code run_message_add(task *k)
{
    hearth_value *thread = NULL, *parts = NULL, *m = NULL;
    HEARTH_TRY(write_thread(k, &thread));
    m = hearth_object(k->t->ctx);
    hearth_code code = write_new_id(k, hearth_get_str(k->params, "id"), k->ids[0]);
    if (code >= 0)
        code = message_take_parts(k->t->ctx, k->params, &parts, &k->err);
    if (code >= 0)
        code = write_parent(k, k->params, thread, m);
    if (code >= 0) {
        hearth_put_ref(m, "role", hearth_get(k->params, "role"));
        hearth_put(m, "parts", parts ? parts : hearth_array(k->t->ctx));
        parts = NULL;
        write_copy(m, k->params, extras, HEARTH_COUNT(extras));
        code = task_put(k, OP_MSG_ADD, k->ids[0], OP_ALL_FIELDS, m);
        m = NULL;
    }
    if (code >= 0)
        code = put_head(k, k->ids[0]);
    hearth_value_unref(parts);
    hearth_value_unref(m);
    hearth_value_unref(thread);
    return code;
}

/* A branch beside `old`: what it says is new, everything else as it was. */
static hearth_code branch(task *k, const hearth_value *old, hearth_value *parts)
{
    static const char *const same[] = { "parent", "role", "model" };
    hearth_value            *m = hearth_object(k->t->ctx);
    write_copy(m, old, same, HEARTH_COUNT(same));
    hearth_put(m, "parts", parts);
    write_copy(m, k->params, extras, HEARTH_COUNT(extras));
    threads_mint(k->t, k->ids[0]);
    HEARTH_TRY(task_put(k, OP_MSG_ADD, k->ids[0], OP_ALL_FIELDS, m));
    return put_head(k, k->ids[0]);
}

static hearth_code run_message_update(task *k)
{
    hearth_str    id = hearth_get_str(k->params, "id");
    hearth_value *thread = NULL, *old = NULL, *parts = NULL, *m = NULL;
    HEARTH_TRY(write_thread(k, &thread));
    hearth_value_unref(thread);
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), id, &old, &k->err));
    hearth_code code = message_take_parts(k->t->ctx, k->params, &parts, &k->err);
    if (code >= 0 && parts && !hearth_str_is(hearth_get_str(old, "state"), "running")) {
        code = branch(k, old, parts);
    } else if (code >= 0) {
        m = hearth_object(k->t->ctx);
        write_copy(m, k->params, extras, HEARTH_COUNT(extras));
        if (parts)
            hearth_put(m, "parts", parts);
        hearth_str_copy(k->ids[0], sizeof k->ids[0], id);
        if (hearth_count(m) > 0) {
            code = task_put(k, OP_MSG_SET, k->ids[0], OP_ALL_FIELDS, m);
        } else {
            hearth_value_unref(m);
            code = hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads.message.update",
                                  "nothing to change is given; give parts, text or state");
        }
    }
    hearth_value_unref(old);
    return code;
}

static hearth_code run_message_delete(task *k)
{
    hearth_value *old = NULL;
    hearth_str    id = hearth_get_str(k->params, "id");
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), id, &old, &k->err));
    bool is_running = hearth_str_is(hearth_get_str(old, "state"), "running");
    hearth_value_unref(old);
    if (is_running)
        return hearth_err_set(&k->err, HEARTH_CONFLICT, "threads.message.delete",
                              "the message %.*s is being written; stop it first with chat.stop", HEARTH_FMT(id));
    hearth_str_copy(k->ids[0], sizeof k->ids[0], id);
    return task_put(k, OP_MSG_DEL, k->ids[0], MERGE_DELETED, hearth_boolean(k->t->ctx, true));
}

/* The message is not to be seen any more; the answer tells what it was. */
static hearth_code finish_message_delete(task *k)
{
    hearth_value *thread = NULL;
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), &thread, &k->err));
    k->result = hearth_object(k->t->ctx);
    hearth_put_cstr(k->result, "id", k->ids[0]);
    hearth_put_cstr(k->result, "thread", k->thread);
    hearth_put_bool(k->result, "is_deleted", true);
    task_changed(k, "updated", thread, NULL);
    return HEARTH_OK;
}

const task_kind task_create = { .is_new_ok = true, .run = run_create, .finish = finish_thread };
const task_kind task_update = { .thread_key = "id", .run = run_update, .finish = finish_thread };
const task_kind task_delete = { .thread_key = "id", .run = run_delete, .finish = finish_thread };
const task_kind task_restore = { .thread_key = "id", .run = run_restore, .finish = finish_thread };
const task_kind task_message_add = { .thread_key = "thread", .run = run_message_add, .finish = finish_message };
const task_kind task_message_update = { .thread_key = "thread", .run = run_message_update, .finish = finish_message };
const task_kind task_message_delete = { .thread_key = "thread",
                                        .run = run_message_delete,
                                        .finish = finish_message_delete };
