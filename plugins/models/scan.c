/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "scan.h"

#include "disk.h"
#include "name.h"

#include <stdlib.h>

enum { PATH_MAX_BYTES = 4096, SIDECAR_MAX_BYTES = 64 << 10, MAX_DIR_FILES = 4096, ECHO_CONTEXT = 4096 };

typedef struct scan {
    hearth_ctx    *ctx;
    const catalog *previous;
    catalog       *made;
    hearth_err    *err;
} scan;

/* -- one model -------------------------------------------------------------------------------------------------------- */

static hearth_str keep(catalog *c, hearth_str text)
{
    hearth_buf out;
    hearth_buf_init(&out, PATH_MAX_BYTES * 4);
    hearth_str kept = { NULL, 0 };
    if (hearth_utf8_repair(&out, text) >= 0)
        kept = hearth_arena_dup(&c->arena, hearth_buf_str(&out));
    hearth_buf_deinit(&out);
    return kept;
}

static void set_problem(catalog *c, model *m, hearth_code code, const char *text)
{
    m->code = code;
    m->problem = keep(c, hearth_cstr(text));
}

/* Reads one part's header and adds it to the model's. */
static hearth_code read_part(model *m, const name_parts *name, size_t i, disk_file *f, hearth_err *err)
{
    gguf_source source = disk_source(f);
    gguf_info   info;
    HEARTH_TRY(gguf_read(&source, &info, err));
    if (name->of > 1 && (info.split_count != name->of || info.split_no != i))
        return hearth_err_set(err, HEARTH_DAMAGED, "models", "its header says part %u of %u, its name says otherwise",
                              (unsigned)info.split_no + 1, (unsigned)info.split_count);
    if (i == 0) {
        m->info = info;
        return HEARTH_OK;
    }
    m->info.parameters += info.parameters;
    m->info.tensor_bytes += info.tensor_bytes;
    return HEARTH_OK;
}

/* The reason with the file's name, not its folder: whoever may use a model may read this. */
static void set_part_problem(catalog *c, model *m, size_t i, hearth_code code, const hearth_err *err)
{
    const char *path = m->files[i].p, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *at = strstr(err->msg, path);
    char        text[2 * sizeof err->msg];
    if (at)
        snprintf(text, sizeof text, "%.*s%s", (int)(at - err->msg), err->msg, at + (name - path));
    else
        snprintf(text, sizeof text, "%.300s: %s", name, err->msg);
    set_problem(c, m, code, text);
}

/* Size and stamp of all parts together; false with a problem set when one cannot be opened. */
static bool stamp_parts(scan *s, model *m)
{
    for (size_t i = 0; i < m->file_count; i++) {
        hearth_err  err = { 0 };
        disk_file   f;
        hearth_code code = disk_open(&f, m->files[i].p, &err);
        if (code < 0) {
            set_part_problem(s->made, m, i, code, &err);
            return false;
        }
        const uint64_t both[] = { m->stamp, f.stamp };
        m->stamp = hearth_hash(both, sizeof both);
        m->size_bytes += f.bytes;
        disk_close(&f);
    }
    return true;
}

/* The headers of all parts, unless the files are as they were. */
static void read_parts(scan *s, model *m, const name_parts *name)
{
    const model *before = catalog_find_file(s->previous, m->files[0]);
    if (!stamp_parts(s, m))
        return;
    if (before && before->stamp == m->stamp) {
        m->info = before->info;
        if (before->code < 0)
            set_problem(s->made, m, before->code, before->problem.p);
        return;
    }
    for (size_t i = 0; i < m->file_count && m->code >= 0 && name->is_gguf; i++) {
        hearth_err  err = { 0 };
        disk_file   f = { .fd = -1 };
        hearth_code code = disk_open(&f, m->files[i].p, &err);
        if (code >= 0)
            code = read_part(m, name, i, &f, &err);
        disk_close(&f);
        if (code < 0)
            set_part_problem(s->made, m, i, code, &err);
    }
}

static bool set_files(catalog *c, model *m, const name_parts *name, hearth_str path)
{
    size_t     n = name->of > 1 ? name->of : 1;
    hearth_buf other;
    hearth_buf_init(&other, PATH_MAX_BYTES);
    m->files = hearth_arena_new(&c->arena, n * sizeof *m->files);
    for (size_t i = 0; m->files && i < n; i++) {
        if (n > 1)
            name_of_part(name, (uint32_t)i + 1, &other);
        m->files[i] = hearth_arena_dup(&c->arena, n > 1 ? hearth_buf_str(&other) : path);
        if (!m->files[i].p)
            m->files = NULL;
    }
    m->file_count = m->files ? n : 0;
    hearth_buf_deinit(&other);
    return m->files != NULL;
}

