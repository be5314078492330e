/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Turns with the real threads and store, and a model that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../tests/unit/fakehost.h"

const hearth_plugin *hearth_entry_store_folder(const hearth_host_api *host);
const hearth_plugin *hearth_entry_threads(const hearth_host_api *host);
const hearth_plugin *hearth_entry_chat(const hearth_host_api *host);

/* What inference.chat was asked, and the request, for the test to answer when it likes. */
typedef struct model {
    hearth_req   *req;
    hearth_value *asked;
    unsigned      calls;
} model;

static void on_model_cancel(void *arg)
{
    model      *m = arg;
    hearth_req *req = m->req;
    m->req = NULL;
    hearth_fail(req, HEARTH_CANCELLED, "cancelled");
}

static void serve_model(hearth_req *req, void *self)
{
    model *m = self;
    hearth_value_unref(m->asked);
    m->asked = hearth_value_ref(hearth_params(req));
    m->req = req;
    m->calls++;
    hearth_on_cancel(req, on_model_cancel, m);
}

static void say(model *m, const char *text)
{
    assert_non_null(m->req);
    hearth_push_text(m->req, HEARTH_TEXT, hearth_cstr(text));
}

static void finish(model *m, const char *json)
{
    hearth_req *req = m->req;
    assert_non_null(req);
    m->req = NULL;
    hearth_reply(req, hearth_parse(NULL, hearth_cstr(json), NULL));
}

static fakehost *open_at(const char *folder, model *m)
{
    fakehost *f = fakehost_new(folder);
    *m = (model){ 0 };
    fakehost_serve(f, "inference.chat", serve_model, m);
    fakehost_load(f, "store-folder", hearth_entry_store_folder);
    fakehost_load(f, "threads", hearth_entry_threads);
    fakehost_load(f, "chat", hearth_entry_chat);
    fakehost_run(f);
    return f;
}

static void close_all(fakehost *f, model *m)
{
    hearth_value_unref(m->asked);
    m->asked = NULL;
    assert_int_equal(fakehost_free(f), 0);
}

static void copy_text(char *out, size_t size, const hearth_value *v, const char *key)
{
    hearth_str_copy(out, size, hearth_get_str(v, key));
}

#define assert_text(value, key, text)                                                                                  \
    do {                                                                                                               \
        char text_[512];                                                                                               \
        copy_text(text_, sizeof text_, value, key);                                                                    \
        assert_string_equal(text_, text);                                                                              \
    } while (0)

static const hearth_value *event_at(const fake_call *c, size_t i, const char *kind)
{
    const hearth_value *e = hearth_at(c->events, i);
    assert_text(e, "kind", kind);
    return e;
}

static const hearth_value *text_part(const hearth_value *message)
{
    const hearth_value *parts = hearth_get(message, "parts");
    for (size_t i = 0; i < hearth_count(parts); i++)
        if (hearth_str_is(hearth_get_str(hearth_at(parts, i), "type"), "text"))
            return hearth_at(parts, i);
    return NULL;
}

/* Sends, has the model answer "Hello", and gives the thread's and the answer's id. */
static void one_turn(fakehost *f, model *m, const char *json, char thread[27], char question[27], char answer[27])
{
    fake_call *c = fakehost_call(f, "chat.send", json);
    assert_false(c->is_done);
    say(m, "Hel");
    say(m, "lo");
    finish(m,
           "{\"text\":\"Hello\",\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}");
    fakehost_run(f);
    assert_int_equal(c->code, HEARTH_OK);
    copy_text(thread, 27, hearth_get(c->value, "thread"), "id");
    copy_text(question, 27, hearth_get(c->value, "question"), "id");
    copy_text(answer, 27, hearth_get(c->value, "answer"), "id");
    fake_call_free(c);
}

static fake_call *get_thread(fakehost *f, const char *thread)
{
    char json[64];
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", thread);
    fake_call *c = fakehost_call(f, "threads.get", json);
    assert_int_equal(c->code, HEARTH_OK);
    return c;
}

static const hearth_value *last_message(const fake_call *c)
{
    const hearth_value *messages = hearth_get(c->value, "messages");
    return hearth_at(messages, hearth_count(messages) - 1);
}

