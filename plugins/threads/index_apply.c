/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Operations become rows. One call is one transaction: the operations, what they change, and how far the log was read
 * stand or fall together. What a thread shows of itself in a list (title, preview, head, count) is drawn once, at the
 * end, from its rows. */
#include <sqlite3.h>
#include <stdlib.h>

#include "index.h"
#include "message.h"

#define WHERE "threads.index"

/* A clock further ahead than this is not followed, else one broken device would push everybody's clock for good. Its
 * operations still count, and win until then. */
#define CLOCK_AHEAD_MAX_MS (7ull * 24 * 60 * 60 * 1000)

/* A message's place in its thread: the stamp of its msg.add as text. */
#define BORN_BYTES (17 + OP_NAME_MAX_BYTES + 24)

typedef struct batch {
    index_db     *ix;
    hearth_str    thread;
    int64_t       t, d;   /* rows of the thread and of `device` */
    bool          is_new; /* the thread's row was made just now */
    char          device[OP_NAME_MAX_BYTES + 1];
    merge_entity  meta;
    uint64_t      updated_ms;
    hearth_buf    old_title;
    hearth_buf    buf;
    index_report *report;
    hearth_err   *err;
} batch;

static sqlite3_stmt *use(batch *b, index_statement which, int64_t first)
{
    sqlite3_stmt *s = index_use(b->ix, which);
    if (s)
        sqlite3_bind_int64(s, 1, first);
    return s;
}

static void bind_number(sqlite3_stmt *s, int i, int64_t x)
{
    if (s)
        sqlite3_bind_int64(s, i, x);
}

/* A statement that gives no row. */
static int run(batch *b, sqlite3_stmt *s)
{
    int code = index_step(b->ix, s, b->err);
    sqlite3_reset(s);
    return code < 0 ? code : HEARTH_OK;
}

/* -- words ---------------------------------------------------------------------------------------------------------------- */

static int set_words(batch *b, index_statement which, int64_t row, hearth_str text)
{
    if (text.n == 0)
        return HEARTH_OK;
    sqlite3_stmt *s = use(b, which, row);
    index_bind(s, 2, text);
    return run(b, s);
}

/* The searchable text of an entity; empty while it is not to be seen. */
static void put_visible_text(hearth_buf *out, const merge_entity *m)
{
    if (message_is_visible(m))
        message_put_text(out, merge_get(m, "parts"));
}

/* -- one operation ------------------------------------------------------------------------------------------------------------ */

static int find_device(batch *b, hearth_str name)
{
    if (b->d > 0 && hearth_str_is(name, b->device))
        return HEARTH_OK;
    sqlite3_stmt *s = index_use(b->ix, SQL_FIND_DEVICE);
    index_bind(s, 1, name);
    int code = index_step(b->ix, s, b->err);
    if (code == 1)
        b->d = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    if (code == 0) {
        s = index_use(b->ix, SQL_ADD_DEVICE);
        index_bind(s, 1, name);
        code = run(b, s);
        b->d = sqlite3_last_insert_rowid(b->ix->db);
    }
    hearth_str_copy(b->device, sizeof b->device, name);
    return code < 0 ? code : HEARTH_OK;
}

/* 1: not seen before; 0: seen; negative: failed. Another operation under the same name counts as new: it is damage,
 * and the merge decides what of it stays. */
static int note_op(batch *b, const op *o, hearth_str line)
{
    int64_t fingerprint = (int64_t)op_fingerprint(line);
    HEARTH_TRY((hearth_code)find_device(b, o->at.d));
    sqlite3_stmt *s = use(b, SQL_ADD_OP, b->t);
    bind_number(s, 2, b->d);
    bind_number(s, 3, (int64_t)o->at.n);
    bind_number(s, 4, fingerprint);
    int code = run(b, s);
    if (code < 0 || sqlite3_changes(b->ix->db) == 1)
        return code < 0 ? code : 1;

    s = use(b, SQL_FIND_OP, b->t);
    bind_number(s, 2, b->d);
    bind_number(s, 3, (int64_t)o->at.n);
    code = index_step(b->ix, s, b->err);
    bool is_same = code == 1 && sqlite3_column_int64(s, 0) == fingerprint;
    sqlite3_reset(s);
    if (code < 0 || is_same) {
        b->report->known++;
        return code < 0 ? code : 0;
    }
    b->report->damaged++;
    hearth_log(b->ix->ctx, HEARTH_LOG_ERROR,
               "thread %.*s: the device %.*s wrote two different operations as number %llu; both are kept",
               HEARTH_FMT(b->thread), HEARTH_FMT(o->at.d), (unsigned long long)o->at.n);
    return 1;
}

