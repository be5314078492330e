/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../tests/unit/fakehost.h"

const hearth_plugin *hearth_entry_store_folder(const hearth_host_api *host);
const hearth_plugin *hearth_entry_threads(const hearth_host_api *host);

#define DEVICE "01JDEV1CE0000000000000000A"
#define NOBODY "01J00000000000000000000000"

static fakehost *open_at(const char *folder)
{
    fakehost *f = fakehost_new(folder);
    fakehost_load(f, "store-folder", hearth_entry_store_folder);
    fakehost_load(f, "threads", hearth_entry_threads);
    return f;
}

static fake_call *call(fakehost *f, const char *method, const char *fmt, ...)
{
    hearth_buf json;
    va_list    args;
    hearth_buf_init(&json, 64u << 20);
    va_start(args, fmt);
    hearth_buf_vprintf(&json, fmt, args);
    va_end(args);
    fake_call *c = fakehost_call(f, method, json.p);
    hearth_buf_deinit(&json);
    assert_true(c->is_done);
    return c;
}

#define MUST(name, f, method, ...)                                                                                     \
    fake_call *name = call(f, method, __VA_ARGS__);                                                                    \
    if (name->code < 0)                                                                                                \
    fail_msg("%s line %d: %s", method, __LINE__, name->err.msg)

#define MUST_FAIL(f, expected, method, ...)                                                                            \
    do {                                                                                                               \
        fake_call *c_ = call(f, method, __VA_ARGS__);                                                                  \
        assert_int_equal(c_->code, expected);                                                                          \
        assert_true(c_->err.msg[0]);                                                                                   \
        fake_call_free(c_);                                                                                            \
    } while (0)

static void id_of(const hearth_value *v, char out[27])
{
    hearth_str id = hearth_get_str(v, "id");
    assert_int_equal(id.n, 26);
    hearth_str_copy(out, 27, id);
}

static void new_thread(fakehost *f, char out[27])
{
    MUST(c, f, "threads.create", "{}");
    id_of(c->value, out);
    fake_call_free(c);
}

static void add(fakehost *f, const char *thread, const char *role, const char *text, char out[27])
{
    MUST(c, f, "threads.message.add", "{\"thread\":\"%s\",\"role\":\"%s\",\"text\":\"%s\"}", thread, role, text);
    id_of(c->value, out);
    fake_call_free(c);
}

#define assert_text(value, key, text) assert_string_equal(text_of(value, key), text)

static const char *text_of(const hearth_value *v, const char *key)
{
    static char text[4][512];
    static int  at;
    at = (at + 1) % 4;
    hearth_str_copy(text[at], sizeof text[at], hearth_get_str(v, key));
    return text[at];
}

/* -- what a person sees --------------------------------------------------------------------------------------------- */

static void a_conversation_is_kept_and_listed(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27], question[27], answer[27];
    new_thread(f, thread);
    add(f, thread, "user", "What is the answer to life, the universe and everything?", question);
    add(f, thread, "assistant", "42.  Of\\ncourse.", answer);

    MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread);
    const hearth_value *t = hearth_get(c->value, "thread"), *messages = hearth_get(c->value, "messages");
    assert_text(t, "title", "What is the answer to life, the universe and everything?");
    assert_text(t, "preview", "42. Of course.");
    assert_text(t, "head", answer);
    assert_int_equal(hearth_get_u64(t, "message_count", 0), 2);
    assert_int_equal(hearth_count(messages), 2);
    assert_text(hearth_at(messages, 0), "id", question);
    assert_int_equal(hearth_kind_of(hearth_get(hearth_at(messages, 0), "parent")), HEARTH_NULL);
    assert_text(hearth_at(messages, 1), "parent", question);
    assert_text(hearth_at(messages, 1), "state", "complete");
    assert_text(hearth_at(messages, 1), "device", DEVICE);
    assert_true(hearth_get_u64(hearth_at(messages, 1), "created_ms", 0) > 1800000000000u);
    fake_call_free(c);

    MUST(l, f, "threads.list", "{}");
    assert_int_equal(hearth_count(hearth_get(l->value, "threads")), 1);
    assert_int_equal(hearth_kind_of(hearth_get(l->value, "next")), HEARTH_NULL);
    fake_call_free(l);
    assert_int_equal(fakehost_free(f), 0);
}

