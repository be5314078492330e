/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tools, the choice among them, and the form of the answer. */
#include "openai_request.h"

static bool is_tool_name(hearth_str s)
{
    bool ok = s.n > 0 && s.n <= 64;
    for (size_t i = 0; ok && i < s.n; i++) {
        char c = s.p[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
             c == '.';
    }
    return ok;
}

static hearth_code check_tool(const hearth_value *tool, size_t i, openai_problem *p)
{
    const hearth_value *function = hearth_get(tool, "function"), *parameters = openai_given(function, "parameters");
    const hearth_value *description = openai_given(function, "description");
    char                where[96];
    snprintf(where, sizeof where, "tools[%zu].type", i);
    if (!hearth_str_is(hearth_get_str(tool, "type"), "function"))
        return openai_refuse(p, where, "%s must be \"function\"", where);
    snprintf(where, sizeof where, "tools[%zu].function.name", i);
    if (!is_tool_name(hearth_get_str(function, "name")))
        return openai_refuse(p, where, "%s must be 1 to 64 letters, digits, _, - or .", where);
    snprintf(where, sizeof where, "tools[%zu].function.parameters", i);
    if (parameters && hearth_kind_of(parameters) != HEARTH_OBJECT)
        return openai_refuse(p, where, "%s must be a JSON Schema, an object, not %s", where,
                             openai_kind_words(parameters));
    snprintf(where, sizeof where, "tools[%zu].function.description", i);
    if (description && hearth_kind_of(description) != HEARTH_STRING)
        return openai_refuse(p, where, "%s must be a string, not %s", where, openai_kind_words(description));
    return HEARTH_OK;
}

static bool has_tool(const hearth_value *tools, hearth_str name)
{
    for (size_t i = 0; i < hearth_count(tools); i++)
        if (hearth_str_equal(hearth_get_str(hearth_get(hearth_at(tools, i), "function"), "name"), name))
            return true;
    return false;
}

static hearth_code check_choice(const hearth_value *choice, const hearth_value *tools, openai_problem *p)
{
    hearth_str word = hearth_as_str(choice);
    if (hearth_str_is(word, "none") || hearth_str_is(word, "auto"))
        return HEARTH_OK;
    if (hearth_str_is(word, "required"))
        return hearth_count(tools) > 0 ? HEARTH_OK
                                       : openai_refuse(p, "tool_choice", "tool_choice \"required\" needs tools");
    if (!hearth_str_is(hearth_get_str(choice, "type"), "function"))
        return openai_refuse(
            p, "tool_choice",
            "tool_choice must be \"none\", \"auto\", \"required\" or {type: \"function\", function: {name}}");
    hearth_str name = hearth_get_str(hearth_get(choice, "function"), "name");
    if (!has_tool(tools, name))
        return openai_refuse(p, "tool_choice", "tool_choice names a function that is not among tools");
    return HEARTH_OK;
}

hearth_code openai_tools_read(const hearth_value *body, hearth_value *params, openai_problem *problem)
{
    const hearth_value *tools = openai_given(body, "tools"), *choice = openai_given(body, "tool_choice");
    if (tools && hearth_kind_of(tools) != HEARTH_ARRAY)
        return openai_refuse(problem, "tools", "tools must be an array, not %s", openai_kind_words(tools));
    if (hearth_count(tools) > OPENAI_MAX_TOOLS)
        return openai_refuse(problem, "tools", "tools may hold at most %d, not %zu", OPENAI_MAX_TOOLS,
                             hearth_count(tools));
    for (size_t i = 0; i < hearth_count(tools); i++)
        HEARTH_TRY(check_tool(hearth_at(tools, i), i, problem));
    if (choice)
        HEARTH_TRY(check_choice(choice, tools, problem));
    if (hearth_count(tools) > 0)
        hearth_put_ref(params, "tools", tools);
    if (choice && hearth_count(tools) > 0)
        hearth_put_ref(params, "tool_choice", choice);
    return HEARTH_OK;
}

static hearth_code check_format(const hearth_value *format, openai_problem *p)
{
    hearth_str          type = hearth_get_str(format, "type");
    const hearth_value *named = hearth_get(format, "json_schema");
    if (hearth_kind_of(format) != HEARTH_OBJECT)
        return openai_refuse(p, "response_format", "response_format must be an object, not %s",
                             openai_kind_words(format));
    if (hearth_str_is(type, "text") || hearth_str_is(type, "json_object"))
        return HEARTH_OK;
    if (!hearth_str_is(type, "json_schema"))
        return openai_refuse(p, "response_format.type",
                             "response_format.type must be \"text\", \"json_object\" or \"json_schema\"");
    if (hearth_kind_of(hearth_get(named, "schema")) != HEARTH_OBJECT)
        return openai_refuse(p, "response_format.json_schema",
                             "response_format.json_schema must be {name, schema}, with a JSON Schema");
    return HEARTH_OK;
}

hearth_code openai_format_read(const hearth_value *body, hearth_value *params, openai_problem *problem)
{
    const hearth_value *format = openai_given(body, "response_format"), *schema = openai_given(body, "json_schema");
    if (format) {
        HEARTH_TRY(check_format(format, problem));
        if (openai_given(body, "grammar") && !hearth_str_is(hearth_get_str(format, "type"), "text"))
            return openai_refuse(problem, "grammar", "give response_format or grammar, not both");
        hearth_put_ref(params, "response_format", format);
    } else if (schema) { /* llama.cpp's short form */
        if (openai_given(body, "grammar"))
            return openai_refuse(problem, "grammar", "give json_schema or grammar, not both");
        hearth_value *made = hearth_object(NULL), *named = hearth_object(NULL);
        hearth_put_ref(named, "schema", schema);
        hearth_put_cstr(made, "type", "json_schema");
        hearth_put(made, "json_schema", named);
        hearth_put(params, "response_format", made);
    }
    return HEARTH_OK;
}
