/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/list.h"
#include "kernel/schema.h"
#include "kernel/table.h"

#define LINE_MAX_BYTES  (1u << 20)
#define PIECE_BYTES     (2 * LINE_MAX_BYTES) /* of a file that is read: any line fits */

typedef struct setting {
    list                node; /* in order of names once declared */
    const hearth_value *spec; /* borrowed from the declaration; NULL: a value without a plugin yet */
    schema             *check;
    hearth_value       *value; /* NULL: the default */
    uint64_t            clock;
    uint64_t            n;
    char                device[27];
    char                plugin[104];
    size_t              key_n;
    char                key[];
} setting;

typedef struct declaration {
    list          node;
    hearth_value *schema;
} declaration;

struct settings {
    folder     *folder;
    append_log *log;
    bus        *bus;
    table       by_key;
    list        all;
    list        declarations;
    uint64_t    clock, next_n;
};

/* -- records ------------------------------------------------------------------------------------------------------- */

static setting *make(settings *s, hearth_str key)
{
    setting *one = table_find(&s->by_key, key);
    if (one)
        return one;
    one = calloc(1, sizeof *one + key.n + 1);
    if (!one)
        return NULL;
    memcpy(one->key, key.p, key.n);
    one->key_n = key.n;
    if (table_put(&s->by_key, (hearth_str){ one->key, one->key_n }, one) < 0) {
        free(one);
        return NULL;
    }
    list *at = s->all.next;
    while (at != &s->all && strcmp(LIST_ENTRY(at, setting, node)->key, one->key) < 0)
        at = at->next;
    list_add(at, &one->node); /* before `at` */
    return one;
}

/* Later than what the setting holds, by clock, device, number? */
static bool is_later(const setting *one, uint64_t clock, hearth_str device, uint64_t n)
{
    if (clock != one->clock)
        return clock > one->clock;
    int order = hearth_str_compare(device, hearth_cstr(one->device));
    return order ? order > 0 : n > one->n;
}

static void apply(settings *s, const hearth_value *op)
{
    hearth_str key = hearth_get_str(op, "k"), device = hearth_get_str(op, "d");
    uint64_t   clock = 0, n = hearth_get_u64(op, "n", 0);
    if (!hearth_str_is(hearth_get_str(op, "o"), "set") || key.n == 0 || key.n > 128 || device.n != 26 ||
        !hearth_hlc_read(hearth_get_str(op, "h"), &clock))
        return;
    s->clock = hearth_hlc_seen(s->clock, clock);
    if (hearth_str_is(device, folder_device(s->folder)) && n >= s->next_n)
        s->next_n = n + 1;
    setting *one = make(s, key);
    if (!one || !is_later(one, clock, device, n))
        return;
    one->clock = clock;
    one->n = n;
    hearth_str_copy(one->device, sizeof one->device, device);
    hearth_value_unref(one->value);
    const hearth_value *v = hearth_get(op, "v");
    one->value = v && hearth_kind_of(v) != HEARTH_NULL ? hearth_value_ref(v) : NULL;
}

/* Applies the whole lines; returns how many bytes they have. */
static size_t apply_lines(settings *s, hearth_str text)
{
    size_t at = 0;
    for (const char *end; at < text.n && (end = memchr(text.p + at, '\n', text.n - at));) {
        size_t        n = (size_t)(end - text.p) - at;
        hearth_value *op = n ? hearth_parse(NULL, (hearth_str){ text.p + at, n }, NULL) : NULL;
        if (op) /* a torn line is skipped, wherever it is */
            apply(s, op);
        hearth_value_unref(op);
        at += n + 1;
    }
    return at;
}

/* The files only grow, so that they are read in pieces and never as a whole. */
static hearth_code read_file(void *arg, const hearth_dir_entry *entry)
{
    settings *s = arg;
    if (entry->is_dir || entry->name.n < 6 || memcmp(entry->name.p + entry->name.n - 6, ".jsonl", 6) != 0)
        return HEARTH_OK;
    hearth_buf name, text;
    hearth_buf_init(&name, 512);
    hearth_buf_init(&text, PIECE_BYTES);
    hearth_buf_printf(&name, "log/settings/%.*s", HEARTH_FMT(entry->name));
    uint64_t from = 0, size = 0;
    while (file_read_at(folder_root(s->folder), hearth_buf_str(&name), from, &text, &size, NULL) >= 0 && text.n) {
        size_t n = apply_lines(s, hearth_buf_str(&text));
        if (n == 0 && from + text.n >= size)
            break; /* a torn line at the end */
        from += n ? n : text.n;
        hearth_buf_reset(&text);
    }
    hearth_buf_deinit(&name);
    hearth_buf_deinit(&text);
    return HEARTH_OK;
}