static int store_message(batch *b, int64_t m, const merge_entity *e)
{
    const merge_field *added = merge_find(e, MERGE_ADDED);
    char               born[BORN_BYTES] = "", clock[17];
    if (added) {
        hearth_hlc_write(clock, added->at.h);
        snprintf(born, sizeof born, "%s %.*s %020llu", clock, HEARTH_FMT(added->at.d), (unsigned long long)added->at.n);
    }
    hearth_buf_reset(&b->buf);
    if (merge_put(e, &b->buf) < 0)
        return hearth_err_set(b->err, HEARTH_NO_MEMORY, WHERE, "there is no memory left for a message");
    sqlite3_stmt *s = use(b, SQL_SET_MESSAGE, m);
    index_bind(s, 2, hearth_buf_str(&b->buf));
    index_bind(s, 3, hearth_cstr(born));
    index_bind(s, 4, hearth_as_str(merge_get(e, "parent")));
    index_bind(s, 5, hearth_as_str(merge_get(e, "role")));
    index_bind(s, 6, hearth_as_str(merge_get(e, "state")));
    bind_number(s, 7, hearth_as_bool(merge_get(e, MERGE_DELETED), false));
    return run(b, s);
}

/* The row of a message, with its entity; a row is made when there is none. */
static int64_t load_message(batch *b, hearth_str id, merge_entity *e)
{
    sqlite3_stmt *s = use(b, SQL_FIND_MESSAGE, b->t);
    index_bind(s, 2, id);
    int     code = index_step(b->ix, s, b->err);
    int64_t m = code;
    if (code == 1) {
        m = sqlite3_column_int64(s, 0);
        if (merge_read(e, b->ix->ctx, index_column(s, 1), b->err) < 0) {
            b->ix->is_broken = true;
            m = HEARTH_IO;
        }
    }
    sqlite3_reset(s);
    if (code != 0)
        return m;
    s = use(b, SQL_ADD_MESSAGE, b->t);
    index_bind(s, 2, id);
    code = run(b, s);
    return code < 0 ? code : sqlite3_last_insert_rowid(b->ix->db);
}

static int apply_message(batch *b, const op *o)
{
    merge_entity e = { 0 };
    hearth_buf   before, after;
    hearth_buf_init(&before, 2 * OP_LINE_MAX_BYTES);
    hearth_buf_init(&after, 2 * OP_LINE_MAX_BYTES);
    int64_t m = load_message(b, o->k, &e);
    int     code = m < 0 ? (int)m : HEARTH_OK;
    if (code >= 0) {
        put_visible_text(&before, &e);
        code = merge_op(&e, o);
        put_visible_text(&after, &e);
    }
    if (code > MERGE_NOTHING)
        code = store_message(b, m, &e);
    if (code >= 0 && !hearth_str_equal(hearth_buf_str(&before), hearth_buf_str(&after))) {
        code = set_words(b, SQL_DROP_WORDS, m, hearth_buf_str(&before));
        if (code >= 0)
            code = set_words(b, SQL_ADD_WORDS, m, hearth_buf_str(&after));
    }
    if (o->kind != OP_MSG_DEL && b->updated_ms < o->at.h >> 16)
        b->updated_ms = o->at.h >> 16; /* writing moves a thread up; pinning or renaming it does not */
    hearth_buf_deinit(&before);
    hearth_buf_deinit(&after);
    merge_deinit(&e);
    return code < 0 ? code : HEARTH_OK;
}

static int apply_line(batch *b, hearth_str line)
{
    op o;
    if (op_read(b->ix->ctx, line, &o, NULL) < 0) {
        b->report->unreadable++;
        return HEARTH_OK;
    }
    int code = note_op(b, &o, line);
    if (code == 1) {
        b->report->applied++;
        uint64_t now = hearth_wall_ms(b->ix->ctx);
        if (o.at.h >> 16 <= now + CLOCK_AHEAD_MAX_MS)
            b->ix->clock = hearth_hlc_seen(b->ix->clock, o.at.h);
        if (o.kind == OP_META_SET || o.kind == OP_META_DEL)
            code = merge_op(&b->meta, &o);
        else if (o.kind != OP_UNKNOWN)
            code = apply_message(b, &o);
    }
    op_deinit(&o);
    return code < 0 ? code : HEARTH_OK;
}

/* -- what a thread shows of itself --------------------------------------------------------------------------------------------- */