static void lists_go_page_by_page_pinned_first(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      ids[25][27], m[27], cursor[200] = "null";
    for (int i = 0; i < 25; i++)
        new_thread(f, ids[i]);
    for (int i = 0; i < 25; i += 2)
        add(f, ids[i], "user", "later", m);
    fake_call_free(call(f, "threads.update", "{\"id\":\"%s\",\"is_pinned\":true}", ids[3]));
    fake_call_free(call(f, "threads.delete", "{\"id\":\"%s\"}", ids[5]));
    bool     seen[25] = { false };
    size_t   count = 0;
    uint64_t last = UINT64_MAX;
    for (;;) {
        MUST(c, f, "threads.list", "{\"limit\":7,\"cursor\":%s}", cursor);
        const hearth_value *page = hearth_get(c->value, "threads");
        for (size_t i = 0; i < hearth_count(page); i++, count++) {
            const hearth_value *t = hearth_at(page, i);
            for (int k = 0; k < 25; k++)
                if (hearth_str_is(hearth_get_str(t, "id"), ids[k])) {
                    assert_false(seen[k]);
                    seen[k] = true;
                }
            if (count == 0)
                assert_true(hearth_get_bool(t, "is_pinned", false));
            else
                assert_true(hearth_get_u64(t, "updated_ms", 0) <= last);
            last = count == 0 ? UINT64_MAX : hearth_get_u64(t, "updated_ms", 0);
        }
        bool is_last = hearth_kind_of(hearth_get(c->value, "next")) == HEARTH_NULL;
        snprintf(cursor, sizeof cursor, "\"%s\"", text_of(c->value, "next"));
        fake_call_free(c);
        if (is_last)
            break;
        assert_int_equal(count % 7, 0);
    }
    assert_int_equal(count, 24);
    assert_false(seen[5]);
    assert_int_equal(fakehost_free(f), 0);
}

static void deleting_can_be_undone(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27], m[27];
    new_thread(f, thread);
    add(f, thread, "user", "keep me", m);
    MUST(d, f, "threads.delete", "{\"id\":\"%s\"}", thread);
    assert_true(hearth_get_bool(d->value, "is_deleted", false));
    fake_call_free(d);
    MUST_FAIL(f, HEARTH_CONFLICT, "threads.message.add", "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"x\"}",
              thread);
    MUST(s, f, "threads.search", "{\"query\":\"keep\"}");
    assert_int_equal(hearth_count(hearth_get(s->value, "hits")), 0);
    fake_call_free(s);
    MUST(r, f, "threads.restore", "{\"id\":\"%s\"}", thread);
    assert_false(hearth_get_bool(r->value, "is_deleted", true));
    assert_int_equal(hearth_get_u64(r->value, "message_count", 0), 1);
    fake_call_free(r);
    assert_int_equal(fakehost_free(f), 0);
}

static void editing_makes_a_branch(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27], q[27], a[27], other[27];
    new_thread(f, thread);
    add(f, thread, "user", "first", q);
    add(f, thread, "assistant", "answer", a);
    MUST(c, f, "threads.message.update", "{\"thread\":\"%s\",\"id\":\"%s\",\"text\":\"second\"}", thread, q);
    id_of(c->value, other);
    assert_string_not_equal(other, q);
    fake_call_free(c);
    MUST(g, f, "threads.get", "{\"id\":\"%s\"}", thread);
    assert_int_equal(hearth_count(hearth_get(g->value, "messages")), 3);
    assert_text(hearth_get(g->value, "thread"), "head", other);
    fake_call_free(g);
    /* back to the first branch: naming any of its messages shows the newest below it */
    MUST(u, f, "threads.update", "{\"id\":\"%s\",\"head\":\"%s\"}", thread, q);
    assert_text(u->value, "head", a);
    assert_text(u->value, "preview", "answer");
    fake_call_free(u);
    assert_int_equal(fakehost_free(f), 0);
}