/* -- turns ------------------------------------------------------------------------------------------------------------- */

static void a_turn_streams_and_is_kept(void **state)
{
    (void)state;
    model      m;
    fakehost  *f = open_at(NULL, &m);
    fake_call *c =
        fakehost_call(f, "chat.send", "{\"text\":\"Who are you?\",\"options\":{\"temperature\":0.5,\"seed\":7}}");
    assert_false(c->is_done);
    const hearth_value *started = hearth_get(event_at(c, 0, "started"), "data");
    char                thread[27], answer[27], job[17];
    copy_text(thread, sizeof thread, hearth_get(started, "thread"), "id");
    copy_text(answer, sizeof answer, hearth_get(started, "answer"), "id");
    copy_text(job, sizeof job, started, "job");
    assert_text(hearth_get(started, "answer"), "job", job);
    assert_text(hearth_get(started, "answer"), "state", "running");

    fake_call *r = fakehost_call(f, "chat.running", "{}");
    assert_int_equal(hearth_count(hearth_get(r->value, "turns")), 1);
    assert_text(hearth_at(hearth_get(r->value, "turns"), 0), "job", job);
    fake_call_free(r);

    assert_text(m.asked, "model", "kindling");
    assert_text(m.asked, "cache_hint", thread);
    assert_true(hearth_get_f64(m.asked, "temperature", 0) == 0.5);
    assert_int_equal(hearth_get_u64(m.asked, "seed", 0), 7);
    assert_int_equal(hearth_count(hearth_get(m.asked, "messages")), 1);
    assert_text(hearth_at(hearth_get(m.asked, "messages"), 0), "content", "Who are you?");

    hearth_push_progress(m.req, 1, 2, HEARTH_STR("reading the prompt"));
    hearth_push_text(m.req, HEARTH_REASONING, HEARTH_STR("hm"));
    say(&m, "A small ");
    say(&m, "model.");
    finish(&m, "{\"text\":\"A small "
               "model.\",\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":9},\"timings\":{\"prompt_ms\":1.5}}");
    fakehost_run(f);
    assert_int_equal(c->code, HEARTH_OK);
    event_at(c, 1, "progress");
    event_at(c, 2, "reasoning");
    assert_text(event_at(c, 4, "text"), "text", "model.");
    const hearth_value *a = hearth_get(c->value, "answer");
    assert_text(a, "state", "complete");
    assert_text(a, "finish_reason", "stop");
    assert_text(text_part(a), "text", "A small model.");
    assert_int_equal(hearth_count(hearth_get(a, "parts")), 2);
    assert_int_equal(hearth_get_u64(hearth_get(a, "usage"), "prompt_tokens", 0), 9);
    fake_call_free(c);

    fake_call *g = get_thread(f, thread);
    assert_text(last_message(g), "id", answer);
    assert_text(last_message(g), "state", "complete");
    fake_call_free(g);
    r = fakehost_call(f, "chat.running", "{}");
    assert_int_equal(hearth_count(hearth_get(r->value, "turns")), 0);
    fake_call_free(r);
    close_all(f, &m);
}

static void the_branch_is_the_context(void **state)
{
    (void)state;
    model     m;
    fakehost *f = open_at(NULL, &m);
    char      thread[27], q[27], a[27], q2[27], a2[27], json[300];
    fakehost_set(f, "chat.system_prompt", "\"Be brief.\"");
    fakehost_set(f, "chat.model", "\"mine\"");
    one_turn(f, &m, "{\"thread\":null,\"text\":\"first\"}", thread, q, a);
    assert_text(m.asked, "model", "mine");
    snprintf(json, sizeof json,
             "{\"thread\":\"%s\",\"parts\":[{\"type\":\"text\",\"text\":\"second\"},{\"type\":\"text\",\"text\":"
             "\"half\"}],\"model\":\"big\"}",
             thread);
    one_turn(f, &m, json, thread, q2, a2);
    const hearth_value      *told = hearth_get(m.asked, "messages");
    static const char *const roles[] = { "system", "user", "assistant", "user" }, *const texts[] = { "Be brief.",
                                                                                                     "first", "Hello",
                                                                                                     "second\n\nhalf" };
    assert_int_equal(hearth_count(told), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_text(hearth_at(told, i), "role", roles[i]);
        assert_text(hearth_at(told, i), "content", texts[i]);
    }
    assert_text(m.asked, "model", "big");

    /* an edited question: a branch from the same place, without what the other one said */
    snprintf(json, sizeof json, "{\"thread\":\"%s\",\"text\":\"another second\",\"parent\":\"%s\"}", thread, a);
    one_turn(f, &m, json, thread, q2, a2);
    told = hearth_get(m.asked, "messages");
    assert_int_equal(hearth_count(told), 4);
    assert_text(hearth_at(told, 3), "content", "another second");
    close_all(f, &m);
}

