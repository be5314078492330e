/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "index_query.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "message.h"

#define WHERE "threads.index"

/* What snippet() and highlight() put around a match; no text has them unescaped in it. */
#define MATCH_BEGIN '\2'
#define MATCH_END   '\3'

static void put_column(hearth_value *to, const char *key, sqlite3_stmt *s, int i)
{
    hearth_str text = index_column(s, i);
    if (text.p)
        hearth_put_str(to, key, text);
    else
        hearth_put_null(to, key);
}

/* A row of THREAD_COLUMNS. */
static hearth_value *thread_value(index_db *ix, sqlite3_stmt *s)
{
    hearth_value *v = hearth_object(ix->ctx);
    put_column(v, "id", s, 0);
    put_column(v, "title", s, 1);
    put_column(v, "model", s, 2);
    hearth_put_i64(v, "created_ms", sqlite3_column_int64(s, 3));
    hearth_put_i64(v, "updated_ms", sqlite3_column_int64(s, 4));
    hearth_put_i64(v, "message_count", sqlite3_column_int64(s, 5));
    put_column(v, "preview", s, 6);
    hearth_put_bool(v, "is_pinned", sqlite3_column_int(s, 7) != 0);
    hearth_put_bool(v, "is_deleted", sqlite3_column_int(s, 8) != 0);
    put_column(v, "head", s, 9);
    return v;
}

/* A row's entity as a Message. Errors: io, when the index is damaged. */
static hearth_code read_message(index_db *ix, hearth_str thread, hearth_str id, hearth_str doc, hearth_value **out,
                                hearth_err *err)
{
    merge_entity e = { 0 };
    hearth_code  code = merge_read(&e, ix->ctx, doc, err);
    if (code < 0)
        ix->is_broken = true;
    else
        *out = message_value(ix->ctx, thread, id, &e);
    merge_deinit(&e);
    return code;
}

/* -- one thread -------------------------------------------------------------------------------------------------------- */

hearth_code query_thread(index_db *ix, hearth_str id, hearth_value **out, hearth_err *err)
{
    sqlite3_stmt *s = index_use(ix, SQL_THREAD);
    index_bind(s, 1, id);
    int code = index_step(ix, s, err);
    if (code == 1)
        *out = thread_value(ix, s);
    sqlite3_reset(s);
    if (code == 0)
        return hearth_err_set(err, HEARTH_NOT_FOUND, "threads",
                              "there is no thread %.*s; threads.list gives those there are", HEARTH_FMT(id));
    return code < 0 ? (hearth_code)code : HEARTH_OK;
}

hearth_code query_message(index_db *ix, hearth_str thread, hearth_str id, hearth_value **out, hearth_err *err)
{
    int64_t t = index_row(ix, thread, err);
    if (t < 0)
        return (hearth_code)t;
    sqlite3_stmt *s = index_use(ix, SQL_MESSAGE);
    if (s)
        sqlite3_bind_int64(s, 1, t);
    index_bind(s, 2, id);
    int code = index_step(ix, s, err);
    if (code == 0)
        code = hearth_err_set(err, HEARTH_NOT_FOUND, "threads", "there is no message %.*s in the thread %.*s",
                              HEARTH_FMT(id), HEARTH_FMT(thread));
    else if (code == 1)
        code = read_message(ix, thread, id, index_column(s, 0), out, err);
    sqlite3_reset(s);
    return code < 0 ? (hearth_code)code : HEARTH_OK;
}

/* Deleted messages, by id, with their parents: what hung below one hangs below its parent now. */
typedef struct gap {
    char id[OP_NAME_MAX_BYTES + 1], parent[OP_NAME_MAX_BYTES + 1];
} gap;

typedef struct gaps {
    gap   *p;
    size_t n, size;
} gaps;

static int by_id(const void *a, const void *b) { return strcmp(((const gap *)a)->id, ((const gap *)b)->id); }

static int read_gaps(index_db *ix, int64_t t, gaps *all, hearth_err *err)
{
    sqlite3_stmt *s = index_use(ix, SQL_DELETED);
    int           code;
    if (s)
        sqlite3_bind_int64(s, 1, t);
    while ((code = index_step(ix, s, err)) == 1) {
        if (all->n == all->size) {
            size_t size = all->size ? all->size * 2 : 16;
            gap   *p = realloc(all->p, size * sizeof *p);
            if (!p) {
                sqlite3_reset(s);
                return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "there is no memory left to read the thread");
            }
            all->p = p;
            all->size = size;
        }
        gap *g = &all->p[all->n++];
        hearth_str_copy(g->id, sizeof g->id, index_column(s, 0));
        hearth_str_copy(g->parent, sizeof g->parent, index_column(s, 1));
    }
    return code;
}

static void bridge_gaps(const gaps *all, hearth_value *message, hearth_str parent)
{
    gap        key = { "", "" };
    const gap *g = NULL;
    hearth_str_copy(key.id, sizeof key.id, parent);
    for (size_t steps = 0; steps <= all->n && all->n > 0; steps++) { /* as many as there are, in case of a cycle */
        const gap *next = bsearch(&key, all->p, all->n, sizeof key, by_id);
        if (!next)
            break;
        g = next;
        memcpy(key.id, g->parent, sizeof key.id);
    }
    if (g && key.id[0])
        hearth_put_cstr(message, "parent", key.id);
    else if (g)
        hearth_put_null(message, "parent");
}

