/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel/manifest.h"

#include <inttypes.h>

#include "kit/limits.h"
#include "plugin_schema.h"

schema *manifest_form(hearth_err *err)
{
    hearth_value *v = hearth_parse(NULL, hearth_cstr(plugin_schema), err);
    schema       *form = v ? schema_compile(v, err) : NULL;
    hearth_value_unref(v);
    return form;
}

/* "^1" and "^1.0": the major it was made for. */
static uint64_t major_of(hearth_str range)
{
    uint64_t major = 0;
    for (size_t i = 1; i < range.n && range.p[i] >= '0' && range.p[i] <= '9' && major < 1000; i++)
        major = major * 10 + (uint64_t)(range.p[i] - '0');
    return major;
}

static hearth_code check(const schema *form, hearth_str folder, const hearth_value *v, hearth_err *err)
{
    hearth_err inner = { 0 };
    hearth_str id = hearth_get_str(v, "id");
    if (schema_check(form, v, &inner, NULL) < 0)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "manifest", "plugin.json: %s", inner.msg);
    if (folder.n && !hearth_str_equal(id, folder))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "manifest", "plugin.json says id \"%.*s\", but its folder is named %.*s",
                              HEARTH_FMT(id), HEARTH_FMT(folder));
    uint64_t major = major_of(hearth_get_str(v, "hearth"));
    if (major != HEARTH_ABI_MAJOR)
        return hearth_err_set(err, HEARTH_INCOMPATIBLE, "manifest", "%.*s was made for version %" PRIu64 " of Hearth's interface; this is %u",
                              HEARTH_FMT(id), major, HEARTH_ABI_MAJOR);
    return HEARTH_OK;
}

hearth_value *manifest_read(const schema *form, hearth_str folder, hearth_str text, hearth_err *err)
{
    if (text.n > LIMIT_MANIFEST_BYTES) {
        hearth_err_set(err, HEARTH_TOO_LARGE, "manifest", "plugin.json has %zu bytes; %u are allowed", text.n, (unsigned)LIMIT_MANIFEST_BYTES);
        return NULL;
    }
    hearth_err    inner = { 0 };
    hearth_value *v = hearth_parse(NULL, text, &inner);
    if (!v) {
        hearth_err_set(err, inner.code, "manifest", "plugin.json: %s", inner.msg);
        return NULL;
    }
    if (check(form, folder, v, err) < 0) {
        hearth_value_unref(v);
        return NULL;
    }
    return v;
}

bool manifest_is_in_daemon(const hearth_value *manifest)
{
    return hearth_str_is(hearth_get_str(hearth_get(manifest, "runtime"), "placement"), "daemon");
}