static void what_is_being_written_changes_in_place(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27], id[27];
    new_thread(f, thread);
    MUST(c, f, "threads.message.add", "{\"thread\":\"%s\",\"role\":\"assistant\",\"parts\":[],\"state\":\"running\"}",
         thread);
    id_of(c->value, id);
    fake_call_free(c);
    for (int i = 0; i < 3; i++) {
        MUST(u, f, "threads.message.update",
             "{\"thread\":\"%s\",\"id\":\"%s\",\"text\":\"so far %d\",\"state\":\"%s\"}", thread, id, i,
             i < 2 ? "running" : "complete");
        assert_text(u->value, "id", id);
        fake_call_free(u);
    }
    MUST(g, f, "threads.get", "{\"id\":\"%s\"}", thread);
    assert_int_equal(hearth_count(hearth_get(g->value, "messages")), 1);
    assert_text(hearth_get(g->value, "thread"), "preview", "so far 2");
    fake_call_free(g);
    assert_int_equal(fakehost_free(f), 0);
}

static void a_deleted_message_leaves_no_hole(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27], a[27], b[27], c[27];
    new_thread(f, thread);
    add(f, thread, "user", "alpha", a);
    add(f, thread, "assistant", "beta", b);
    add(f, thread, "user", "gamma", c);
    fake_call_free(call(f, "threads.message.delete", "{\"thread\":\"%s\",\"id\":\"%s\"}", thread, b));
    MUST(g, f, "threads.get", "{\"id\":\"%s\"}", thread);
    const hearth_value *messages = hearth_get(g->value, "messages");
    assert_int_equal(hearth_count(messages), 2);
    assert_text(hearth_at(messages, 1), "id", c);
    assert_text(hearth_at(messages, 1), "parent", a);
    fake_call_free(g);
    fake_call_free(call(f, "threads.message.delete", "{\"thread\":\"%s\",\"id\":\"%s\"}", thread, c));
    MUST(t, f, "threads.get", "{\"id\":\"%s\"}", thread);
    assert_text(hearth_get(t->value, "thread"), "head", a);
    fake_call_free(t);
    MUST(s, f, "threads.search", "{\"query\":\"beta\"}");
    assert_int_equal(hearth_count(hearth_get(s->value, "hits")), 0);
    fake_call_free(s);
    MUST_FAIL(f, HEARTH_NOT_FOUND, "threads.message.delete", "{\"thread\":\"%s\",\"id\":\"%s\"}", thread, b);
    assert_int_equal(fakehost_free(f), 0);
}

static void words_are_found_whatever_their_accents(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      one[27], two[27], m[27];
    new_thread(f, one);
    new_thread(f, two);
    add(f, one, "user", "Das Caf\xc3\xa9 \\u00fcber dem See", m);
    add(f, two, "user", "nothing of that", m);
    fake_call_free(call(f, "threads.update", "{\"id\":\"%s\",\"title\":\"The cafe list\"}", two));
    MUST(c, f, "threads.search", "{\"query\":\"CAFE\"}");
    const hearth_value *hits = hearth_get(c->value, "hits");
    assert_int_equal(hearth_count(hits), 2);
    assert_text(hearth_at(hits, 0), "thread", two); /* a title first */
    assert_text(hearth_at(hits, 1), "thread", one);
    assert_text(hearth_at(hits, 1), "message", hearth_count(hits) ? text_of(hearth_at(hits, 1), "message") : "");
    bool                has_match = false;
    const hearth_value *snippet = hearth_get(hearth_at(hits, 1), "snippet");
    for (size_t i = 0; i < hearth_count(snippet); i++)
        if (hearth_get_bool(hearth_at(snippet, i), "is_match", false)) {
            assert_text(hearth_at(snippet, i), "text", "Caf\xc3\xa9");
            has_match = true;
        }
    assert_true(has_match);
    fake_call_free(c);
    /* none of these is an operator, and none breaks the search */
    static const char *const queries[] = { "\\\"", "a AND", "NOT",     "cafe OR",      "(",     "*",     "^x",
                                           "a:b",  "-",     "\\u0000", "caf\\\" uber", "NEAR(", "{a b}:" };
    for (size_t i = 0; i < HEARTH_COUNT(queries); i++) {
        MUST(q, f, "threads.search", "{\"query\":\"%s\"}", queries[i]);
        fake_call_free(q);
        MUST(l, f, "threads.list", "{\"query\":\"%s\"}", queries[i]);
        fake_call_free(l);
    }
    MUST(p, f, "threads.list", "{\"query\":\"uber caf\"}"); /* the last word may be a beginning */
    assert_int_equal(hearth_count(hearth_get(p->value, "threads")), 1);
    fake_call_free(p);
    assert_int_equal(fakehost_free(f), 0);
}

