/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "params.h"

static const hearth_value *given(const hearth_value *in, const char *key)
{
    const hearth_value *v = hearth_get(in, key);
    return hearth_kind_of(v) == HEARTH_NULL ? NULL : v;
}

static void pass(hearth_value *out, const hearth_value *in, const char *key)
{
    const hearth_value *v = given(in, key);
    if (v)
        hearth_put_ref(out, key, v);
}

static void put_stop(hearth_ctx *ctx, hearth_value *out, const hearth_value *in)
{
    const hearth_value *stop = given(in, "stop");
    if (hearth_kind_of(stop) != HEARTH_STRING) {
        pass(out, in, "stop");
        return;
    }
    hearth_value *list = hearth_array(ctx);
    hearth_add_ref(list, stop);
    hearth_put(out, "stop", list);
}

/* {type: text | json_object | json_schema {schema}} */
static hearth_code put_format(hearth_ctx *ctx, hearth_value *out, const hearth_value *in, hearth_err *err)
{
    const hearth_value *format = given(in, "response_format");
    hearth_str          type = hearth_get_str(format, "type");
    if (!format || hearth_str_is(type, "text"))
        return HEARTH_OK;
    if (given(in, "grammar"))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "inference", "give response_format or grammar, not both");
    if (hearth_str_is(type, "json_object")) {
        const hearth_value *schema = given(format, "schema"); /* as llama.cpp's server takes it */
        hearth_value       *any = schema ? NULL : hearth_object(ctx);
        if (any)
            hearth_put_cstr(any, "type", "object");
        if (schema)
            hearth_put_ref(out, "json_schema", schema);
        else
            hearth_put(out, "json_schema", any);
        return HEARTH_OK;
    }
    const hearth_value *schema = given(hearth_get(format, "json_schema"), "schema");
    if (!hearth_str_is(type, "json_schema") || hearth_kind_of(schema) != HEARTH_OBJECT)
        return hearth_err_set(
            err, HEARTH_INVALID_ARGUMENT, "inference",
            "response_format must be {type: text}, {type: json_object} or {type: json_schema, json_schema: {schema}}");
    hearth_put_ref(out, "json_schema", schema);
    return HEARTH_OK;
}

hearth_value *params_for_submit(hearth_ctx *ctx, const hearth_value *in, uint64_t lane, hearth_err *err,
                                const char **param)
{
    static const char *const same[] = {
        "messages",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "typical_p",
        "repeat_penalty",
        "repeat_last_n",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "max_tokens",
        "logit_bias",
        "n_probs",
        "tools",
        "tool_choice",
        "grammar",
        "cache_hint",
        "ignore_eos",
        "template_arguments",
    };
    hearth_value       *out = hearth_object(ctx);
    const hearth_value *prompt = given(in, "prompt");
    for (size_t i = 0; i < HEARTH_COUNT(same); i++)
        pass(out, in, same[i]);
    if (prompt)
        hearth_put_ref(out, hearth_kind_of(prompt) == HEARTH_ARRAY ? "tokens" : "prompt", prompt);
    put_stop(ctx, out, in);
    const hearth_value *own_lane = given(in, "lane");
    hearth_put_u64(out, "lane", own_lane ? hearth_as_u64(own_lane, lane) : lane);
    if (put_format(ctx, out, in, err) < 0) {
        *param = "response_format";
        hearth_value_unref(out);
        return NULL;
    }
    return out;
}

void params_advise(hearth_value *params, const hearth_value *advice)
{
    static const char *const sampling[] = { "temperature", "top_p", "top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n",
                                            "presence_penalty", "frequency_penalty" };
    for (size_t i = 0; i < HEARTH_COUNT(sampling); i++) {
        const hearth_value *v = given(advice, sampling[i]);
        if (v && !hearth_get(params, sampling[i]))
            hearth_put_ref(params, sampling[i], v);
    }
}

hearth_value *params_for_open(hearth_ctx *ctx, const hearth_value *files, const hearth_value *settings,
                              const hearth_value *general)
{
    hearth_value *out = hearth_object(ctx), *all = hearth_object(ctx);
    for (size_t i = 0; i < hearth_count(general); i++)
        hearth_values()->put_ref(all, hearth_key_at(general, i), hearth_at(general, i));
    for (size_t i = 0; i < hearth_count(settings); i++)
        hearth_values()->put_ref(all, hearth_key_at(settings, i), hearth_at(settings, i));
    hearth_put_ref(out, "files", files);
    hearth_put(out, "settings", all);
    return out;
}

bool params_same_settings(const hearth_value *a, const hearth_value *b)
{
    if (hearth_count(a) != hearth_count(b))
        return false;
    for (size_t i = 0; i < hearth_count(a); i++) {
        size_t n = 0, m = 0;
        char  *left = hearth_write(hearth_at(a, i), &n);
        char  *right = hearth_write(hearth_get_by(b, hearth_key_at(a, i)), &m);
        bool   is_same = left && right && n == m && memcmp(left, right, n) == 0;
        hearth_write_free(left);
        hearth_write_free(right);
        if (!is_same)
            return false;
    }
    return true;
}