hearth_code query_get(index_db *ix, hearth_str id, hearth_value **out, hearth_err *err)
{
    hearth_value *thread = NULL, *messages = NULL;
    gaps          deleted = { NULL, 0, 0 };
    sqlite3_stmt *s = NULL;
    int64_t       t = 0;
    int           code = query_thread(ix, id, &thread, err);
    if (code >= 0) {
        t = index_row(ix, id, err);
        code = t < 0 ? (int)t : read_gaps(ix, t, &deleted, err);
    }
    messages = hearth_array(ix->ctx);
    if (code >= 0) {
        s = index_use(ix, SQL_MESSAGES);
        if (s)
            sqlite3_bind_int64(s, 1, t);
    }
    while (code >= 0 && (code = index_step(ix, s, err)) == 1) {
        hearth_value *m = NULL;
        code = read_message(ix, id, index_column(s, 0), index_column(s, 1), &m, err);
        if (code < 0)
            break;
        bridge_gaps(&deleted, m, index_column(s, 2));
        hearth_add(messages, m);
    }
    sqlite3_reset(s);
    free(deleted.p);
    if (code < 0) {
        hearth_value_unref(thread);
        hearth_value_unref(messages);
        return (hearth_code)code;
    }
    *out = hearth_object(ix->ctx);
    hearth_put(*out, "thread", thread);
    hearth_put(*out, "messages", messages);
    return HEARTH_OK;
}

/* -- words --------------------------------------------------------------------------------------------------------------- */

/* A person's words as an FTS5 expression: each quoted, so that nothing in them is an operator, the last one also as a
 * beginning, since it may still be in the typing. */
static void put_expression(hearth_buf *out, hearth_str query)
{
    size_t at = 0, words = 0;
    if (query.n > QUERY_MAX_BYTES) {
        query.n = QUERY_MAX_BYTES;
        query.n = hearth_utf8_whole(query);
    }
    while (words < QUERY_MAX_WORDS) {
        while (at < query.n && (unsigned char)query.p[at] <= ' ')
            at++;
        if (at == query.n)
            break;
        hearth_buf_puts(out, words++ ? " \"" : "\"");
        for (; at < query.n && (unsigned char)query.p[at] > ' '; at++) {
            hearth_buf_putc(out, query.p[at]);
            if (query.p[at] == '"')
                hearth_buf_putc(out, '"');
        }
        hearth_buf_putc(out, '"');
    }
    if (words > 0)
        hearth_buf_putc(out, '*');
}

/* "… a \2match\3 …" as [{text, is_match}]. */
static hearth_value *snippet_value(hearth_ctx *ctx, hearth_str marked)
{
    hearth_value *all = hearth_array(ctx);
    bool          is_match = false;
    size_t        from = 0;
    for (size_t i = 0; i <= marked.n; i++) {
        if (i < marked.n && marked.p[i] != MATCH_BEGIN && marked.p[i] != MATCH_END)
            continue;
        if (i > from) {
            hearth_value *piece = hearth_object(ctx);
            hearth_put_str(piece, "text", (hearth_str){ marked.p + from, i - from });
            hearth_put_bool(piece, "is_match", is_match);
            hearth_add(all, piece);
        }
        is_match = i < marked.n && marked.p[i] == MATCH_BEGIN;
        from = i + 1;
    }
    return all;
}

/* When a message began, as its entity says. */
static uint64_t created_ms_of(index_db *ix, hearth_str doc)
{
    merge_entity e = { 0 };
    uint64_t     ms = 0;
    if (merge_read(&e, ix->ctx, doc, NULL) >= 0) {
        const merge_field *added = merge_find(&e, MERGE_ADDED);
        ms = hearth_as_u64(merge_get(&e, "created_ms"), added ? added->at.h >> 16 : 0);
    }
    merge_deinit(&e);
    return ms;
}

static int add_hits(index_db *ix, index_statement which, hearth_str expression, uint64_t limit, hearth_value *hits,
                    hearth_err *err)
{
    sqlite3_stmt *s = index_use(ix, which);
    int           code;
    index_bind(s, 1, expression);
    if (s)
        sqlite3_bind_int64(s, 2, (int64_t)limit);
    while ((code = index_step(ix, s, err)) == 1) {
        hearth_value *hit = hearth_object(ix->ctx);
        put_column(hit, "thread", s, 0);
        put_column(hit, "message", s, 1);
        put_column(hit, "title", s, 2);
        hearth_put(hit, "snippet", snippet_value(ix->ctx, index_column(s, 3)));
        hearth_put_u64(hit, "created_ms",
                       which == SQL_SEARCH ? created_ms_of(ix, index_column(s, 4))
                                           : (uint64_t)sqlite3_column_int64(s, 4));
        hearth_add(hits, hit);
    }
    return code;
}