/* -- turns ---------------------------------------------------------------------------------------------------------------- */

static void a_turn_begins_in_one_append(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27], answer[27];
    unsigned  before = fakehost_appends(f);
    MUST(c, f, "threads.turn.begin",
         "{\"thread\":null,\"question\":{\"text\":\"hello "
         "there\"},\"answer\":{\"job\":\"0000000000000007\",\"fallback_model\":\"kindling\"}}");
    assert_int_equal(fakehost_appends(f), before + 1);
    const hearth_value *a = hearth_get(c->value, "answer"), *q = hearth_get(c->value, "question");
    id_of(hearth_get(c->value, "thread"), thread);
    id_of(a, answer);
    assert_text(a, "state", "running");
    assert_text(a, "job", "0000000000000007");
    assert_text(a, "model", "kindling");
    assert_text(a, "parent", text_of(q, "id"));
    assert_text(hearth_get(c->value, "thread"), "preview", "hello there");
    assert_text(hearth_get(c->value, "thread"), "title", "hello there");
    fake_call_free(c);

    MUST(r, f, "threads.running", "{}");
    assert_int_equal(hearth_count(hearth_get(r->value, "messages")), 1);
    fake_call_free(r);
    MUST_FAIL(f, HEARTH_CONFLICT, "threads.message.delete", "{\"thread\":\"%s\",\"id\":\"%s\"}", thread, answer);
    MUST(e, f, "threads.turn.end",
         "{\"thread\":\"%s\",\"message\":\"%s\",\"state\":\"complete\",\"text\":\"hi\",\"usage\":{\"prompt_tokens\":3},"
         "\"finish_reason\":\"stop\"}",
         thread, answer);
    assert_text(e->value, "state", "complete");
    assert_text(e->value, "finish_reason", "stop");
    fake_call_free(e);
    MUST_FAIL(f, HEARTH_CONFLICT, "threads.turn.end", "{\"thread\":\"%s\",\"message\":\"%s\",\"state\":\"failed\"}",
              thread, answer);

    /* another try stands beside it, with the thread's own model when it has one */
    fake_call_free(call(f, "threads.update", "{\"id\":\"%s\",\"model\":\"big\"}", thread));
    MUST(n, f, "threads.turn.begin",
         "{\"thread\":\"%s\",\"question\":null,\"answer\":{\"beside\":\"%s\",\"fallback_model\":\"kindling\"}}", thread,
         answer);
    assert_text(hearth_get(n->value, "answer"), "model", "big");
    assert_int_equal(hearth_kind_of(hearth_get(n->value, "question")), HEARTH_NULL);
    fake_call_free(n);
    assert_int_equal(fakehost_free(f), 0);
}

static void ids_that_the_caller_chose_are_taken_once(void **state)
{
    (void)state;
    fakehost         *f = open_at(NULL);
    static const char begin[] =
        "{\"id\":\"01J00000000000000000000001\",\"question\":{\"id\":\"01J00000000000000000000002\",\"text\":\"x\"},"
        "\"answer\":{\"id\":\"01J00000000000000000000003\"}}";
    MUST(c, f, "threads.turn.begin", "%s", begin);
    assert_text(hearth_get(c->value, "answer"), "id", "01J00000000000000000000003");
    fake_call_free(c);
    MUST_FAIL(f, HEARTH_CONFLICT, "threads.turn.begin", "%s", begin);
    MUST_FAIL(f, HEARTH_CONFLICT, "threads.create", "{\"id\":\"01J00000000000000000000001\"}");
    MUST_FAIL(f, HEARTH_CONFLICT, "threads.turn.begin",
              "{\"thread\":\"01J00000000000000000000001\",\"question\":{\"id\":\"01J00000000000000000000002\",\"text\":"
              "\"x\"},\"answer\":{}}");
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.create", "{\"id\":\"nonsense\"}");
    assert_int_equal(fakehost_free(f), 0);
}

