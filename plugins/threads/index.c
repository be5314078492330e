/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The file, its schema and its statements, and how far each log was read.
 *
 * Rows of `messages` carry the whole merged entity as text (merge_put) and, drawn from it, the columns that queries
 * need. `words` is a full-text index without a copy of the texts: it reads them through the view `spoken`, whose
 * function takes them out of the entity. `ops` knows each operation's (device, n): that makes applying idempotent,
 * tells this device its next n, and shows two operations that share a name. */
#include "index.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "message.h"

#define WHERE         "threads.index"
#define INDEX_FILE    "threads.db"
#define INDEX_VERSION 1

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE clock(one INTEGER PRIMARY KEY CHECK(one=1), h INTEGER NOT NULL);"
    "CREATE TABLE devices(d INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE threads(t INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, doc TEXT NOT NULL, title TEXT NOT NULL, "
    "model TEXT,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, message_count INTEGER NOT NULL, preview TEXT NOT NULL,"
    " is_pinned INTEGER NOT NULL, is_deleted INTEGER NOT NULL, head TEXT);"
    "CREATE INDEX threads_order ON threads(is_deleted, is_pinned DESC, updated_ms DESC, id DESC);"
    "CREATE TABLE messages(m INTEGER PRIMARY KEY, t INTEGER NOT NULL, id TEXT NOT NULL, doc TEXT NOT NULL, born TEXT "
    "NOT NULL,"
    " parent TEXT, role TEXT, state TEXT, is_deleted INTEGER NOT NULL, UNIQUE(t, id));"
    "CREATE INDEX messages_order ON messages(t, born);"
    "CREATE INDEX messages_parent ON messages(t, parent, born);"
    "CREATE INDEX messages_running ON messages(state) WHERE state='running';"
    "CREATE TABLE ops(t INTEGER, d INTEGER, n INTEGER, fingerprint INTEGER NOT NULL, PRIMARY KEY(t, d, n)) WITHOUT "
    "ROWID;"
    "CREATE TABLE files(t INTEGER, name TEXT, bytes INTEGER NOT NULL, PRIMARY KEY(t, name)) WITHOUT ROWID;"
    "CREATE VIEW spoken AS SELECT m, spoken_text(doc) AS text FROM messages;"
    "CREATE VIRTUAL TABLE words USING fts5(text, content='spoken', content_rowid='m', tokenize='unicode61 "
    "remove_diacritics 2');"
    "CREATE VIRTUAL TABLE titles USING fts5(text, tokenize='unicode61 remove_diacritics 2');"
    "INSERT INTO clock VALUES(1, 0);"
    "PRAGMA user_version=1;"
    "COMMIT;";

#define THREAD_COLUMNS "id, title, model, created_ms, updated_ms, message_count, preview, is_pinned, is_deleted, head"
#define NEWEST         "5000" /* matches that a list looks at: a single letter is in most of a million messages */
#define PAGE                                                                                                           \
    " AND (is_pinned, updated_ms, id) < (?1, ?2, ?3) ORDER BY is_pinned DESC, updated_ms DESC, id DESC LIMIT ?4"