settings *settings_open(folder *f, append_log *log, bus *b, hearth_err *err)
{
    settings *s = calloc(1, sizeof *s);
    if (!s) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "settings", "no memory");
        return NULL;
    }
    s->folder = f;
    s->log = log;
    s->bus = b;
    s->next_n = 1;
    list_init(&s->all);
    list_init(&s->declarations);
    hearth_code code = file_list(folder_root(f), HEARTH_STR("log/settings"), read_file, s, err);
    if (code < 0 && code != HEARTH_NOT_FOUND) {
        settings_close(s);
        return NULL;
    }
    if (err)
        *err = (hearth_err){ 0 };
    return s;
}

void settings_close(settings *s)
{
    if (!s)
        return;
    LIST_EACH_SAFE(&s->all, node, next) {
        setting *one = LIST_ENTRY(node, setting, node);
        hearth_value_unref(one->value);
        schema_free(one->check);
        free(one);
    }
    LIST_EACH_SAFE(&s->declarations, node, after) {
        declaration *d = LIST_ENTRY(node, declaration, node);
        hearth_value_unref(d->schema);
        free(d);
    }
    table_deinit(&s->by_key);
    free(s);
}

hearth_code settings_declare(settings *s, hearth_str plugin, const hearth_value *whole, hearth_err *err)
{
    const hearth_value *properties = hearth_get(whole, "properties");
    declaration        *d = properties ? calloc(1, sizeof *d) : NULL;
    if (!d)
        return properties ? HEARTH_NO_MEMORY : HEARTH_OK;
    d->schema = hearth_value_ref(whole);
    list_add(&s->declarations, &d->node);
    for (size_t i = 0; i < hearth_count(properties); i++) {
        hearth_str key = hearth_key_at(properties, i);
        setting   *one = make(s, key);
        if (!one)
            return HEARTH_NO_MEMORY;
        if (one->spec && !hearth_str_equal(hearth_cstr(one->plugin), plugin))
            return hearth_err_set(err, HEARTH_CONFLICT, "settings", "%.*s declares the setting %.*s, which %s has already",
                                  HEARTH_FMT(plugin), HEARTH_FMT(key), one->plugin);
        one->spec = hearth_at(properties, i);
        hearth_str_copy(one->plugin, sizeof one->plugin, plugin);
        schema_free(one->check);
        one->check = schema_compile(one->spec, err);
        if (!one->check)
            return err && err->code < 0 ? err->code : HEARTH_INVALID_ARGUMENT;
        if (one->value && schema_check(one->check, one->value, NULL, NULL) < 0) {
            hearth_value_unref(one->value); /* what an older or other Hearth wrote does not fit any more */
            one->value = NULL;
        }
    }
    return HEARTH_OK;
}

/* -- reading ---------------------------------------------------------------------------------------------------------- */

static hearth_value *value_of(const setting *one)
{
    if (one->value)
        return hearth_value_ref(one->value);
    const hearth_value *otherwise = hearth_get(one->spec, "default");
    return otherwise ? hearth_value_ref(otherwise) : hearth_null(NULL);
}

hearth_value *settings_get(const settings *s, hearth_str key)
{
    const setting *one = table_find(&s->by_key, key);
    return one && one->spec ? value_of(one) : NULL;
}

static hearth_value *describe(const setting *one)
{
    hearth_value *v = hearth_object(NULL);
    hearth_put_cstr(v, "key", one->key);
    hearth_put(v, "value", value_of(one));
    const hearth_value *otherwise = hearth_get(one->spec, "default");
    if (otherwise)
        hearth_put_ref(v, "default", otherwise);
    else
        hearth_put_null(v, "default");
    hearth_put_ref(v, "schema", one->spec);
    hearth_str title = hearth_get_str(one->spec, "title");
    hearth_put_str(v, "title", title.n ? title : hearth_cstr(one->key));
    hearth_put_cstr(v, "plugin", one->plugin);
    return v;
}