/* -- bad input --------------------------------------------------------------------------------------------------------------- */

static void bad_input_gets_a_clear_error(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      t[27], m[27];
    new_thread(f, t);
    add(f, t, "user", "x", m);
    static const char *const by_id[] = { "threads.get", "threads.update", "threads.delete", "threads.restore" };
    for (size_t i = 0; i < HEARTH_COUNT(by_id); i++) {
        MUST_FAIL(f, HEARTH_NOT_FOUND, by_id[i], "{\"id\":\"" NOBODY "\",\"title\":\"x\"}");
        MUST_FAIL(f, HEARTH_NOT_FOUND, by_id[i], "{\"id\":\"../../etc\"}");
        MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, by_id[i], "{}");
    }
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.list", "{\"cursor\":\"abc\"}");
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.list", "{\"cursor\":\"9:1:x\"}");
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.update", "{\"id\":\"%s\"}", t);
    MUST_FAIL(f, HEARTH_NOT_FOUND, "threads.update", "{\"id\":\"%s\",\"head\":\"" NOBODY "\"}", t);
    MUST_FAIL(f, HEARTH_TOO_LARGE, "threads.update", "{\"id\":\"%s\",\"title\":\"%0500d\"}", t, 1);
    MUST_FAIL(f, HEARTH_NOT_FOUND, "threads.message.add",
              "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"x\",\"parent\":\"" NOBODY "\"}", t);
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.message.add",
              "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"x\",\"parts\":[]}", t);
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.message.add",
              "{\"thread\":\"%s\",\"role\":\"user\",\"parts\":[{\"type\":\"image\"}]}", t);
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.message.add",
              "{\"thread\":\"%s\",\"role\":\"user\",\"parts\":[{\"type\":\"text\"}]}", t);
    MUST_FAIL(f, HEARTH_TOO_LARGE, "threads.message.add",
              "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"%05000000d\"}", t, 1);
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.message.update", "{\"thread\":\"%s\",\"id\":\"%s\"}", t, m);
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.turn.begin", "{\"thread\":\"%s\",\"question\":{},\"answer\":{}}", t);
    MUST_FAIL(f, HEARTH_INVALID_ARGUMENT, "threads.turn.begin", "{\"thread\":\"%s\",\"answer\":{}}", t);
    MUST_FAIL(f, HEARTH_NOT_FOUND, "threads.turn.begin", "{\"thread\":\"%s\",\"answer\":{\"beside\":\"" NOBODY "\"}}",
              t);
    MUST_FAIL(f, HEARTH_NOT_FOUND, "threads.turn.end",
              "{\"thread\":\"%s\",\"message\":\"" NOBODY "\",\"state\":\"complete\"}", t);
    MUST(g, f, "threads.get", "{\"id\":\"%s\"}", t);
    assert_int_equal(hearth_count(hearth_get(g->value, "messages")), 1);
    fake_call_free(g);
    assert_int_equal(fakehost_free(f), 0);
}

/* -- durability --------------------------------------------------------------------------------------------------------------- */

/* Restarts on the same folder after whatever `between` does to it. */
static fakehost *restart(fakehost *f, char folder[256])
{
    snprintf(folder, 256, "%s", fakehost_folder(f));
    fakehost_crash(f);
    return open_at(folder);
}

static void finish(fakehost *f)
{
    fakehost_remove(f, "");
    assert_int_equal(fakehost_free(f), 0);
}

