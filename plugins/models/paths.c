/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "paths.h"

enum { FILE_MAX_BYTES = 4 << 20, MAX_PATHS = 2048 };

static const char file_name[] = "paths.json";

hearth_code paths_read(hearth_ctx *ctx, hearth_value **out, hearth_err *err)
{
    hearth_buf text;
    hearth_err why = { 0 };
    hearth_buf_init(&text, FILE_MAX_BYTES);
    *out = NULL;
    hearth_code code = hearth_file_read(ctx, HEARTH_DIR_LOCAL, hearth_cstr(file_name), &text, &why);
    if (code == HEARTH_NOT_FOUND)
        *out = hearth_object(ctx);
    else if (code >= 0)
        *out = hearth_parse(ctx, hearth_buf_str(&text), &why);
    hearth_buf_deinit(&text);
    if (hearth_kind_of(*out) == HEARTH_OBJECT)
        return HEARTH_OK;
    hearth_value_unref(*out);
    *out = NULL;
    return hearth_err_set(err, code < 0 ? code : HEARTH_DAMAGED, "models",
                          "local/paths.json cannot be read (%s); repair it, or move it away to begin anew",
                          why.msg[0] ? why.msg : "no object");
}

/* A copy of `paths` with another list of models, written to the disk. Takes `list`. */
static hearth_code replace(hearth_ctx *ctx, hearth_value **paths, hearth_value *list, hearth_err *err)
{
    hearth_value *made = hearth_object(ctx);
    size_t        n = 0;
    for (size_t i = 0; i < hearth_count(*paths); i++) {
        hearth_buf key;
        hearth_buf_init(&key, FILE_MAX_BYTES);
        hearth_buf_put(&key, hearth_key_at(*paths, i));
        if (!key.failed && key.p && strcmp(key.p, "models") != 0)
            hearth_put_ref(made, key.p, hearth_at(*paths, i));
        hearth_buf_deinit(&key);
    }
    hearth_put(made, "models", list);
    char       *text = hearth_write(made, &n);
    hearth_code code =
        text ? hearth_file_write(ctx, HEARTH_DIR_LOCAL, hearth_cstr(file_name), (hearth_str){ text, n }, err)
             : hearth_err_set(err, HEARTH_NO_MEMORY, "models", "no memory to write local/paths.json");
    hearth_write_free(text);
    if (code < 0) {
        hearth_value_unref(made);
        return code;
    }
    hearth_value_unref(*paths);
    *paths = made;
    return HEARTH_OK;
}

static bool has_id(const hearth_value *models, hearth_str id)
{
    for (size_t i = 0; i < hearth_count(models); i++)
        if (hearth_str_equal(hearth_get_str(hearth_at(models, i), "id"), id))
            return true;
    return false;
}

hearth_code paths_add(hearth_ctx *ctx, hearth_value **paths, hearth_str stem, hearth_str path, const catalog *taken,
                      char *id, size_t id_size, hearth_err *err)
{
    const hearth_value *models = hearth_get(*paths, "models");
    char                head[CATALOG_MAX_ID];
    if (hearth_count(models) >= MAX_PATHS)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "models.add", "%d models are used in place already", MAX_PATHS);
    hearth_str_copy(head, sizeof head, stem);
    snprintf(id, id_size, "%s", head);
    for (unsigned k = 2; has_id(models, hearth_cstr(id)) || catalog_find(taken, hearth_cstr(id)); k++)
        snprintf(id, id_size, "%s-%u", head, k);

    hearth_value *list = hearth_array(ctx), *one = hearth_object(ctx);
    for (size_t i = 0; i < hearth_count(models); i++)
        hearth_add_ref(list, hearth_at(models, i));
    hearth_put_cstr(one, "id", id);
    hearth_put_str(one, "path", path);
    hearth_add(list, one);
    return replace(ctx, paths, list, err);
}

hearth_code paths_remove(hearth_ctx *ctx, hearth_value **paths, hearth_str id, hearth_err *err)
{
    const hearth_value *models = hearth_get(*paths, "models");
    if (!has_id(models, id))
        return hearth_err_set(err, HEARTH_NOT_FOUND, "models.remove",
                              "there is no model %.*s; models.list names those there are", HEARTH_FMT(id));
    hearth_value *list = hearth_array(ctx);
    for (size_t i = 0; i < hearth_count(models); i++)
        if (!hearth_str_equal(hearth_get_str(hearth_at(models, i), "id"), id))
            hearth_add_ref(list, hearth_at(models, i));
    return replace(ctx, paths, list, err);
}