void settings_each(const settings *s, hearth_str prefix, void (*each)(void *arg, hearth_value *one), void *arg)
{
    for (const list *node = s->all.next; node != &s->all; node = node->next) {
        const setting *one = LIST_ENTRY(node, const setting, node);
        if (one->spec && one->key_n >= prefix.n && (prefix.n == 0 || memcmp(one->key, prefix.p, prefix.n) == 0))
            each(arg, describe(one));
    }
}

hearth_value *settings_snapshot(const settings *s, hearth_str prefix)
{
    hearth_value *v = hearth_object(NULL);
    for (const list *node = s->all.next; node != &s->all; node = node->next) {
        const setting *one = LIST_ENTRY(node, const setting, node);
        if (one->spec && one->key_n >= prefix.n && memcmp(one->key, prefix.p, prefix.n) == 0)
            hearth_put(v, one->key, value_of(one));
    }
    return v;
}

/* -- writing ------------------------------------------------------------------------------------------------------------- */

typedef struct change {
    settings     *s;
    hearth_value *op;
    void (*done)(void *arg, hearth_code code, const hearth_err *err);
    void *arg;
} change;

static void on_written(void *arg, hearth_code code, hearth_str file, uint64_t offset, const hearth_err *err)
{
    change   *c = arg;
    settings *s = c->s;
    (void)file;
    (void)offset;
    if (code >= 0) {
        apply(s, c->op);
        hearth_str     key = hearth_get_str(c->op, "k");
        const setting *one = table_find(&s->by_key, key);
        hearth_value  *told = hearth_object(NULL);
        hearth_put_str(told, "key", key);
        hearth_put(told, "value", one ? value_of(one) : hearth_null(NULL));
        bus_emit(s->bus, HEARTH_STR("settings.changed"), told);
    }
    c->done(c->arg, code, err);
    hearth_value_unref(c->op);
    free(c);
}

static hearth_value *make_op(settings *s, hearth_str key, const hearth_value *value)
{
    char clock[17];
    s->clock = hearth_hlc_next(s->clock, loop_wall_ms());
    hearth_hlc_write(clock, s->clock);
    hearth_value *op = hearth_object(NULL);
    hearth_put_cstr(op, "h", clock);
    hearth_put_cstr(op, "d", folder_device(s->folder));
    hearth_put_u64(op, "n", s->next_n++);
    hearth_put_cstr(op, "o", "set");
    hearth_put_str(op, "k", key);
    if (value)
        hearth_put_ref(op, "v", value);
    else
        hearth_put_null(op, "v");
    return op;
}

void settings_set(settings *s, hearth_str key, const hearth_value *value, void (*done)(void *arg, hearth_code code, const hearth_err *err), void *arg)
{
    hearth_err     err = { 0 };
    const setting *one = table_find(&s->by_key, key);
    if (!one || !one->spec)
        hearth_err_set(&err, HEARTH_NOT_FOUND, "settings", "there is no setting %.*s; settings.list names them", HEARTH_FMT(key));
    else if (value && hearth_kind_of(value) != HEARTH_NULL)
        schema_check(one->check, value, &err, NULL);
    if (err.code < 0) {
        done(arg, err.code, &err);
        return;
    }
    hearth_buf line, name;
    hearth_buf_init(&line, LINE_MAX_BYTES);
    hearth_buf_init(&name, 128);
    change *c = calloc(1, sizeof *c);
    hearth_value *op = make_op(s, key, value);
    hearth_json_put_value(&line, op);
    hearth_buf_putc(&line, '\n');
    hearth_buf_printf(&name, "log/settings/%s.jsonl", folder_device(s->folder));
    if (!c || line.failed) {
        hearth_err_set(&err, line.failed ? HEARTH_TOO_LARGE : HEARTH_NO_MEMORY, "settings", "the value of %.*s is too large", HEARTH_FMT(key));
        done(arg, err.code, &err);
        hearth_value_unref(op);
        free(c);
    } else {
        *c = (change){ s, op, done, arg };
        append_log_add(s->log, hearth_buf_str(&name), hearth_buf_str(&line), on_written, c);
    }
    hearth_buf_deinit(&line);
    hearth_buf_deinit(&name);
}