/* One id out of a statement; empty when there is none. */
static int read_id(batch *b, sqlite3_stmt *s, char out[OP_NAME_MAX_BYTES + 1])
{
    int code = index_step(b->ix, s, b->err);
    out[0] = '\0';
    if (code == 1)
        hearth_str_copy(out, OP_NAME_MAX_BYTES + 1, index_column(s, 0));
    sqlite3_reset(s);
    return code < 0 ? code : HEARTH_OK;
}

/* Down to the newest message below. A child is younger than its parent; where a damaged log says otherwise the branch
 * ends, and so no circle is walked for ever. */
static int descend(batch *b, char at[OP_NAME_MAX_BYTES + 1])
{
    char born[BORN_BYTES] = "";
    for (;;) {
        sqlite3_stmt *s = use(b, SQL_NEWEST_CHILD, b->t);
        index_bind(s, 2, hearth_cstr(at));
        index_bind(s, 3, hearth_cstr(born));
        int code = index_step(b->ix, s, b->err);
        if (code == 1) {
            hearth_str_copy(at, OP_NAME_MAX_BYTES + 1, index_column(s, 0));
            hearth_str_copy(born, sizeof born, index_column(s, 1));
        }
        sqlite3_reset(s);
        if (code != 1)
            return code;
    }
}

/* Up to the nearest message that is to be seen; `at` becomes empty when there is none. */
static int climb(batch *b, char at[OP_NAME_MAX_BYTES + 1])
{
    char born[BORN_BYTES] = "\x7f"; /* after all */
    while (at[0]) {
        sqlite3_stmt *s = use(b, SQL_MESSAGE_KEYS, b->t);
        index_bind(s, 2, hearth_cstr(at));
        int  code = index_step(b->ix, s, b->err);
        bool is_older = code == 1 && hearth_str_compare(index_column(s, 1), hearth_cstr(born)) < 0;
        bool is_visible = is_older && index_column(s, 1).n > 0 && !sqlite3_column_int(s, 2);
        if (!is_visible)
            hearth_str_copy(at, OP_NAME_MAX_BYTES + 1, is_older ? index_column(s, 0) : HEARTH_STR(""));
        if (is_older)
            hearth_str_copy(born, sizeof born, index_column(s, 1));
        sqlite3_reset(s);
        if (code < 0 || is_visible)
            return code < 0 ? code : HEARTH_OK;
    }
    return HEARTH_OK;
}

/* The leaf of the branch that is shown: below the message that was last put at the head; else the newest of all. */
static int resolve_head(batch *b, char head[OP_NAME_MAX_BYTES + 1])
{
    hearth_str_copy(head, OP_NAME_MAX_BYTES + 1, hearth_as_str(merge_get(&b->meta, "head")));
    HEARTH_TRY((hearth_code)descend(b, head));
    HEARTH_TRY((hearth_code)climb(b, head));
    return head[0] ? HEARTH_OK : read_id(b, use(b, SQL_NEWEST_MESSAGE, b->t), head);
}

/* Appends the text of a message's row given by a statement with its entity in column `i`. */
static int put_row_text(batch *b, sqlite3_stmt *s, int i, hearth_buf *out)
{
    int code = index_step(b->ix, s, b->err);
    if (code == 1) {
        merge_entity e = { 0 };
        if (merge_read(&e, b->ix->ctx, index_column(s, i), NULL) >= 0)
            message_put_text(out, merge_get(&e, "parts"));
        merge_deinit(&e);
    }
    sqlite3_reset(s);
    return code < 0 ? code : HEARTH_OK;
}

/* The beginning of the last text of the branch: the answer's, or the question's while there is none yet. */
static int draw_preview(batch *b, const char *head, hearth_buf *out)
{
    char at[OP_NAME_MAX_BYTES + 1];
    memcpy(at, head, sizeof at);
    hearth_buf_reset(&b->buf);
    for (int steps = 0; at[0] && b->buf.n == 0 && steps < 4; steps++) {
        sqlite3_stmt *s = use(b, SQL_FIND_MESSAGE, b->t);
        index_bind(s, 2, hearth_cstr(at));
        HEARTH_TRY((hearth_code)put_row_text(b, s, 1, &b->buf));
        s = use(b, SQL_MESSAGE_KEYS, b->t);
        index_bind(s, 2, hearth_cstr(at));
        HEARTH_TRY((hearth_code)read_id(b, s, at));
    }
    message_put_preview(out, hearth_buf_str(&b->buf));
    return HEARTH_OK;
}

static hearth_str given_title(const batch *b) { return hearth_as_str(merge_get(&b->meta, "title")); }

