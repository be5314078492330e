/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Messages: every role and part that OpenAI has is known; what a text model cannot take is refused by name. */
#include "openai_request.h"

typedef enum role { SYSTEM = 1, USER, ASSISTANT, TOOL } role;

static hearth_code read_role(const hearth_value *m, size_t i, role *out, openai_problem *p)
{
    static const struct {
        const char *name;
        role        as;
    } roles[] = {
        { "system", SYSTEM }, { "developer", SYSTEM }, { "user", USER }, { "assistant", ASSISTANT }, { "tool", TOOL }
    };
    hearth_str name = hearth_get_str(m, "role");
    char       where[96];
    for (size_t k = 0; k < HEARTH_COUNT(roles); k++)
        if (hearth_str_is(name, roles[k].name)) {
            *out = roles[k].as;
            return HEARTH_OK;
        }
    snprintf(where, sizeof where, "messages[%zu].role", i);
    return openai_refuse(p, where, "%s must be \"system\", \"developer\", \"user\", \"assistant\" or \"tool\"%s", where,
                         hearth_str_is(name, "function") ? " (function is deprecated: use tool)" : "");
}

static hearth_code refuse_part(const hearth_value *part, size_t i, size_t k, openai_problem *p)
{
    hearth_str type = hearth_get_str(part, "type");
    char       where[96];
    snprintf(where, sizeof where, "messages[%zu].content[%zu].type", i, k);
    if (hearth_str_is(type, "image_url") || hearth_str_is(type, "input_audio") || hearth_str_is(type, "file"))
        return openai_refuse(p, where, "%s is %.*s; this model takes text only", where, HEARTH_FMT(type));
    return openai_refuse(p, where, "%s must be \"text\"", where);
}

/* Text parts put together, a line each; what llama.cpp's server gives to templates that know no parts. */
static hearth_code join_parts(const hearth_value *parts, size_t i, hearth_buf *out, openai_problem *p)
{
    char where[96];
    for (size_t k = 0; k < hearth_count(parts); k++) {
        const hearth_value *part = hearth_at(parts, k);
        bool                is_refusal = hearth_str_is(hearth_get_str(part, "type"), "refusal");
        const char         *member = is_refusal ? "refusal" : "text";
        const hearth_value *text = hearth_get(part, member);
        if (!is_refusal && !hearth_str_is(hearth_get_str(part, "type"), "text"))
            return refuse_part(part, i, k, p);
        if (hearth_kind_of(text) != HEARTH_STRING) {
            snprintf(where, sizeof where, "messages[%zu].content[%zu].%s", i, k, member);
            return openai_refuse(p, where, "%s must be a string, not %s", where, openai_kind_words(text));
        }
        if (k > 0)
            hearth_buf_putc(out, '\n');
        hearth_buf_put(out, hearth_as_str(text));
    }
    return HEARTH_OK;
}

static hearth_code read_content(const hearth_value *m, size_t i, role as, hearth_value *to, openai_problem *p)
{
    const hearth_value *content = openai_given(m, "content");
    char                where[96];
    snprintf(where, sizeof where, "messages[%zu].content", i);
    if (hearth_kind_of(content) == HEARTH_STRING) {
        hearth_put_ref(to, "content", content);
        return HEARTH_OK;
    }
    if (!content && as == ASSISTANT) { /* with tool_calls, or after a turn that said nothing */
        hearth_put_null(to, "content");
        return HEARTH_OK;
    }
    if (!content)
        return openai_refuse(p, where, "%s is missing", where);
    if (hearth_kind_of(content) != HEARTH_ARRAY)
        return openai_refuse(p, where, "%s must be a string or an array of parts, not %s", where,
                             openai_kind_words(content));
    if (hearth_count(content) == 0)
        return openai_refuse(p, where, "%s must not be empty", where);
    hearth_buf text;
    hearth_buf_init(&text, 64 << 20);
    hearth_code code = join_parts(content, i, &text, p);
    if (code >= 0 && text.failed)
        code = openai_refuse(p, where, "%s is too long", where);
    if (code >= 0)
        hearth_put_str(to, "content", hearth_buf_str(&text));
    hearth_buf_deinit(&text);
    return code;
}