/* Adds the model whose first file is `path`. Answers NULL when it is none (a projector that belongs to another). */
static model *add_model(scan *s, hearth_str id, hearth_str path, model_source source)
{
    name_parts name = name_split(path);
    model     *m = catalog_add(s->made, id);
    if (!m) {
        hearth_err_set(s->err, HEARTH_TOO_LARGE, "models", "there are more than %d models, or no memory for them",
                       CATALOG_MAX_MODELS);
        return NULL;
    }
    m->source = source;
    m->engine = name.is_echo ? "engine-echo" : "engine-llama";
    m->title = keep(s->made, name.stem);
    if (!set_files(s->made, m, &name, path)) {
        hearth_err_set(s->err, HEARTH_NO_MEMORY, "models", "no memory for the catalogue");
        return NULL;
    }
    if (name.part > 1) {
        char text[160];
        snprintf(text, sizeof text, "this is part %u of %u, and part 1 is not beside it", (unsigned)name.part,
                 (unsigned)name.of);
        set_problem(s->made, m, HEARTH_NOT_FOUND, text);
        return m;
    }
    read_parts(s, m, &name);
    if (strcmp(m->info.architecture, "clip") == 0) {
        catalog_drop(s->made);
        return NULL;
    }
    if (name.is_echo) {
        hearth_str_copy(m->info.architecture, sizeof m->info.architecture, HEARTH_STR("echo"));
        m->info.context_length = ECHO_CONTEXT;
        m->info.has_chat_template = true;
    }
    if (m->info.name[0])
        m->title = keep(s->made, hearth_cstr(m->info.name));
    return m;
}

/* What model.json beside the files adds: title, description, recommended. Only a hint, so a bad one is passed over. */
static void apply_sidecar(scan *s, model *m, hearth_str text)
{
    hearth_value *v = hearth_parse(s->ctx, text, NULL);
    hearth_str    title = hearth_get_str(v, "title"), description = hearth_get_str(v, "description");
    if (title.n > 0 && title.n <= 200)
        m->title = keep(s->made, title);
    if (description.n > 0 && description.n <= 2000)
        m->description = keep(s->made, description);
    if (hearth_kind_of(hearth_get(v, "recommended")) == HEARTH_OBJECT)
        m->recommended = hearth_value_ref(hearth_get(v, "recommended"));
    hearth_value_unref(v);
}

/* -- the data folder ---------------------------------------------------------------------------------------------------- */

typedef struct listing {
    hearth_arena arena;
    hearth_str   files[MAX_DIR_FILES], dirs[MAX_DIR_FILES];
    size_t       file_count, dir_count;
    bool         has_sidecar;
} listing;

static hearth_code on_entry(void *arg, const hearth_dir_entry *e)
{
    listing   *l = arg;
    name_parts name = name_split(e->name);
    if (e->name.n == 0 || e->name.p[0] == '.')
        return HEARTH_OK;
    if (e->is_dir && l->dir_count < MAX_DIR_FILES)
        l->dirs[l->dir_count++] = hearth_arena_dup(&l->arena, e->name);
    else if (!e->is_dir && (name.is_gguf || name.is_echo) && l->file_count < MAX_DIR_FILES)
        l->files[l->file_count++] = hearth_arena_dup(&l->arena, e->name);
    l->has_sidecar |= hearth_str_is(e->name, "model.json");
    return l->arena.used > l->arena.cap / 2 ? HEARTH_TOO_LARGE : HEARTH_OK;
}

static int by_name(const void *a, const void *b)
{
    return hearth_str_compare(*(const hearth_str *)a, *(const hearth_str *)b);
}

/* Drops the parts whose first part is there; it speaks for them. */
static void drop_parts(listing *l)
{
    size_t     kept = 0;
    hearth_buf first;
    hearth_buf_init(&first, PATH_MAX_BYTES);
    for (size_t i = 0; i < l->file_count; i++) {
        name_parts name = name_split(l->files[i]);
        bool       is_spoken_for = false;
        if (name.part > 1 && name_of_part(&name, 1, &first) >= 0)
            for (size_t k = 0; k < kept; k++)
                is_spoken_for |= hearth_str_equal(l->files[k], hearth_buf_str(&first));
        if (!is_spoken_for)
            l->files[kept++] = l->files[i];
    }
    l->file_count = kept;
    hearth_buf_deinit(&first);
}