static void regenerating_makes_a_branch_beside(void **state)
{
    (void)state;
    model     m;
    fakehost *f = open_at(NULL, &m);
    char      thread[27], q[27], a[27], json[200], other[27];
    one_turn(f, &m, "{\"text\":\"first\"}", thread, q, a);
    snprintf(json, sizeof json, "{\"thread\":\"%s\",\"message\":\"%s\"}", thread, a);
    fake_call *c = fakehost_call(f, "chat.regenerate", json);
    assert_int_equal(hearth_count(hearth_get(m.asked, "messages")), 1); /* not the earlier answer */
    finish(&m, "{\"text\":\"Other\",\"finish_reason\":\"stop\"}");
    fakehost_run(f);
    assert_int_equal(c->code, HEARTH_OK);
    assert_text(hearth_get(c->value, "answer"), "parent", q);
    copy_text(other, sizeof other, hearth_get(c->value, "answer"), "id");
    assert_string_not_equal(other, a);
    fake_call_free(c);
    fake_call *g = get_thread(f, thread);
    assert_int_equal(hearth_count(hearth_get(g->value, "messages")), 3);
    assert_text(hearth_get(g->value, "thread"), "head", other);
    fake_call_free(g);
    snprintf(json, sizeof json, "{\"thread\":\"%s\",\"message\":\"01J00000000000000000000000\"}", thread);
    c = fakehost_call(f, "chat.regenerate", json);
    assert_int_equal(c->code, HEARTH_NOT_FOUND);
    fake_call_free(c);
    close_all(f, &m);
}

/* -- ends -------------------------------------------------------------------------------------------------------------- */

static void stopping_keeps_what_there_is(void **state)
{
    (void)state;
    model      m;
    fakehost  *f = open_at(NULL, &m);
    char       thread[27], json[64];
    fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"count\"}");
    copy_text(thread, sizeof thread, hearth_get(hearth_get(event_at(c, 0, "started"), "data"), "thread"), "id");
    say(&m, "one two");
    snprintf(json, sizeof json, "{\"thread\":\"%s\"}", thread);
    fake_call *s = fakehost_call(f, "chat.stop", json);
    assert_int_equal(hearth_get_u64(s->value, "stopped", 9), 1);
    fake_call_free(s);
    assert_int_equal(c->code, HEARTH_OK);
    assert_text(hearth_get(c->value, "answer"), "state", "stopped");
    assert_text(text_part(hearth_get(c->value, "answer")), "text", "one two");
    fake_call_free(c);
    s = fakehost_call(f, "chat.stop", json);
    assert_int_equal(hearth_get_u64(s->value, "stopped", 9), 0);
    fake_call_free(s);
    close_all(f, &m);
}