static hearth_code read_tool_calls(const hearth_value *m, size_t i, hearth_value *to, openai_problem *p)
{
    const hearth_value *calls = openai_given(m, "tool_calls");
    char                where[96];
    if (!calls)
        return HEARTH_OK;
    snprintf(where, sizeof where, "messages[%zu].tool_calls", i);
    if (hearth_kind_of(calls) != HEARTH_ARRAY)
        return openai_refuse(p, where, "%s must be an array, not %s", where, openai_kind_words(calls));
    for (size_t k = 0; k < hearth_count(calls); k++) {
        const hearth_value *function = hearth_get(hearth_at(calls, k), "function");
        snprintf(where, sizeof where, "messages[%zu].tool_calls[%zu]", i, k);
        if (hearth_kind_of(hearth_get(hearth_at(calls, k), "id")) != HEARTH_STRING ||
            hearth_kind_of(hearth_get(function, "name")) != HEARTH_STRING ||
            hearth_kind_of(hearth_get(function, "arguments")) != HEARTH_STRING)
            return openai_refuse(
                p, where,
                "%s must be {id, type: \"function\", function: {name, arguments}}, with arguments as a string", where);
    }
    hearth_put_ref(to, "tool_calls", calls);
    return HEARTH_OK;
}

static hearth_code pass_string(const hearth_value *m, size_t i, const char *key, bool is_needed, hearth_value *to,
                               openai_problem *p)
{
    const hearth_value *v = openai_given(m, key);
    char                where[96];
    snprintf(where, sizeof where, "messages[%zu].%s", i, key);
    if (!v && is_needed)
        return openai_refuse(p, where, "%s is missing", where);
    if (v && hearth_kind_of(v) != HEARTH_STRING)
        return openai_refuse(p, where, "%s must be a string, not %s", where, openai_kind_words(v));
    if (v)
        hearth_put_ref(to, key, v);
    return HEARTH_OK;
}

static hearth_code read_message(const hearth_value *m, size_t i, hearth_value *to, openai_problem *p)
{
    static const char *const names[] = { "", "system", "user", "assistant", "tool" };
    role                     as = USER;
    char                     where[96];
    if (hearth_kind_of(m) != HEARTH_OBJECT) {
        snprintf(where, sizeof where, "messages[%zu]", i);
        return openai_refuse(p, where, "%s must be an object, not %s", where, openai_kind_words(m));
    }
    HEARTH_TRY(read_role(m, i, &as, p));
    hearth_put_cstr(to, "role", names[as]);
    HEARTH_TRY(read_content(m, i, as, to, p));
    HEARTH_TRY(pass_string(m, i, "name", false, to, p));
    if (as == ASSISTANT) {
        HEARTH_TRY(read_tool_calls(m, i, to, p));
        HEARTH_TRY(pass_string(m, i, "reasoning_content", false, to, p));
    }
    return as == TOOL ? pass_string(m, i, "tool_call_id", true, to, p) : HEARTH_OK;
}

hearth_code openai_messages_read(hearth_ctx *ctx, const hearth_value *body, hearth_value *params,
                                 openai_problem *problem)
{
    const hearth_value *messages = openai_given(body, "messages");
    if (!messages)
        return openai_refuse(problem, "messages", "messages is missing");
    if (hearth_kind_of(messages) != HEARTH_ARRAY)
        return openai_refuse(problem, "messages", "messages must be an array, not %s", openai_kind_words(messages));
    if (hearth_count(messages) == 0 || hearth_count(messages) > OPENAI_MAX_MESSAGES)
        return openai_refuse(problem, "messages", "messages must hold 1 to %d messages, not %zu", OPENAI_MAX_MESSAGES,
                             hearth_count(messages));
    hearth_value *list = hearth_array(ctx);
    for (size_t i = 0; i < hearth_count(messages); i++) {
        hearth_value *to = hearth_object(ctx);
        hearth_code   code = read_message(hearth_at(messages, i), i, to, problem);
        hearth_add(list, to);
        if (code < 0) {
            hearth_value_unref(list);
            return code;
        }
    }
    hearth_put(params, "messages", list);
    return HEARTH_OK;
}
