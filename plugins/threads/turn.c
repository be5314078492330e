/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A turn's beginning and end, for chat.
 *
 * turn.begin writes everything that must be there before a model is asked (the thread when it is new, the question,
 * an answer in state running, the head) in one append: after a crash either all of it is there or nothing that
 * anybody was told of. turn.end gives that answer its text and its final state; there is no other way out of
 * `running`. Thread: worker. */
#include "index_query.h"
#include "message.h"
#include "threads.h"

#define QUESTION 0
#define ANSWER   1

static hearth_code put_new_thread(task *k)
{
    static const char *const fields[] = { "title", "model" };
    hearth_value            *there = NULL, *meta = NULL;
    hearth_err               none = { 0 };
    hearth_code              code = query_thread(&k->t->ix, hearth_cstr(k->thread), &there, &none);
    hearth_value_unref(there);
    if (code != HEARTH_NOT_FOUND)
        return code < 0 ? code
                        : hearth_err_set(&k->err, HEARTH_CONFLICT, "threads.turn.begin",
                                         "there is a thread %s already; give it as `thread`", k->thread);
    meta = hearth_object(k->t->ctx);
    write_copy(meta, k->params, fields, HEARTH_COUNT(fields));
    hearth_put_u64(meta, "created_ms", hearth_wall_ms(k->t->ctx));
    return task_put(k, OP_META_SET, k->thread, OP_ALL_FIELDS, meta);
}

static hearth_code put_question(task *k, const hearth_value *thread)
{
    const hearth_value *from = hearth_get(k->params, "question");
    hearth_value       *m = NULL, *parts = NULL;
    HEARTH_TRY(write_new_id(k, hearth_get_str(from, "id"), k->ids[QUESTION]));
    HEARTH_TRY(message_take_parts(k->t->ctx, from, &parts, &k->err));
    if (!parts)
        return hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads.turn.begin",
                              "`question` has neither `parts` nor `text`; give one of them");
    m = hearth_object(k->t->ctx);
    hearth_put_cstr(m, "role", "user");
    hearth_put(m, "parts", parts);
    hearth_put_cstr(m, "state", "complete");
    hearth_code code = write_parent(k, from, thread, m);
    if (code < 0) {
        hearth_value_unref(m);
        return code;
    }
    return task_put(k, OP_MSG_ADD, k->ids[QUESTION], OP_ALL_FIELDS, m);
}

/* Where an answer without a new question hangs: below `parent`, or beside another answer. An answer always answers
 * somebody's message. */
static hearth_code find_asked(task *k, const hearth_value *from, char out[INDEX_ID_BYTES])
{
    hearth_value *m = NULL, *parent = NULL;
    hearth_str    id = hearth_get_str(from, "beside");
    bool          is_beside = id.p != NULL;
    if (!is_beside)
        id = hearth_get_str(from, "parent");
    if (!id.p)
        return hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads.turn.begin",
                              "without a question, `answer` needs a `parent` or an answer to stand `beside`");
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), id, &m, &k->err));
    hearth_code code = HEARTH_OK;
    if (is_beside && !hearth_str_is(hearth_get_str(m, "role"), "user")) {
        id = hearth_get_str(m, "parent");
        code = id.p ? query_message(&k->t->ix, hearth_cstr(k->thread), id, &parent, &k->err)
                    : hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads.turn.begin",
                                     "the message begins its thread: nobody asked it anything; choose an answer");
    }
    if (code >= 0)
        hearth_str_copy(out, INDEX_ID_BYTES, id);
    hearth_value_unref(m);
    hearth_value_unref(parent);
    return code;
}

static hearth_code put_answer(task *k, const hearth_value *thread, bool has_question)
{
    const hearth_value *from = hearth_get(k->params, "answer");
    char                asked[INDEX_ID_BYTES];
    if (has_question)
        memcpy(asked, k->ids[QUESTION], sizeof asked);
    else
        HEARTH_TRY(find_asked(k, from, asked));
    HEARTH_TRY(write_new_id(k, hearth_get_str(from, "id"), k->ids[ANSWER]));

    hearth_value *m = hearth_object(k->t->ctx);
    hearth_str    model = hearth_get_str(from, "model");
    if (!model.n)
        model = hearth_get_str(thread, "model");
    if (!model.n)
        model = hearth_get_str(from, "fallback_model");
    hearth_put_cstr(m, "parent", asked);
    hearth_put_cstr(m, "role", "assistant");
    hearth_put(m, "parts", hearth_array(k->t->ctx));
    if (model.n)
        hearth_put_str(m, "model", model);
    hearth_put_cstr(m, "state", "running");
    hearth_put_ref(m, "job", hearth_get(from, "job"));
    HEARTH_TRY(task_put(k, OP_MSG_ADD, k->ids[ANSWER], OP_ALL_FIELDS, m));
    return task_put(k, OP_META_SET, k->thread, "head", hearth_string(k->t->ctx, hearth_cstr(k->ids[ANSWER])));
}