/* chat.stop, or the caller's cancel, after any number of steps: the request ends and no answer stays running. */
static void stopped_at_any_step_nothing_stays_running(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        for (unsigned steps = 0; steps < 40; steps++) {
            model      m;
            fakehost  *f = open_at(NULL, &m);
            fake_call *made = fakehost_call(f, "threads.create", "{}");
            char       thread[27], json[128];
            copy_text(thread, sizeof thread, made->value, "id");
            fake_call_free(made);
            snprintf(json, sizeof json, "{\"thread\":\"%s\",\"text\":\"x\"}", thread);
            fake_call *c = fakehost_start(f, "chat.send", json), *s = NULL;
            for (unsigned i = 0; i < steps; i++)
                fakehost_step(f);
            snprintf(json, sizeof json, "{\"thread\":\"%s\"}", thread);
            if (how == 0)
                s = fakehost_call(f, "chat.stop", json);
            else
                fakehost_cancel(c);
            fakehost_run(f);
            bool was_early =
                how == 0 && hearth_get_u64(s->value, "stopped", 0) == 0; /* nothing was there to stop yet */
            if (was_early && m.req)
                finish(&m, "{\"text\":\"done\"}");
            fakehost_run(f);
            if (how == 1 && m.req) /* cancelled before it was dispatched: nobody was told, it runs on */
                finish(&m, "{\"text\":\"done\"}");
            fakehost_run(f);
            assert_true(c->is_done);
            assert_true(c->code == HEARTH_OK || c->code == HEARTH_CANCELLED);
            fake_call *r = fakehost_call(f, "threads.running", "{}");
            assert_int_equal(hearth_count(hearth_get(r->value, "messages")), 0);
            fake_call_free(r);
            fake_call_free(c);
            if (s)
                fake_call_free(s);
            close_all(f, &m);
        }
    }
}

static void a_failure_is_kept_with_its_reason(void **state)
{
    (void)state;
    model       m;
    fakehost   *f = open_at(NULL, &m);
    char        thread[27];
    fake_call  *c = fakehost_call(f, "chat.send", "{\"text\":\"a very long question\"}");
    hearth_req *req = m.req;
    m.req = NULL;
    hearth_value *numbers = hearth_parse(NULL, HEARTH_STR("{\"prompt_tokens\":5000,\"n_ctx\":1024}"), NULL);
    hearth_fail_detailed(req, HEARTH_CONTEXT_OVERFLOW,
                         HEARTH_STR("the conversation has 5000 tokens, the model's context holds 1024"), numbers);
    fakehost_run(f);
    assert_int_equal(c->code, HEARTH_CONTEXT_OVERFLOW);
    assert_non_null(strstr(c->err.msg, "5000"));
    assert_int_equal(hearth_get_u64(c->value, "n_ctx", 0), 1024);
    const hearth_value *a = hearth_get(c->value, "answer");
    assert_text(a, "state", "failed");
    assert_text(hearth_get(a, "error"), "name", "context_overflow");
    copy_text(thread, sizeof thread, hearth_get(c->value, "thread"), "id");
    fake_call_free(c);

    char json[128]; /* the thread can go on: what failed is not told to the model */
    snprintf(json, sizeof json, "{\"thread\":\"%s\",\"text\":\"short\"}", thread);
    char q[27], answer[27];
    one_turn(f, &m, json, thread, q, answer);
    assert_int_equal(hearth_count(hearth_get(m.asked, "messages")), 2);
    close_all(f, &m);
}

static void an_answer_without_end_is_stopped(void **state)
{
    (void)state;
    model      m;
    fakehost  *f = open_at(NULL, &m);
    fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"go on for ever\"}");
    size_t     n = 1 << 20;
    char      *piece = malloc(n + 1);
    memset(piece, 'x', n);
    piece[n] = '\0';
    for (int i = 0; i < 6 && m.req; i++)
        say(&m, piece);
    free(piece);
    assert_null(m.req);
    fakehost_run(f);
    assert_int_equal(c->code, HEARTH_TOO_LARGE);
    assert_text(hearth_get(c->value, "answer"), "state", "failed");
    assert_int_equal(hearth_get_str(text_part(hearth_get(c->value, "answer")), "text").n, 4 * n);
    fake_call_free(c);
    close_all(f, &m);
}

static void one_turn_runs_per_thread(void **state)
{
    (void)state;
    model     m;
    fakehost *f = open_at(NULL, &m);
    char      thread[27], q[27], a[27], json[200];
    one_turn(f, &m, "{\"text\":\"first\"}", thread, q, a);
    snprintf(json, sizeof json, "{\"thread\":\"%s\",\"text\":\"second\"}", thread);
    fake_call *one = fakehost_start(f, "chat.send", json), *two = fakehost_start(f, "chat.send", json);
    fakehost_run(f);
    assert_false(one->is_done);
    assert_int_equal(two->code, HEARTH_CONFLICT);
    assert_non_null(strstr(two->err.msg, "chat.stop"));
    fake_call_free(two);
    snprintf(json, sizeof json, "{\"thread\":\"%s\",\"message\":\"%s\"}", thread, a);
    two = fakehost_call(f, "chat.regenerate", json);
    assert_int_equal(two->code, HEARTH_CONFLICT);
    fake_call_free(two);
    finish(&m, "{\"text\":\"ok\"}");
    fakehost_run(f);
    assert_int_equal(one->code, HEARTH_OK);
    fake_call_free(one);
    close_all(f, &m);
}