/* The models of one folder. `id` is the folder's own, empty for models/ itself. */
static void add_folder_models(scan *s, const listing *l, hearth_str relative, hearth_str id)
{
    hearth_buf name, path, sidecar;
    hearth_buf_init(&name, PATH_MAX_BYTES);
    hearth_buf_init(&path, PATH_MAX_BYTES);
    hearth_buf_init(&sidecar, SIDECAR_MAX_BYTES);
    if (l->has_sidecar && l->file_count == 1) {
        hearth_buf_printf(&name, "%.*s/model.json", HEARTH_FMT(relative));
        if (hearth_file_read(s->ctx, HEARTH_DIR_DATA, hearth_buf_str(&name), &sidecar, NULL) < 0)
            hearth_buf_reset(&sidecar);
    }
    for (size_t i = 0; i < l->file_count; i++) {
        hearth_err problem = { 0 };
        hearth_buf_reset(&name);
        hearth_buf_reset(&path);
        hearth_buf_printf(&name, "%.*s/%.*s", HEARTH_FMT(relative), HEARTH_FMT(l->files[i]));
        if (name.failed || hearth_path(s->ctx, HEARTH_DIR_DATA, hearth_buf_str(&name), &path, &problem) < 0)
            continue;
        hearth_str stem = name_split(l->files[i]).stem;
        hearth_buf_reset(&name);
        if (id.n > 0 && l->file_count == 1)
            hearth_buf_put(&name, id);
        else
            hearth_buf_printf(&name, "%.*s%s%.*s", HEARTH_FMT(id), id.n ? "/" : "", HEARTH_FMT(stem));
        model *m = add_model(s, hearth_buf_str(&name), hearth_buf_str(&path), MODEL_FOLDER);
        if (m && sidecar.n > 0)
            apply_sidecar(s, m, hearth_buf_str(&sidecar));
    }
    hearth_buf_deinit(&sidecar);
    hearth_buf_deinit(&path);
    hearth_buf_deinit(&name);
}

/* models/ (depth 0), models/<publisher> or <name> (1), models/<publisher>/<name> (2). */
static hearth_code scan_folder(scan *s, hearth_str relative, hearth_str id, int depth)
{
    listing *l = hearth_new(s->ctx, listing);
    if (!l)
        return hearth_err_set(s->err, HEARTH_NO_MEMORY, "models", "no memory to list the models folder");
    hearth_arena_init(&l->arena, 2 << 20);
    hearth_code code = hearth_dir_list(s->ctx, HEARTH_DIR_DATA, relative, on_entry, l, depth == 0 ? s->err : NULL);
    if (code >= 0) {
        qsort(l->files, l->file_count, sizeof *l->files, by_name);
        qsort(l->dirs, l->dir_count, sizeof *l->dirs, by_name);
        drop_parts(l);
        add_folder_models(s, l, relative, id);
    }
    for (size_t i = 0; code >= 0 && depth < 2 && i < l->dir_count && s->err->code >= 0; i++) {
        hearth_buf below, below_id;
        hearth_buf_init(&below, PATH_MAX_BYTES);
        hearth_buf_init(&below_id, PATH_MAX_BYTES);
        hearth_buf_printf(&below, "%.*s/%.*s", HEARTH_FMT(relative), HEARTH_FMT(l->dirs[i]));
        hearth_buf_printf(&below_id, "%.*s%s%.*s", HEARTH_FMT(id), id.n ? "/" : "", HEARTH_FMT(l->dirs[i]));
        if (!below.failed && !below_id.failed)
            scan_folder(s, hearth_buf_str(&below), hearth_buf_str(&below_id), depth + 1);
        hearth_buf_deinit(&below_id);
        hearth_buf_deinit(&below);
    }
    hearth_arena_deinit(&l->arena);
    hearth_free(s->ctx, l);
    return depth == 0 ? code : HEARTH_OK;
}

/* -- the starter and the paths -------------------------------------------------------------------------------------------- */