static void everything_is_there_after_a_restart(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      folder[256], thread[27], m[27];
    new_thread(f, thread);
    for (int i = 0; i < 20; i++)
        add(f, thread, "user", "again and again", m);
    f = restart(f, folder);
    MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread);
    assert_int_equal(hearth_count(hearth_get(c->value, "messages")), 20);
    fake_call_free(c);
    add(f, thread, "user", "one more", m);
    MUST(l, f, "threads.list", "{}");
    assert_int_equal(hearth_get_u64(hearth_at(hearth_get(l->value, "threads"), 0), "message_count", 0), 21);
    fake_call_free(l);
    finish(f);
}

static void check_rebuilt(fakehost *f, const char *thread, size_t messages)
{
    MUST(l, f, "threads.list", "{}");
    assert_int_equal(hearth_count(hearth_get(l->value, "threads")), 2);
    fake_call_free(l);
    MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread);
    assert_int_equal(hearth_count(hearth_get(c->value, "messages")), messages);
    fake_call_free(c);
    MUST(s, f, "threads.search", "{\"query\":\"needle\"}");
    assert_int_equal(hearth_count(hearth_get(s->value, "hits")), 1);
    fake_call_free(s);
}

static void a_lost_index_is_made_again(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      folder[256], thread[27], other[27], m[27];
    new_thread(f, thread);
    new_thread(f, other);
    add(f, thread, "user", "a needle in here", m);
    add(f, thread, "assistant", "hay", m);

    fakehost_remove(f, "local/index"); /* while running: a read, then a write */
    check_rebuilt(f, thread, 2);
    fakehost_remove(f, "local/index");
    add(f, thread, "user", "written after the loss", m);
    check_rebuilt(f, thread, 3);

    f = restart(f, folder); /* between runs */
    fakehost_remove(f, "local/index");
    check_rebuilt(f, thread, 3);

    f = restart(f, folder); /* damaged */
    fakehost_write(
        f, "local/index/threads.db",
        "this is no database, and it is long enough to have a header of one hundred bytes, which SQLite reads first");
    fakehost_remove(f, "local/index/threads.db-wal");
    check_rebuilt(f, thread, 3);
    finish(f);
}

/* In the middle of the file, where only a query notices. */
static void a_damaged_page_is_noticed(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      folder[256], thread[27], other[27], m[27], path[320];
    new_thread(f, thread);
    new_thread(f, other);
    add(f, thread, "user", "a needle in here", m);
    for (int i = 0; i < 60; i++)
        add(f, thread, "assistant", "hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay", m);
    f = restart(f, folder);
    snprintf(path, sizeof path, "%s/local/index/threads.db", folder);
    FILE *db = fopen(path, "r+b");
    assert_non_null(db);
    fseek(db, 0, SEEK_END);
    long size = ftell(db);
    for (long at = 4096; at < size; at += 512) {
        fseek(db, at, SEEK_SET);
        fwrite("\xff\x13\x37 nonsense", 1, 12, db);
    }
    fclose(db);
    fakehost_remove(f, "local/index/threads.db-wal");
    check_rebuilt(f, thread, 61);
    finish(f);
}

static void what_other_devices_wrote_is_read(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      folder[256], thread[27], m[27], name[96], line[512];
    new_thread(f, thread);
    add(f, thread, "user", "from here", m);
    snprintf(name, sizeof name, "threads/%s/01JTHERDEV1CE000000000000B.jsonl", thread);
    snprintf(line, sizeof line,
             "{\"h\":\"0a00000000000000\",\"d\":\"01JTHERDEV1CE000000000000B\",\"n\":1,\"o\":\"msg.add\",\"k\":"
             "\"01K00000000000000000000009\",\"f\":\"*\","
             "\"v\":{\"role\":\"assistant\",\"parent\":\"%s\",\"parts\":[{\"type\":\"text\",\"text\":\"from "
             "there\"}],\"state\":\"running\"}}\n{\"torn",
             m);
    fakehost_append(f, name, line);
    MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread); /* opening looks */
    assert_int_equal(hearth_count(hearth_get(c->value, "messages")), 2);
    assert_text(hearth_at(hearth_get(c->value, "messages"), 1), "device", "01JTHERDEV1CE000000000000B");
    fake_call_free(c);
    MUST(r, f, "threads.running", "{}"); /* it runs there, not here */
    assert_int_equal(hearth_count(hearth_get(r->value, "messages")), 0);
    fake_call_free(r);

    f = restart(f, folder); /* while we were away */
    fakehost_append(f, name,
                    "\n{\"h\":\"0a00000000000001\",\"d\":\"01JTHERDEV1CE000000000000B\",\"n\":2,\"o\":\"meta.set\","
                    "\"k\":\"x\",\"f\":\"title\",\"v\":\"Theirs\"}\n");
    MUST(l, f, "threads.list", "{}");
    assert_text(hearth_at(hearth_get(l->value, "threads"), 0), "title", "Theirs");
    fake_call_free(l);
    finish(f);
}