static int draw_title(batch *b, hearth_buf *out)
{
    if (given_title(b).n > 0)
        return hearth_buf_put(out, given_title(b));
    hearth_buf_reset(&b->buf);
    HEARTH_TRY((hearth_code)put_row_text(b, use(b, SQL_FIRST_QUESTION, b->t), 0, &b->buf));
    message_put_title(out, hearth_buf_str(&b->buf));
    return HEARTH_OK;
}

/* Only a given title is searched; one that was drawn from a question is found with the question. */
static int store_title(batch *b)
{
    hearth_str title = given_title(b);
    if (hearth_str_equal(title, hearth_buf_str(&b->old_title)))
        return HEARTH_OK;
    HEARTH_TRY((hearth_code)run(b, use(b, SQL_DROP_TITLE, b->t)));
    return set_words(b, SQL_ADD_TITLE, b->t, title);
}

static int store_thread(batch *b)
{
    char       head[OP_NAME_MAX_BYTES + 1];
    hearth_buf title, preview, doc;
    hearth_buf_init(&title, 4096);
    hearth_buf_init(&preview, 4096);
    hearth_buf_init(&doc, OP_LINE_MAX_BYTES);
    int           code = resolve_head(b, head);
    sqlite3_stmt *s = NULL;
    int64_t       count = 0;
    if (code >= 0)
        code = draw_preview(b, head, &preview);
    if (code >= 0)
        code = draw_title(b, &title);
    if (code >= 0)
        code = store_title(b);
    if (code >= 0) {
        s = use(b, SQL_COUNT_MESSAGES, b->t);
        code = index_step(b->ix, s, b->err);
        count = code == 1 ? sqlite3_column_int64(s, 0) : 0;
        sqlite3_reset(s);
    }
    if (code >= 0 && merge_put(&b->meta, &doc) < 0)
        code = hearth_err_set(b->err, HEARTH_NO_MEMORY, WHERE, "there is no memory left for a thread");
    if (code >= 0) {
        uint64_t born_ms = hearth_ulid_valid(b->thread) ? hearth_ulid_time_ms(b->thread) : 0;
        uint64_t created_ms = hearth_as_u64(merge_get(&b->meta, "created_ms"), born_ms);
        s = use(b, SQL_SET_THREAD, b->t);
        index_bind(s, 2, hearth_buf_str(&doc));
        index_bind(s, 3, title.n ? hearth_buf_str(&title) : HEARTH_STR(""));
        index_bind(s, 4, hearth_as_str(merge_get(&b->meta, "model")));
        bind_number(s, 5, (int64_t)created_ms);
        bind_number(s, 6, (int64_t)(b->updated_ms > created_ms ? b->updated_ms : created_ms));
        bind_number(s, 7, count);
        index_bind(s, 8, preview.n ? hearth_buf_str(&preview) : HEARTH_STR(""));
        bind_number(s, 9, hearth_as_bool(merge_get(&b->meta, "is_pinned"), false));
        bind_number(s, 10, hearth_as_bool(merge_get(&b->meta, MERGE_DELETED), false));
        if (head[0])
            index_bind(s, 11, hearth_cstr(head));
        code = run(b, s);
    }
    hearth_buf_deinit(&title);
    hearth_buf_deinit(&preview);
    hearth_buf_deinit(&doc);
    return code;
}

/* -- transactions ---------------------------------------------------------------------------------------------------------------- */

static int begin(batch *b)
{
    HEARTH_TRY((hearth_code)run(b, index_use(b->ix, SQL_BEGIN)));
    sqlite3_stmt *s = index_use(b->ix, SQL_FIND_THREAD);
    index_bind(s, 1, b->thread);
    int code = index_step(b->ix, s, b->err);
    if (code == 1) {
        b->t = sqlite3_column_int64(s, 0);
        b->updated_ms = (uint64_t)sqlite3_column_int64(s, 2);
        if (merge_read(&b->meta, b->ix->ctx, index_column(s, 1), b->err) < 0) {
            b->ix->is_broken = true;
            code = HEARTH_IO;
        }
        hearth_buf_put(&b->old_title, given_title(b));
    }
    sqlite3_reset(s);
    if (code != 0)
        return code < 0 ? code : HEARTH_OK;
    s = index_use(b->ix, SQL_ADD_THREAD);
    index_bind(s, 1, b->thread);
    code = run(b, s);
    b->t = sqlite3_last_insert_rowid(b->ix->db);
    b->is_new = true;
    return code;
}