static const char *const sql[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_CLOCK] = "SELECT h FROM clock",
    [SQL_SET_CLOCK] = "UPDATE clock SET h=?1",
    [SQL_FIND_DEVICE] = "SELECT d FROM devices WHERE name=?1",
    [SQL_ADD_DEVICE] = "INSERT INTO devices(name) VALUES(?1)",
    [SQL_FIND_THREAD] = "SELECT t, doc, updated_ms FROM threads WHERE id=?1",
    [SQL_ADD_THREAD] =
        "INSERT INTO threads(id, doc, title, created_ms, updated_ms, message_count, preview, is_pinned, is_deleted)"
        " VALUES(?1, '', '', 0, 0, 0, '', 0, 0)",
    [SQL_SET_THREAD] =
        "UPDATE threads SET doc=?2, title=?3, model=?4, created_ms=?5, updated_ms=?6, message_count=?7, preview=?8,"
        " is_pinned=?9, is_deleted=?10, head=?11 WHERE t=?1",
    [SQL_DROP_THREAD] = "DELETE FROM threads WHERE t=?1",
    [SQL_ADD_OP] = "INSERT OR IGNORE INTO ops VALUES(?1, ?2, ?3, ?4)",
    [SQL_FIND_OP] = "SELECT fingerprint FROM ops WHERE t=?1 AND d=?2 AND n=?3",
    [SQL_LAST_OP] = "SELECT n FROM ops WHERE t=?1 AND d=?2 ORDER BY n DESC LIMIT 1",
    [SQL_DROP_OPS] = "DELETE FROM ops WHERE t=?1",
    [SQL_FIND_MESSAGE] = "SELECT m, doc FROM messages WHERE t=?1 AND id=?2",
    [SQL_ADD_MESSAGE] = "INSERT INTO messages(t, id, doc, born, is_deleted) VALUES(?1, ?2, '', '', 0)",
    [SQL_SET_MESSAGE] = "UPDATE messages SET doc=?2, born=?3, parent=?4, role=?5, state=?6, is_deleted=?7 WHERE m=?1",
    [SQL_DROP_MESSAGES] = "DELETE FROM messages WHERE t=?1",
    [SQL_ADD_WORDS] = "INSERT INTO words(rowid, text) VALUES(?1, ?2)",
    [SQL_DROP_WORDS] = "INSERT INTO words(words, rowid, text) VALUES('delete', ?1, ?2)",
    [SQL_ADD_TITLE] = "INSERT INTO titles(rowid, text) VALUES(?1, ?2)",
    [SQL_DROP_TITLE] = "DELETE FROM titles WHERE rowid=?1",
    [SQL_FILES] = "SELECT name, bytes FROM files WHERE t=?1",
    [SQL_SET_FILE] = "INSERT INTO files VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET bytes=max(bytes, excluded.bytes)",
    [SQL_DROP_FILES] = "DELETE FROM files WHERE t=?1",
    [SQL_COUNT_MESSAGES] = "SELECT count(*) FROM messages WHERE t=?1 AND born<>'' AND is_deleted=0",
    [SQL_NEWEST_MESSAGE] =
        "SELECT id FROM messages WHERE t=?1 AND born<>'' AND is_deleted=0 ORDER BY born DESC LIMIT 1",
    [SQL_NEWEST_CHILD] =
        "SELECT id, born FROM messages WHERE t=?1 AND parent=?2 AND born>?3 ORDER BY born DESC LIMIT 1",
    [SQL_FIRST_QUESTION] =
        "SELECT doc FROM messages WHERE t=?1 AND born<>'' AND is_deleted=0 AND role='user' ORDER BY born LIMIT 1",
    [SQL_MESSAGE_KEYS] = "SELECT parent, born, is_deleted FROM messages WHERE t=?1 AND id=?2",
    [SQL_THREAD] = "SELECT " THREAD_COLUMNS " FROM threads WHERE id=?1",
    [SQL_MESSAGES] = "SELECT id, doc, parent FROM messages WHERE t=?1 AND born<>'' AND is_deleted=0 ORDER BY born",
    [SQL_DELETED] = "SELECT id, parent FROM messages WHERE t=?1 AND is_deleted=1 ORDER BY id",
    [SQL_MESSAGE] = "SELECT doc FROM messages WHERE t=?1 AND id=?2 AND born<>'' AND is_deleted=0",
    [SQL_LIST] = "SELECT " THREAD_COLUMNS " FROM threads WHERE is_deleted=0" PAGE,
    [SQL_LIST_MATCHING] = "SELECT " THREAD_COLUMNS
                          " FROM threads WHERE is_deleted=0 AND (t IN (SELECT rowid FROM titles WHERE titles MATCH ?5)"
                          " OR t IN (SELECT t FROM messages WHERE m IN (SELECT rowid FROM words WHERE words MATCH ?5 "
                          "ORDER BY rowid DESC LIMIT " NEWEST ")))" PAGE,
    [SQL_SEARCH] = "SELECT threads.id, messages.id, title, snippet(words, 0, char(2), char(3), '…', 24), messages.doc"
                   " FROM words JOIN messages ON m=words.rowid JOIN threads USING(t)"
                   " WHERE words MATCH ?1 AND threads.is_deleted=0 ORDER BY words.rowid DESC LIMIT ?2",
    [SQL_SEARCH_TITLES] = "SELECT threads.id, head, title, highlight(titles, 0, char(2), char(3)), created_ms"
                          " FROM titles JOIN threads ON t=titles.rowid WHERE titles MATCH ?1 AND is_deleted=0"
                          " ORDER BY titles.rowid DESC LIMIT ?2",
    [SQL_RUNNING] = "SELECT threads.id, messages.id, messages.doc FROM messages JOIN threads USING(t)"
                    " WHERE state='running' AND born<>'' AND messages.is_deleted=0 ORDER BY born",
    [SQL_THREAD_IDS] = "SELECT id FROM threads",
};