static void a_restored_older_log_is_read_anew(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      folder[256], thread[27], m[27], name[96];
    new_thread(f, thread);
    add(f, thread, "user", "early", m);
    snprintf(name, sizeof name, "threads/%s/" DEVICE ".jsonl", thread);
    char *backup = fakehost_read(f, name);
    add(f, thread, "user", "late", m);
    f = restart(f, folder);
    fakehost_write(f, name, backup);
    free(backup);
    MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread);
    assert_int_equal(hearth_count(hearth_get(c->value, "messages")), 1);
    fake_call_free(c);
    MUST(s, f, "threads.search", "{\"query\":\"late\"}");
    assert_int_equal(hearth_count(hearth_get(s->value, "hits")), 0);
    fake_call_free(s);
    snprintf(name, sizeof name, "threads/%s", thread);
    fakehost_remove(f, name); /* and one that is gone altogether */
    MUST_FAIL(f, HEARTH_NOT_FOUND, "threads.get", "{\"id\":\"%s\"}", thread);
    finish(f);
}

static void a_failed_append_is_told_and_its_number_not_used_again(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      folder[256], thread[27], m[27];
    new_thread(f, thread);
    for (size_t bytes = 0; bytes < 400; bytes += 40) {
        fakehost_fail_append(f, HEARTH_DISK_FULL, bytes);
        MUST_FAIL(f, HEARTH_DISK_FULL, "threads.message.add",
                  "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"lost or not\"}", thread);
        add(f, thread, "user", "kept", m);
    }
    f = restart(f, folder);
    MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread);
    size_t kept = 0;
    for (size_t i = 0; i < hearth_count(hearth_get(c->value, "messages")); i++) {
        const hearth_value *part = hearth_at(hearth_get(hearth_at(hearth_get(c->value, "messages"), i), "parts"), 0);
        kept += hearth_str_is(hearth_get_str(part, "text"), "kept");
    }
    assert_int_equal(kept, 10);
    fake_call_free(c);
    finish(f);
}

/* Two calls at once on one thread, and on others: each is acknowledged once, none takes another's number. */
static void calls_at_once_keep_their_order(void **state)
{
    (void)state;
    fakehost  *f = open_at(NULL);
    char       threads[3][27], json[160];
    fake_call *calls[90];
    for (int i = 0; i < 3; i++)
        new_thread(f, threads[i]);
    for (int i = 0; i < 90; i++) {
        snprintf(json, sizeof json, "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"%d\"}", threads[i % 3], i);
        calls[i] = fakehost_start(f, "threads.message.add", json);
        for (int k = 0; k < i % 7; k++)
            fakehost_step(f);
    }
    fakehost_run(f);
    for (int i = 0; i < 90; i++) {
        assert_int_equal(calls[i]->code, HEARTH_OK);
        fake_call_free(calls[i]);
    }
    for (int k = 0; k < 3; k++) {
        MUST(c, f, "threads.get", "{\"id\":\"%s\"}", threads[k]);
        const hearth_value *messages = hearth_get(c->value, "messages");
        assert_int_equal(hearth_count(messages), 30);
        for (size_t i = 0; i < 30; i++) {
            snprintf(json, sizeof json, "%zu", i * 3 + (size_t)k);
            assert_text(hearth_at(hearth_get(hearth_at(messages, i), "parts"), 0), "text", json);
            if (i > 0)
                assert_text(hearth_at(messages, i), "parent", text_of(hearth_at(messages, i - 1), "id"));
        }
        fake_call_free(c);
    }
    assert_int_equal(fakehost_free(f), 0);
}