static hearth_code end(batch *b, int code)
{
    bool is_empty = b->is_new && b->report->applied == 0; /* a log of garbage alone makes no thread */
    if (code >= 0 && !is_empty) {
        code = run(b, use(b, SQL_SET_CLOCK, (int64_t)b->ix->clock));
        if (code >= 0)
            code = run(b, index_use(b->ix, SQL_COMMIT));
    }
    if ((code < 0 || is_empty) && b->ix->db)
        sqlite3_exec(b->ix->db, "ROLLBACK", NULL, NULL, NULL);
    merge_deinit(&b->meta);
    hearth_buf_deinit(&b->buf);
    hearth_buf_deinit(&b->old_title);
    return (hearth_code)(code < 0 ? code : HEARTH_OK);
}

static void batch_init(batch *b, index_db *ix, hearth_str thread, index_report *report, hearth_err *err)
{
    *b = (batch){ .ix = ix, .thread = thread, .report = report, .err = err };
    hearth_buf_init(&b->buf, 4 * OP_LINE_MAX_BYTES);
    hearth_buf_init(&b->old_title, 4096);
}

static int set_file(batch *b, hearth_str name, uint64_t bytes)
{
    sqlite3_stmt *s = use(b, SQL_SET_FILE, b->t);
    index_bind(s, 2, name);
    bind_number(s, 3, (int64_t)bytes);
    return run(b, s);
}

hearth_code index_apply(index_db *ix, hearth_str thread, const hearth_value *lines, const hearth_value *next,
                        index_report *report, hearth_err *err)
{
    batch b;
    batch_init(&b, ix, thread, report, err);
    int code = begin(&b);
    for (size_t i = 0; code >= 0 && i < hearth_count(lines); i++)
        code = apply_line(&b, hearth_as_str(hearth_at(lines, i)));
    for (size_t i = 0; code >= 0 && i < hearth_count(next); i++)
        code = set_file(&b, hearth_key_at(next, i), hearth_as_u64(hearth_at(next, i), 0));
    if (code >= 0)
        code = store_thread(&b);
    return end(&b, code);
}

/* How far the file is known, 0 when it is not. */
static int64_t known_bytes(batch *b, hearth_str file)
{
    sqlite3_stmt *s = use(b, SQL_FILES, b->t);
    int64_t       bytes = 0;
    int           code;
    while ((code = index_step(b->ix, s, b->err)) == 1)
        if (hearth_str_equal(index_column(s, 0), file))
            bytes = sqlite3_column_int64(s, 1);
    return code < 0 ? code : bytes;
}

hearth_code index_apply_own(index_db *ix, hearth_str thread, hearth_str device, const hearth_value *lines,
                            uint64_t offset, hearth_err *err)
{
    index_report report = { 0 };
    batch        b;
    uint64_t     bytes = 0;
    char         name[OP_NAME_MAX_BYTES + 8];
    int          n = snprintf(name, sizeof name, "%.*s.jsonl", HEARTH_FMT(device));
    hearth_str   file = { name, n > 0 ? (size_t)n : 0 };
    batch_init(&b, ix, thread, &report, err);
    int code = begin(&b);
    for (size_t i = 0; code >= 0 && i < hearth_count(lines); i++) {
        hearth_str line = hearth_as_str(hearth_at(lines, i));
        bytes += line.n + 1;
        code = apply_line(&b, line);
    }
    if (code >= 0) {
        int64_t known = known_bytes(&b, file);
        code = known < 0 ? (int)known : HEARTH_OK;
        if (known >= 0 && (uint64_t)known + bytes == offset)
            code = set_file(&b, file, offset);
    }
    if (code >= 0)
        code = store_thread(&b);
    return end(&b, code);
}

hearth_code index_forget(index_db *ix, hearth_str thread, hearth_err *err)
{
    static const index_statement drops[] = { SQL_DROP_TITLE, SQL_DROP_MESSAGES, SQL_DROP_OPS, SQL_DROP_FILES,
                                             SQL_DROP_THREAD };
    index_report                 report = { 0 };
    batch                        b;
    batch_init(&b, ix, thread, &report, err);
    int           code = begin(&b);
    sqlite3_stmt *s = code >= 0 ? use(&b, SQL_MESSAGES, b.t) : NULL;
    while (code >= 0 && (code = index_step(ix, s, err)) == 1) {
        merge_entity e = { 0 };
        hearth_buf_reset(&b.buf);
        int64_t m = load_message(&b, index_column(s, 0), &e);
        put_visible_text(&b.buf, &e);
        merge_deinit(&e);
        code = m < 0 ? (int)m : set_words(&b, SQL_DROP_WORDS, m, hearth_buf_str(&b.buf));
    }
    for (size_t i = 0; code >= 0 && i < HEARTH_COUNT(drops); i++)
        code = run(&b, use(&b, drops[i], b.t));
    return end(&b, code);
}
