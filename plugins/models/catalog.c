/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "catalog.h"

#include <stdlib.h>

enum { ARENA_CAP = 64 << 20 };

catalog *catalog_new(void)
{
    catalog *c = calloc(1, sizeof *c);
    if (c)
        hearth_arena_init(&c->arena, ARENA_CAP);
    return c;
}

void catalog_free(catalog *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        hearth_value_unref(c->models[i].recommended);
    hearth_arena_deinit(&c->arena);
    free(c->models);
    free(c);
}

/* `id`, or "id-2", "id-3" … : whichever is not there yet. */
static hearth_str unique_id(catalog *c, hearth_str id)
{
    hearth_buf text;
    hearth_str out = { NULL, 0 };
    hearth_buf_init(&text, 4 * CATALOG_MAX_ID);
    if (id.n > CATALOG_MAX_ID)
        id.n = hearth_utf8_whole((hearth_str){ id.p, CATALOG_MAX_ID });
    for (unsigned k = 1; !text.failed; k++) {
        hearth_buf_reset(&text);
        hearth_utf8_repair(&text, id);
        if (k > 1)
            hearth_buf_printf(&text, "-%u", k);
        if (!catalog_find(c, hearth_buf_str(&text)))
            break;
    }
    if (!text.failed)
        out = hearth_arena_dup(&c->arena, hearth_buf_str(&text));
    hearth_buf_deinit(&text);
    return out;
}

model *catalog_add(catalog *c, hearth_str id)
{
    if (c->count == CATALOG_MAX_MODELS)
        return NULL;
    if ((c->count & (c->count - 1)) == 0) { /* at 0, 1, 2, 4, 8 … */
        model *more = realloc(c->models, (c->count ? 2 * c->count : 1) * sizeof *more);
        if (!more)
            return NULL;
        c->models = more;
    }
    hearth_str own = unique_id(c, id);
    if (!own.p)
        return NULL;
    model *m = &c->models[c->count++];
    *m = (model){ .id = own };
    return m;
}

void catalog_drop(catalog *c) { hearth_value_unref(c->models[--c->count].recommended); }

const model *catalog_find(const catalog *c, hearth_str id)
{
    for (size_t i = 0; c && i < c->count; i++)
        if (hearth_str_equal(c->models[i].id, id))
            return &c->models[i];
    return NULL;
}

const model *catalog_find_file(const catalog *c, hearth_str path)
{
    for (size_t i = 0; c && i < c->count; i++)
        if (c->models[i].file_count > 0 && hearth_str_equal(c->models[i].files[0], path))
            return &c->models[i];
    return NULL;
}

size_t catalog_missing(const catalog *a, const catalog *b)
{
    size_t n = 0;
    for (size_t i = 0; a && i < a->count; i++)
        n += catalog_find(b, a->models[i].id) == NULL;
    return n;
}

bool catalog_differs(const catalog *a, const catalog *b)
{
    if (!a || !b || a->count != b->count)
        return true;
    for (size_t i = 0; i < a->count; i++) {
        const model *other = catalog_find(b, a->models[i].id);
        if (!other || other->stamp != a->models[i].stamp || other->code != a->models[i].code)
            return true;
    }
    return false;
}

/* -- as a value ---------------------------------------------------------------------------------------------------- */

static void put_text(hearth_value *v, const char *key, hearth_str text)
{
    if (text.n > 0)
        hearth_put_str(v, key, text);
    else
        hearth_put_null(v, key);
}

static void put_some(hearth_value *v, const char *key, uint64_t x)
{
    if (x > 0)
        hearth_put_u64(v, key, x);
    else
        hearth_put_null(v, key);
}

static hearth_value *problem_value(hearth_ctx *ctx, const model *m)
{
    hearth_value *v = hearth_object(ctx);
    hearth_put_cstr(v, "name", hearth_code_name(m->code));
    hearth_put_str(v, "message", m->problem);
    return v;
}

/* What inference says of it, else what the scan found. */
static void put_state(hearth_ctx *ctx, hearth_value *v, const model *m, const hearth_value *live)
{
    static const char *const keys[] = { "state", "progress", "memory_bytes", "error" };
    for (size_t i = 0; live && i < HEARTH_COUNT(keys); i++) {
        const hearth_value *x = hearth_get(live, keys[i]);
        if (x)
            hearth_put_ref(v, keys[i], x);
        else
            hearth_put_null(v, keys[i]);
    }
    if (live)
        return;
    hearth_put_cstr(v, "state", m->code < 0 ? "failed" : "unloaded");
    hearth_put_null(v, "progress");
    hearth_put_null(v, "memory_bytes");
    if (m->code < 0)
        hearth_put(v, "error", problem_value(ctx, m));
    else
        hearth_put_null(v, "error");
}

hearth_value *catalog_value(hearth_ctx *ctx, const model *m, const hearth_value *live, bool with_paths)
{
    static const char *const sources[] = { "", "builtin", "folder", "path" };
    hearth_value            *v = hearth_object(ctx);
    hearth_put_str(v, "id", m->id);
    hearth_put_str(v, "title", m->title);
    hearth_put_cstr(v, "source", sources[m->source]);
    put_text(v, "path", with_paths && m->file_count > 0 ? m->files[0] : (hearth_str){ NULL, 0 });
    hearth_put_u64(v, "size_bytes", m->size_bytes);
    hearth_put_cstr(v, "architecture", m->info.architecture);
    put_some(v, "parameters", m->info.parameters);
    put_text(v, "quantization", hearth_cstr(m->info.quantization));
    hearth_put_u64(v, "context_train", m->info.context_length);
    hearth_put_bool(v, "has_chat_template", m->info.has_chat_template);
    hearth_put_bool(v, "is_starter", m->is_starter);
    hearth_put_cstr(v, "engine", m->engine);
    put_state(ctx, v, m, live);
    put_text(v, "description", m->description);
    if (m->code < 0)
        hearth_put(v, "problem", problem_value(ctx, m));
    if (m->recommended)
        hearth_put_ref(v, "recommended", m->recommended);
    if (with_paths) {
        hearth_value *files = hearth_array(ctx);
        for (size_t i = 0; i < m->file_count; i++)
            hearth_add_str(files, m->files[i]);
        hearth_put(v, "files", files);
    }
    return v;
}