/* -- statements -------------------------------------------------------------------------------------------------------- */

static hearth_code failed(index_db *ix, int rc, hearth_err *err)
{
    const char *why = ix->db ? sqlite3_errmsg(ix->db) : "it is not open";
    if (rc == SQLITE_NOMEM)
        return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "the index of threads needs more memory than there is");
    ix->is_broken = true;
    hearth_log(ix->ctx, HEARTH_LOG_WARN, "the index of threads failed (%s); it will be made again", why);
    return hearth_err_set(err, HEARTH_IO, WHERE, "the index of threads failed: %s", why);
}

struct sqlite3_stmt *index_use(index_db *ix, index_statement which)
{
    sqlite3_stmt **s = &ix->statements[which];
    if (!*s && ix->db && sqlite3_prepare_v3(ix->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
        *s = NULL;
    if (*s) {
        sqlite3_reset(*s);
        sqlite3_clear_bindings(*s);
    }
    return *s;
}

void index_bind(struct sqlite3_stmt *s, int i, hearth_str text)
{
    if (s && text.p)
        sqlite3_bind_text64(s, i, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_number(sqlite3_stmt *s, int i, int64_t x)
{
    if (s)
        sqlite3_bind_int64(s, i, x);
}

hearth_str index_column(struct sqlite3_stmt *s, int i)
{
    const char *text = (const char *)sqlite3_column_text(s, i);
    return (hearth_str){ text, text ? (size_t)sqlite3_column_bytes(s, i) : 0 };
}

int index_step(index_db *ix, struct sqlite3_stmt *s, hearth_err *err)
{
    int rc = s ? sqlite3_step(s) : SQLITE_ERROR;
    if (rc == SQLITE_ROW)
        return 1;
    int code = rc == SQLITE_DONE ? 0 : (int)failed(ix, rc, err);
    sqlite3_reset(s);
    return code;
}

int64_t index_row(index_db *ix, hearth_str thread, hearth_err *err)
{
    sqlite3_stmt *s = index_use(ix, SQL_FIND_THREAD);
    index_bind(s, 1, thread);
    int     code = index_step(ix, s, err);
    int64_t t = code == 1 ? sqlite3_column_int64(s, 0) : code;
    sqlite3_reset(s);
    return t;
}

/* -- open and close ------------------------------------------------------------------------------------------------------- */

/* SQL: the text that can be searched in a message's entity. */
static void spoken_text(sqlite3_context *context, int n, sqlite3_value **args)
{
    (void)n;
    index_db    *ix = sqlite3_user_data(context);
    hearth_str   doc = { (const char *)sqlite3_value_text(args[0]), (size_t)sqlite3_value_bytes(args[0]) };
    merge_entity m = { 0 };
    hearth_buf   text;
    hearth_buf_init(&text, 2 * MESSAGE_MAX_BYTES);
    if (merge_read(&m, ix->ctx, doc, NULL) >= 0)
        message_put_text(&text, merge_get(&m, "parts"));
    sqlite3_result_text64(context, text.p ? text.p : "", text.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    hearth_buf_deinit(&text);
    merge_deinit(&m);
}

void index_close(index_db *ix)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_finalize(ix->statements[i]);
    memset(ix->statements, 0, sizeof ix->statements);
    sqlite3_close(ix->db);
    ix->db = NULL;
}

static bool run_sql(index_db *ix, const char *text)
{
    return sqlite3_exec(ix->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

static int user_version(index_db *ix)
{
    sqlite3_stmt *s = NULL;
    int           version = -1;
    if (sqlite3_prepare_v2(ix->db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return version;
}

/* Opens one file (or memory); true when it can be used. A file of another version cannot. */
static bool open_at(index_db *ix, const char *path)
{
    int  flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    bool is_good =
        sqlite3_open_v2(path, &ix->db, flags, NULL) == SQLITE_OK &&
        sqlite3_create_function(ix->db, "spoken_text", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, ix,
                                spoken_text, NULL, NULL) == SQLITE_OK
        /* It may be lost at any time, so it need not survive a power cut whole, only consistent. */
        && run_sql(ix, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                       "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4000; PRAGMA journal_size_limit=4194304;");
    int version = is_good ? user_version(ix) : -1;
    if (version == 0)
        is_good = run_sql(ix, schema);
    else
        is_good = version == INDEX_VERSION;

    sqlite3_stmt *s = is_good ? index_use(ix, SQL_CLOCK) : NULL;
    if (s && sqlite3_step(s) == SQLITE_ROW) {
        ix->clock = hearth_hlc_seen(ix->clock, (uint64_t)sqlite3_column_int64(s, 0));
        sqlite3_reset(s);
        return true;
    }
    index_close(ix);
    return false;
}

static void remove_files(index_db *ix)
{
    static const char *const files[] = { INDEX_FILE, INDEX_FILE "-wal", INDEX_FILE "-shm", INDEX_FILE "-journal" };
    for (size_t i = 0; i < HEARTH_COUNT(files); i++)
        hearth_file_remove(ix->ctx, HEARTH_DIR_INDEX, hearth_cstr(files[i]), NULL);
}

static bool was_moved(index_db *ix)
{
    int moved = 0;
    return sqlite3_file_control(ix->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

hearth_code index_ready(index_db *ix, hearth_err *err)
{
    bool was_open = ix->db != NULL;
    if (was_open && !ix->is_broken && !was_moved(ix))
        return HEARTH_OK;
    index_close(ix);
    if (was_open) {
        ix->generation++;
        remove_files(ix);
    }
    ix->failures += ix->is_broken;
    ix->is_broken = false;

    hearth_buf path;
    hearth_buf_init(&path, 8192);
    bool is_open = false;
    if (ix->failures <= INDEX_MAX_FAILURES &&
        hearth_path(ix->ctx, HEARTH_DIR_INDEX, HEARTH_STR(INDEX_FILE), &path, NULL) >= 0) {
        is_open = open_at(ix, path.p);
        if (!is_open) {
            remove_files(ix);
            is_open = open_at(ix, path.p);
        }
    }
    hearth_buf_deinit(&path);
    if (!is_open) {
        hearth_log(ix->ctx, HEARTH_LOG_WARN,
                   "the index of threads cannot be written to the disk; it is kept in memory until the next start");
        is_open = open_at(ix, ":memory:");
    }
    if (!is_open)
        return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE,
                              "the index of threads can be opened neither on the disk nor in memory");
    return HEARTH_OK;
}

/* -- how far the logs were read ---------------------------------------------------------------------------------------------- */

/* {file: bytes} of a thread. */
static hearth_code known_files(index_db *ix, int64_t t, hearth_value **out, hearth_err *err)
{
    hearth_value *known = hearth_object(ix->ctx);
    sqlite3_stmt *s = index_use(ix, SQL_FILES);
    bind_number(s, 1, t);
    int code;
    while ((code = index_step(ix, s, err)) == 1) {
        hearth_str name = index_column(s, 0);
        char       key[256];
        hearth_str_copy(key, sizeof key, name);
        hearth_put_u64(known, key, (uint64_t)sqlite3_column_int64(s, 1));
    }
    if (code < 0) {
        hearth_value_unref(known);
        return (hearth_code)code;
    }
    *out = known;
    return HEARTH_OK;
}

/* "threads/ID/DEVICE" → ID and DEVICE; false for anything else. */
static bool split_log(hearth_str log, hearth_str *thread, hearth_str *device)
{
    const size_t prefix = sizeof "threads/" - 1, id = INDEX_ID_BYTES - 1;
    if (!hearth_str_starts(log, "threads/") || log.n < prefix + id + 2 || log.p[prefix + id] != '/')
        return false;
    *thread = (hearth_str){ log.p + prefix, id };
    *device = (hearth_str){ log.p + prefix + id + 1, log.n - prefix - id - 1 };
    return hearth_ulid_valid(*thread) && !memchr(device->p, '/', device->n);
}

static bool is_file_of(hearth_str file, hearth_str device)
{
    return file.n > device.n && memcmp(file.p, device.p, device.n) == 0 && file.p[device.n] == '.';
}

/* Whether a listed log has something that is not known, or the other way round. `from` gets what is known of it. */
static bool is_behind(const hearth_value *known, const hearth_value *log, hearth_str device, hearth_value *from)
{
    const hearth_value *files = hearth_get(log, "files");
    bool                is_different = false;
    for (size_t i = 0; i < hearth_count(known); i++) {
        hearth_str file = hearth_key_at(known, i);
        if (!is_file_of(file, device))
            continue;
        char key[256];
        hearth_str_copy(key, sizeof key, file);
        hearth_put_u64(from, key, hearth_as_u64(hearth_at(known, i), 0));
        is_different |= hearth_as_u64(hearth_get_by(files, file), 0) != hearth_as_u64(hearth_at(known, i), 0);
    }
    for (size_t i = 0; i < hearth_count(files); i++)
        is_different |=
            hearth_as_u64(hearth_at(files, i), 0) != hearth_as_u64(hearth_get_by(known, hearth_key_at(files, i)), 0);
    return is_different;
}

hearth_code index_plan(index_db *ix, hearth_str thread, const hearth_value *listed, hearth_value **out, bool *is_gone,
                       hearth_err *err)
{
    hearth_value       *known = NULL, *plan = hearth_array(ix->ctx);
    int64_t             t = index_row(ix, thread, err);
    hearth_code         code = t < 0 ? (hearth_code)t : known_files(ix, t, &known, err);
    size_t              logs = 0;
    const hearth_value *all = hearth_get(listed, "logs");
    for (size_t i = 0; code >= 0 && i < hearth_count(all); i++) {
        hearth_str log = hearth_get_str(hearth_at(all, i), "log"), id, device;
        if (!split_log(log, &id, &device) || !hearth_str_equal(id, thread))
            continue;
        logs++;
        hearth_value *from = hearth_object(ix->ctx);
        if (is_behind(known, hearth_at(all, i), device, from)) {
            hearth_value *step = hearth_object(ix->ctx);
            hearth_put_str(step, "log", log);
            hearth_put_ref(step, "from", from);
            hearth_add(plan, step);
        }
        hearth_value_unref(from);
    }
    hearth_value_unref(known);
    if (code < 0) {
        hearth_value_unref(plan);
        return code;
    }
    *is_gone = t > 0 && logs == 0;
    *out = plan;
    return HEARTH_OK;
}

int64_t index_compare(index_db *ix, const hearth_value *listed, size_t i, size_t max, hearth_value *behind,
                      hearth_err *err)
{
    const hearth_value *logs = hearth_get(listed, "logs");
    for (; i < hearth_count(logs) && max > 0; i++, max--) {
        const hearth_value *log = hearth_at(logs, i);
        hearth_str          thread, device;
        if (!split_log(hearth_get_str(log, "log"), &thread, &device))
            continue;
        size_t n = hearth_count(behind);
        if (n > 0 && hearth_str_equal(hearth_as_str(hearth_at(behind, n - 1)), thread))
            continue; /* of another device's log already */
        hearth_value *known = NULL;
        int64_t       t = index_row(ix, thread, err);
        hearth_code   code = t < 0 ? (hearth_code)t : known_files(ix, t, &known, err);
        if (code < 0)
            return code;
        hearth_value *from = hearth_object(ix->ctx);
        if (is_behind(known, log, device, from))
            hearth_add_str(behind, thread);
        hearth_value_unref(from);
        hearth_value_unref(known);
    }
    return (int64_t)i;
}

static int by_text(const void *a, const void *b)
{
    return hearth_str_compare(*(const hearth_str *)a, *(const hearth_str *)b);
}

hearth_code index_missing(index_db *ix, const hearth_value *listed, hearth_value *behind, hearth_err *err)
{
    const hearth_value *logs = hearth_get(listed, "logs");
    size_t              n = 0, count = hearth_count(logs);
    hearth_str         *ids = calloc(count + 1, sizeof *ids), device;
    if (!ids)
        return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "there is no memory left to compare the threads");
    for (size_t i = 0; i < count; i++)
        if (split_log(hearth_get_str(hearth_at(logs, i), "log"), &ids[n], &device))
            n++;
    qsort(ids, n, sizeof *ids, by_text);

    sqlite3_stmt *s = index_use(ix, SQL_THREAD_IDS);
    int           code;
    while ((code = index_step(ix, s, err)) == 1) {
        hearth_str id = index_column(s, 0);
        if (!bsearch(&id, ids, n, sizeof *ids, by_text))
            hearth_add_str(behind, id);
    }
    free(ids);
    return (hearth_code)code;
}

/* -- stamps ----------------------------------------------------------------------------------------------------------------- */

hearth_code index_stamp(index_db *ix, hearth_str thread, hearth_str device, op_stamp *out, hearth_err *err)
{
    *out = (op_stamp){ .d = device, .n = 1 };
    int64_t t = index_row(ix, thread, err);
    if (t < 0)
        return (hearth_code)t;
    sqlite3_stmt *s = index_use(ix, SQL_FIND_DEVICE);
    index_bind(s, 1, device);
    int     code = index_step(ix, s, err);
    int64_t d = code == 1 ? sqlite3_column_int64(s, 0) : 0;
    if (s)
        sqlite3_reset(s);
    if (code == 1 && t > 0) {
        s = index_use(ix, SQL_LAST_OP);
        bind_number(s, 1, t);
        bind_number(s, 2, d);
        code = index_step(ix, s, err);
        if (code == 1)
            out->n = (uint64_t)sqlite3_column_int64(s, 0) + 1;
        sqlite3_reset(s);
    }
    if (code < 0)
        return (hearth_code)code;
    if (out->n < ix->n_floor)
        out->n = ix->n_floor;
    ix->clock = hearth_hlc_next(ix->clock, hearth_wall_ms(ix->ctx));
    out->h = ix->clock;
    return HEARTH_OK;
}

void index_next(index_db *ix, op_stamp *stamp)
{
    stamp->n++;
    ix->clock = hearth_hlc_next(ix->clock, hearth_wall_ms(ix->ctx));
    stamp->h = ix->clock;
}