/* Kindling lies in this plugin's package, or beside the packages: in the build folder and once installed. */
static void add_starter(scan *s)
{
    static const char *const places[] = { "kindling/kindling.gguf", "../../models/kindling/kindling.gguf" };
    hearth_buf               package, path, sidecar;
    hearth_buf_init(&package, PATH_MAX_BYTES);
    hearth_buf_init(&path, PATH_MAX_BYTES);
    hearth_buf_init(&sidecar, SIDECAR_MAX_BYTES);
    model *m = NULL;
    if (hearth_path(s->ctx, HEARTH_DIR_PACKAGE, HEARTH_STR("x"), &package, NULL) >= 0 && package.n > 1)
        package.n -= 1; /* the folder, with its slash */
    for (size_t i = 0; !m && package.n > 1 && i < HEARTH_COUNT(places); i++) {
        hearth_buf named = { 0 };
        disk_file  f;
        hearth_buf_init(&named, PATH_MAX_BYTES);
        hearth_buf_put(&named, hearth_buf_str(&package));
        hearth_buf_puts(&named, places[i]);
        hearth_buf_reset(&path);
        if (!named.failed && disk_real(named.p, &path, NULL) >= 0 && disk_open(&f, path.p, NULL) >= 0) {
            disk_close(&f);
            m = add_model(s, HEARTH_STR("kindling"), hearth_buf_str(&path), MODEL_BUILTIN);
        }
        hearth_buf_deinit(&named);
    }
    if (m) {
        m->is_starter = true;
        path.n -= strlen("kindling.gguf");
        hearth_buf_puts(&path, "model.json");
        if (!path.failed && disk_read(path.p, &sidecar, NULL) >= 0)
            apply_sidecar(s, m, hearth_buf_str(&sidecar));
    } else {
        hearth_log(s->ctx, HEARTH_LOG_WARN, "the starter model is not where it belongs: %.*s%s",
                   HEARTH_FMT(hearth_buf_str(&package)), places[0]);
    }
    hearth_buf_deinit(&sidecar);
    hearth_buf_deinit(&path);
    hearth_buf_deinit(&package);
}

static void add_paths(scan *s, const hearth_value *paths)
{
    for (size_t i = 0; i < hearth_count(paths) && s->err->code >= 0; i++) {
        hearth_str path = hearth_get_str(hearth_at(paths, i), "path");
        hearth_str id = hearth_get_str(hearth_at(paths, i), "id");
        if (path.n > 0 && id.n > 0 && !catalog_find_file(s->made, path))
            add_model(s, id, path, MODEL_PATH);
    }
}

catalog *scan_all(hearth_ctx *ctx, const catalog *previous, const hearth_value *paths, hearth_err *err)
{
    scan s = { .ctx = ctx, .previous = previous, .made = catalog_new(), .err = err };
    if (!s.made) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "models", "no memory for the catalogue");
        return NULL;
    }
    add_starter(&s);
    scan_folder(&s, HEARTH_STR("models"), (hearth_str){ NULL, 0 }, 0);
    add_paths(&s, paths);
    if (err->code >= 0)
        return s.made;
    catalog_free(s.made);
    return NULL;
}

hearth_code scan_check(hearth_str path, hearth_buf *real, hearth_buf *id, hearth_err *err)
{
    char       text[PATH_MAX_BYTES];
    hearth_buf first;
    if (path.n == 0 || path.p[0] != '/' || path.n >= sizeof text || memchr(path.p, 0, path.n))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "models.add",
                              "\"%.*s\" is no full path of a model file; write it from the first / on",
                              (int)(path.n < 200 ? path.n : 200), path.p ? path.p : "");
    hearth_str_copy(text, sizeof text, path);
    HEARTH_TRY(disk_real(text, real, err));
    name_parts name = name_split(hearth_buf_str(real));
    if (!name.is_gguf && !name.is_echo)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "models.add",
                              "%s is no model file; its name has to end in .gguf", real->p);
    hearth_buf_put(id, name.stem);
    if (name.part > 1) {
        hearth_buf_init(&first, PATH_MAX_BYTES);
        name_of_part(&name, 1, &first);
        hearth_buf_reset(real);
        hearth_buf_put(real, hearth_buf_str(&first));
        hearth_buf_deinit(&first);
    }
    disk_file  f;
    gguf_info  info;
    hearth_err why = { 0 };
    HEARTH_TRY(disk_open(&f, real->p, err));
    gguf_source source = disk_source(&f);
    hearth_code code = name.is_gguf ? gguf_read(&source, &info, &why) : HEARTH_OK;
    disk_close(&f);
    return code < 0 ? hearth_err_set(err, code, "models.add", "%s: %s", real->p, why.msg) : HEARTH_OK;
}