static void bad_input_writes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        hearth_code code;
    } cases[] = {
        { "{}", HEARTH_INVALID_ARGUMENT },
        { "{\"text\":\"\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"text\":\" \\n\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"text\":\"a\",\"parts\":[]}", HEARTH_INVALID_ARGUMENT },
        { "{\"thread\":\"nonsense\",\"text\":\"a\"}", HEARTH_NOT_FOUND },
        { "{\"thread\":\"01J00000000000000000000000\",\"text\":\"a\"}", HEARTH_NOT_FOUND },
    };
    model     m;
    fakehost *f = open_at(NULL, &m);
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        fake_call *c = fakehost_call(f, "chat.send", cases[i].json);
        assert_int_equal(c->code, cases[i].code);
        assert_true(c->err.msg[0]);
        fake_call_free(c);
    }
    assert_int_equal(fakehost_appends(f), 0);
    assert_int_equal(m.calls, 0);
    close_all(f, &m);
}

static void a_full_disk_asks_no_model(void **state)
{
    (void)state;
    model     m;
    fakehost *f = open_at(NULL, &m);
    fakehost_fail_append(f, HEARTH_DISK_FULL, 0);
    fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"x\"}");
    assert_int_equal(c->code, HEARTH_DISK_FULL);
    assert_int_equal(m.calls, 0);
    fake_call_free(c);

    c = fakehost_call(f, "chat.send", "{\"text\":\"x\"}"); /* and one that is full when the answer is there */
    say(&m, "lost?");
    fakehost_fail_append(f, HEARTH_DISK_FULL, 0);
    finish(&m, "{\"text\":\"lost?\"}");
    fakehost_run(f);
    assert_int_equal(c->code, HEARTH_DISK_FULL);
    fake_call_free(c);
    c = fakehost_call(f, "chat.running", "{}");
    assert_int_equal(hearth_count(hearth_get(c->value, "turns")), 0);
    fake_call_free(c);
    close_all(f, &m);
}

/* -- crashes ------------------------------------------------------------------------------------------------------------ */

static fakehost *crash(fakehost *f, model *m, char folder[256])
{
    snprintf(folder, 256, "%s", fakehost_folder(f));
    hearth_value_unref(m->asked);
    fakehost_crash(f);
    return open_at(folder, m);
}

static void a_crash_leaves_an_interrupted_answer_with_its_text(void **state)
{
    (void)state;
    model      m;
    fakehost  *f = open_at(NULL, &m);
    char       folder[256], thread[27], job[17], part[64];
    fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"tell me\"}");
    copy_text(job, sizeof job, hearth_get(event_at(c, 0, "started"), "data"), "job");
    copy_text(thread, sizeof thread, hearth_get(hearth_get(event_at(c, 0, "started"), "data"), "thread"), "id");
    snprintf(part, sizeof part, "local/jobs/%s.part", job);
    assert_false(fakehost_has(f, part));
    hearth_push_text(m.req, HEARTH_REASONING, HEARTH_STR("thinking"));
    say(&m, "Once \"upon\" ");
    fakehost_advance(f, 1000);
    assert_true(fakehost_has(f, part));
    say(&m, "a time");
    fakehost_advance(f, 1000);
    fake_call_free(c);
    fakehost_write(f, "local/jobs/00000000000000ff.part", "of an answer that was ended");
    fakehost_write(f, "local/jobs/notes.part", "somebody's");

    f = crash(f, &m, folder);
    fake_call *g = get_thread(f, thread);
    assert_text(last_message(g), "state", "interrupted");
    assert_text(text_part(last_message(g)), "text", "Once \"upon\" a time");
    assert_int_equal(hearth_count(hearth_get(last_message(g), "parts")), 2);
    fake_call_free(g);
    assert_false(fakehost_has(f, part));
    assert_false(fakehost_has(f, "local/jobs/00000000000000ff.part"));
    assert_true(fakehost_has(f, "local/jobs/notes.part"));
    fakehost_remove(f, "");
    close_all(f, &m);
}