/* kill -9 after any number of steps: what was acknowledged is there, and the folder is readable. */
static void a_crash_at_any_step_loses_nothing_acknowledged(void **state)
{
    (void)state;
    for (unsigned steps = 1; steps < 60; steps++) {
        fakehost  *f = open_at(NULL);
        char       folder[256], thread[27], json[160];
        fake_call *calls[6];
        bool       is_acknowledged[6];
        new_thread(f, thread);
        for (int i = 0; i < 6; i++) {
            snprintf(json, sizeof json, "{\"thread\":\"%s\",\"role\":\"user\",\"text\":\"m%d\"}", thread, i);
            calls[i] = fakehost_start(f, "threads.message.add", json);
        }
        for (unsigned k = 0; k < steps; k++)
            fakehost_step(f);
        for (int i = 0; i < 6; i++) {
            is_acknowledged[i] = calls[i]->is_done && calls[i]->code >= 0;
            fake_call_free(calls[i]);
        }
        f = restart(f, folder);
        MUST(c, f, "threads.get", "{\"id\":\"%s\"}", thread);
        const hearth_value *messages = hearth_get(c->value, "messages");
        for (int i = 0; i < 6; i++) {
            bool is_there = false;
            snprintf(json, sizeof json, "m%d", i);
            for (size_t k = 0; k < hearth_count(messages); k++)
                is_there |= hearth_str_is(
                    hearth_get_str(hearth_at(hearth_get(hearth_at(messages, k), "parts"), 0), "text"), json);
            assert_true(is_there || !is_acknowledged[i]);
        }
        fake_call_free(c);
        finish(f);
    }
}

static void changes_are_told_once_they_are_safe(void **state)
{
    (void)state;
    fakehost *f = open_at(NULL);
    char      thread[27];
    MUST(c, f, "threads.turn.begin", "{\"question\":{\"text\":\"x\"},\"answer\":{}}");
    id_of(hearth_get(c->value, "thread"), thread);
    fake_call_free(c);
    const hearth_value *all = fakehost_emitted(f);
    assert_int_equal(hearth_count(all), 3);
    static const char *const changes[] = { "created", "message", "message" };
    for (size_t i = 0; i < 3; i++) {
        assert_text(hearth_at(all, i), "topic", "threads.changed");
        assert_text(hearth_get(hearth_at(all, i), "value"), "change", changes[i]);
        assert_text(hearth_get(hearth_get(hearth_at(all, i), "value"), "thread"), "id", thread);
    }
    fakehost_fail_append(f, HEARTH_DISK_FULL, 0);
    MUST_FAIL(f, HEARTH_DISK_FULL, "threads.delete", "{\"id\":\"%s\"}", thread);
    assert_int_equal(hearth_count(fakehost_emitted(f)), 3);
    assert_int_equal(fakehost_free(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_is_kept_and_listed),
        cmocka_unit_test(lists_go_page_by_page_pinned_first),
        cmocka_unit_test(deleting_can_be_undone),
        cmocka_unit_test(editing_makes_a_branch),
        cmocka_unit_test(what_is_being_written_changes_in_place),
        cmocka_unit_test(a_deleted_message_leaves_no_hole),
        cmocka_unit_test(words_are_found_whatever_their_accents),
        cmocka_unit_test(a_turn_begins_in_one_append),
        cmocka_unit_test(ids_that_the_caller_chose_are_taken_once),
        cmocka_unit_test(bad_input_gets_a_clear_error),
        cmocka_unit_test(everything_is_there_after_a_restart),
        cmocka_unit_test(a_lost_index_is_made_again),
        cmocka_unit_test(a_damaged_page_is_noticed),
        cmocka_unit_test(what_other_devices_wrote_is_read),
        cmocka_unit_test(a_restored_older_log_is_read_anew),
        cmocka_unit_test(a_failed_append_is_told_and_its_number_not_used_again),
        cmocka_unit_test(calls_at_once_keep_their_order),
        cmocka_unit_test(a_crash_at_any_step_loses_nothing_acknowledged),
        cmocka_unit_test(changes_are_told_once_they_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