static hearth_code run_turn_begin(task *k)
{
    bool          has_question = hearth_kind_of(hearth_get(k->params, "question")) == HEARTH_OBJECT;
    hearth_value *thread = NULL;
    hearth_code   code = k->is_new ? put_new_thread(k) : write_thread(k, &thread);
    if (code >= 0 && k->is_new) {
        thread = hearth_object(k->t->ctx); /* what it will be, as far as it matters here */
        write_copy(thread, k->params, (const char *const[]){ "model" }, 1);
    }
    k->ids[QUESTION][0] = '\0';
    if (code >= 0 && has_question)
        code = put_question(k, thread);
    if (code >= 0)
        code = put_answer(k, thread, has_question);
    hearth_value_unref(thread);
    return code;
}

static hearth_code finish_turn_begin(task *k)
{
    hearth_value *thread = NULL, *question = NULL, *answer = NULL;
    hearth_str    id = hearth_cstr(k->thread);
    hearth_code   code = query_thread(&k->t->ix, id, &thread, &k->err);
    if (code >= 0 && k->ids[QUESTION][0])
        code = query_message(&k->t->ix, id, hearth_cstr(k->ids[QUESTION]), &question, &k->err);
    if (code >= 0)
        code = query_message(&k->t->ix, id, hearth_cstr(k->ids[ANSWER]), &answer, &k->err);
    if (code < 0) {
        hearth_value_unref(thread);
        hearth_value_unref(question);
        return code;
    }
    if (k->is_new)
        task_changed(k, "created", hearth_value_ref(thread), NULL);
    if (question)
        task_changed(k, "message", hearth_value_ref(thread), hearth_value_ref(question));
    task_changed(k, "message", hearth_value_ref(thread), hearth_value_ref(answer));
    k->result = hearth_object(k->t->ctx);
    hearth_put(k->result, "thread", thread);
    if (question)
        hearth_put(k->result, "question", question);
    else
        hearth_put_null(k->result, "question");
    hearth_put(k->result, "answer", answer);
    return HEARTH_OK;
}

/* Also in a deleted thread: what was asked of a model before is not lost by that. */
static hearth_code run_turn_end(task *k)
{
    static const char *const fields[] = { "state", "usage", "timings", "finish_reason", "error" };
    hearth_value            *old = NULL, *parts = NULL, *m = NULL;
    hearth_str               id = hearth_get_str(k->params, "message");
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), id, &old, &k->err));
    bool is_running = hearth_str_is(hearth_get_str(old, "state"), "running");
    hearth_value_unref(old);
    if (!is_running)
        return hearth_err_set(&k->err, HEARTH_CONFLICT, "threads.turn.end", "the message %.*s has ended already",
                              HEARTH_FMT(id));
    HEARTH_TRY(message_take_parts(k->t->ctx, k->params, &parts, &k->err));
    m = hearth_object(k->t->ctx);
    write_copy(m, k->params, fields, HEARTH_COUNT(fields));
    if (parts)
        hearth_put(m, "parts", parts);
    hearth_str_copy(k->ids[ANSWER], sizeof k->ids[ANSWER], id);
    return task_put(k, OP_MSG_SET, k->ids[ANSWER], OP_ALL_FIELDS, m);
}

static hearth_code finish_turn_end(task *k)
{
    hearth_value *thread = NULL;
    HEARTH_TRY(query_message(&k->t->ix, hearth_cstr(k->thread), hearth_cstr(k->ids[ANSWER]), &k->result, &k->err));
    HEARTH_TRY(query_thread(&k->t->ix, hearth_cstr(k->thread), &thread, &k->err));
    task_changed(k, "message", thread, hearth_value_ref(k->result));
    return HEARTH_OK;
}

const task_kind task_turn_begin = {
    .thread_key = "thread", .is_new_ok = true, .run = run_turn_begin, .finish = finish_turn_begin
};
const task_kind task_turn_end = { .thread_key = "thread", .run = run_turn_end, .finish = finish_turn_end };