/* Another device's running answer is shown as running; ours without a part file is interrupted without text. */
static void only_answers_of_this_device_are_interrupted(void **state)
{
    (void)state;
    model      m;
    fakehost  *f = open_at(NULL, &m);
    char       folder[256], ours[27], theirs[27], name[96], line[400];
    fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"ours\"}");
    copy_text(ours, sizeof ours, hearth_get(hearth_get(event_at(c, 0, "started"), "data"), "thread"), "id");
    fake_call_free(c);
    c = fakehost_call(f, "threads.create", "{}");
    copy_text(theirs, sizeof theirs, c->value, "id");
    fake_call_free(c);
    snprintf(name, sizeof name, "threads/%s/01JTHERDEV1CE000000000000B.jsonl", theirs);
    snprintf(line, sizeof line,
             "{\"h\":\"01a3185c50000001\",\"d\":\"01JTHERDEV1CE000000000000B\",\"n\":1,\"o\":\"msg.add\",\"k\":"
             "\"01K00000000000000000000009\",\"f\":\"*\",\"v\":{\"role\":\"assistant\",\"state\":\"running\",\"job\":"
             "\"0000000000000009\"}}\n");
    fakehost_write(f, name, line);
    f = crash(f, &m, folder);
    fake_call *g = get_thread(f, theirs);
    assert_text(last_message(g), "state", "running");
    fake_call_free(g);
    g = get_thread(f, ours);
    assert_text(last_message(g), "state", "interrupted");
    assert_int_equal(hearth_count(hearth_get(last_message(g), "parts")), 0);
    fake_call_free(g);
    fakehost_remove(f, "");
    close_all(f, &m);
}

/* A turn that begins while the old ones are still being looked for is not taken for one of them. */
static void a_new_turn_is_not_interrupted(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 30; steps += 3) {
        model     m = { 0 };
        fakehost *f = fakehost_new(NULL);
        fakehost_serve(f, "inference.chat", serve_model, &m);
        fakehost_load(f, "store-folder", hearth_entry_store_folder);
        fakehost_load(f, "threads", hearth_entry_threads);
        fakehost_load(f, "chat", hearth_entry_chat);
        for (unsigned i = 0; i < steps; i++)
            fakehost_step(f);
        fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"x\"}");
        finish(&m, "{\"text\":\"fine\"}");
        fakehost_run(f);
        assert_int_equal(c->code, HEARTH_OK);
        assert_text(hearth_get(c->value, "answer"), "state", "complete");
        fake_call_free(c);
        close_all(f, &m);
    }
}

static void turns_under_way_are_given_back_at_the_end(void **state)
{
    (void)state;
    model      m;
    fakehost  *f = open_at(NULL, &m);
    fake_call *c = fakehost_call(f, "chat.send", "{\"text\":\"x\"}");
    say(&m, "never ended");
    close_all(f, &m); /* counts every byte */
    fake_call_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_streams_and_is_kept),
        cmocka_unit_test(the_branch_is_the_context),
        cmocka_unit_test(regenerating_makes_a_branch_beside),
        cmocka_unit_test(stopping_keeps_what_there_is),
        cmocka_unit_test(stopped_at_any_step_nothing_stays_running),
        cmocka_unit_test(a_failure_is_kept_with_its_reason),
        cmocka_unit_test(an_answer_without_end_is_stopped),
        cmocka_unit_test(one_turn_runs_per_thread),
        cmocka_unit_test(bad_input_writes_nothing),
        cmocka_unit_test(a_full_disk_asks_no_model),
        cmocka_unit_test(a_crash_leaves_an_interrupted_answer_with_its_text),
        cmocka_unit_test(only_answers_of_this_device_are_interrupted),
        cmocka_unit_test(a_new_turn_is_not_interrupted),
        cmocka_unit_test(turns_under_way_are_given_back_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