hearth_code query_search(index_db *ix, hearth_str query, uint64_t limit, hearth_value **out, hearth_err *err)
{
    hearth_value *hits = hearth_array(ix->ctx);
    hearth_buf    expression;
    int           code = HEARTH_OK;
    hearth_buf_init(&expression, 4096);
    put_expression(&expression, query);
    if (expression.n > 0) {
        code = add_hits(ix, SQL_SEARCH_TITLES, hearth_buf_str(&expression), limit, hits, err);
        if (code >= 0 && hearth_count(hits) < limit)
            code = add_hits(ix, SQL_SEARCH, hearth_buf_str(&expression), limit - hearth_count(hits), hits, err);
    }
    hearth_buf_deinit(&expression);
    if (code < 0) {
        hearth_value_unref(hits);
        return (hearth_code)code;
    }
    *out = hearth_object(ix->ctx);
    hearth_put(*out, "hits", hits);
    return HEARTH_OK;
}

/* -- lists ---------------------------------------------------------------------------------------------------------------- */

/* "PINNED:UPDATED_MS:ID": the last thread of the page before. */
static bool read_cursor(hearth_str cursor, int64_t *pinned, int64_t *updated_ms, hearth_str *id)
{
    if (cursor.n == 0) {
        *pinned = 2;
        *updated_ms = 0;
        *id = HEARTH_STR("");
        return true;
    }
    const char *colon = cursor.n > 2 && cursor.p[1] == ':' ? memchr(cursor.p + 2, ':', cursor.n - 2) : NULL;
    uint64_t    ms = 0;
    if (!colon || hearth_str_u64((hearth_str){ cursor.p + 2, (size_t)(colon - cursor.p) - 2 }, &ms) < 0 ||
        ms > INT64_MAX)
        return false;
    *pinned = cursor.p[0] - '0';
    *updated_ms = (int64_t)ms;
    *id = (hearth_str){ colon + 1, cursor.n - (size_t)(colon - cursor.p) - 1 };
    return *pinned == 0 || *pinned == 1;
}

static void put_next(hearth_value *page, const hearth_value *last)
{
    char text[96];
    int  n = snprintf(text, sizeof text, "%d:%" PRId64 ":%.*s", hearth_get_bool(last, "is_pinned", false),
                      hearth_get_i64(last, "updated_ms", 0), HEARTH_FMT(hearth_get_str(last, "id")));
    hearth_put_str(page, "next", (hearth_str){ text, n > 0 ? (size_t)n : 0 });
}

hearth_code query_list(index_db *ix, uint64_t limit, hearth_str cursor, hearth_str query, hearth_value **out,
                       hearth_err *err)
{
    int64_t    pinned, updated_ms;
    hearth_str id;
    if (!read_cursor(cursor, &pinned, &updated_ms, &id))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "threads.list",
                              "`cursor` is not the `next` of an earlier page; leave it out to begin");
    hearth_buf expression;
    hearth_buf_init(&expression, 4096);
    put_expression(&expression, query);
    sqlite3_stmt *s = index_use(ix, expression.n > 0 ? SQL_LIST_MATCHING : SQL_LIST);
    if (s) {
        sqlite3_bind_int64(s, 1, pinned);
        sqlite3_bind_int64(s, 2, updated_ms);
        sqlite3_bind_int64(s, 4, (int64_t)limit + 1); /* one more, to know whether there is a next page */
    }
    index_bind(s, 3, id);
    if (expression.n > 0)
        index_bind(s, 5, hearth_buf_str(&expression));

    hearth_value *page = hearth_object(ix->ctx), *threads = hearth_array(ix->ctx);
    bool          has_more = false;
    int           code;
    while ((code = index_step(ix, s, err)) == 1) {
        has_more = hearth_count(threads) == limit;
        if (!has_more)
            hearth_add(threads, thread_value(ix, s));
    }
    hearth_buf_deinit(&expression);
    if (has_more)
        put_next(page, hearth_at(threads, hearth_count(threads) - 1));
    else
        hearth_put_null(page, "next");
    hearth_put(page, "threads", threads);
    if (code < 0) {
        hearth_value_unref(page);
        return (hearth_code)code;
    }
    *out = page;
    return HEARTH_OK;
}

hearth_code query_running(index_db *ix, hearth_str device, hearth_value **out, hearth_err *err)
{
    hearth_value *messages = hearth_array(ix->ctx);
    sqlite3_stmt *s = index_use(ix, SQL_RUNNING);
    int           code;
    while ((code = index_step(ix, s, err)) == 1) {
        hearth_value *m = NULL;
        code = read_message(ix, index_column(s, 0), index_column(s, 1), index_column(s, 2), &m, err);
        if (code < 0)
            break;
        if (hearth_str_equal(hearth_get_str(m, "device"), device))
            hearth_add_ref(messages, m);
        hearth_value_unref(m);
    }
    sqlite3_reset(s);
    if (code < 0) {
        hearth_value_unref(messages);
        return (hearth_code)code;
    }
    *out = hearth_object(ix->ctx);
    hearth_put(*out, "messages", messages);
    return HEARTH_OK;
}
