/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "message.h"

#include <stdlib.h>

static void put_or_null(hearth_value *to, const merge_entity *m, const char *field)
{
    const hearth_value *v = merge_get(m, field);
    if (v)
        hearth_put_ref(to, field, v);
    else
        hearth_put_null(to, field);
}

static void put_text(hearth_value *to, const merge_entity *m, const char *field, const char *otherwise)
{
    hearth_str text = hearth_as_str(merge_get(m, field));
    hearth_put_str(to, field, text.n ? text : hearth_cstr(otherwise));
}

hearth_value *message_value(hearth_ctx *ctx, hearth_str thread, hearth_str id, const merge_entity *m)
{
    const merge_field *added = merge_find(m, MERGE_ADDED);
    hearth_value      *v = hearth_object(ctx);
    hearth_put_str(v, "id", id);
    hearth_put_str(v, "thread", thread);
    put_or_null(v, m, "parent");
    put_text(v, m, "role", "user");
    const hearth_value *parts = merge_get(m, "parts");
    if (hearth_kind_of(parts) == HEARTH_ARRAY)
        hearth_put_ref(v, "parts", parts);
    else
        hearth_put(v, "parts", hearth_array(ctx));
    put_or_null(v, m, "model");
    put_text(v, m, "state", "complete");
    static const char *const rest[] = { "job", "error", "usage", "timings", "finish_reason" };
    for (size_t i = 0; i < HEARTH_COUNT(rest); i++)
        put_or_null(v, m, rest[i]);
    hearth_put_u64(v, "created_ms", hearth_as_u64(merge_get(m, "created_ms"), added ? added->at.h >> 16 : 0));
    hearth_put_str(v, "device", added ? added->at.d : HEARTH_STR(""));
    return v;
}

bool message_is_visible(const merge_entity *m)
{
    return merge_find(m, MERGE_ADDED) && !hearth_as_bool(merge_get(m, MERGE_DELETED), false);
}

void message_put_text(hearth_buf *out, const hearth_value *parts)
{
    for (size_t i = 0; i < hearth_count(parts); i++) {
        const hearth_value *part = hearth_at(parts, i);
        if (!hearth_str_is(hearth_get_str(part, "type"), "text"))
            continue;
        if (out->n > 0)
            hearth_buf_puts(out, "\n\n");
        hearth_buf_put(out, hearth_get_str(part, "text"));
    }
}

static bool is_blank(char c) { return (unsigned char)c <= ' ' || c == 0x7f; }

/* Copies words with one blank between them, up to `words` of them and `bytes` bytes; says whether all went in. */
static bool put_words(hearth_buf *out, hearth_str text, size_t words, size_t bytes)
{
    size_t at = 0, start = out->n;
    for (;;) {
        while (at < text.n && is_blank(text.p[at]))
            at++;
        if (at == text.n)
            return true;
        size_t end = at;
        while (end < text.n && !is_blank(text.p[end]))
            end++;
        size_t used = out->n - start + (out->n > start);
        if (words-- == 0 || used >= bytes)
            return false;
        hearth_str word = { text.p + at, end - at };
        bool       is_cut = word.n > bytes - used;
        if (is_cut) {
            if (used > 0 && bytes - used < bytes / 4)
                return false; /* rather no word than a stub of one */
            word.n = bytes - used;
            word.n = hearth_utf8_whole(word);
        }
        if (out->n > start)
            hearth_buf_putc(out, ' ');
        hearth_buf_put(out, word);
        if (is_cut)
            return false;
        at = end;
    }
}

void message_put_title(hearth_buf *out, hearth_str text)
{
    while (text.n > 0 && (is_blank(text.p[0]) || strchr("#>*-", text.p[0]))) {
        text.p++; /* marks of a heading, a quote, a list */
        text.n--;
    }
    if (!put_words(out, text, MESSAGE_TITLE_WORDS, MESSAGE_TITLE_BYTES))
        hearth_buf_puts(out, "…");
}

void message_put_preview(hearth_buf *out, hearth_str text)
{
    put_words(out, text, MESSAGE_PREVIEW_BYTES, MESSAGE_PREVIEW_BYTES);
}

static hearth_code check_parts(const hearth_value *parts, hearth_err *err)
{
    if (hearth_kind_of(parts) != HEARTH_ARRAY)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "threads.message",
                              "`parts` is not a list; give [{\"type\":\"text\",\"text\":…}]");
    if (hearth_count(parts) > MESSAGE_MAX_PARTS)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "threads.message", "a message has at most %u parts, not %zu",
                              MESSAGE_MAX_PARTS, hearth_count(parts));
    size_t bytes = 0;
    for (size_t i = 0; i < hearth_count(parts); i++) {
        const hearth_value *part = hearth_at(parts, i);
        hearth_str          type = hearth_get_str(part, "type");
        bool                is_text = hearth_str_is(type, "text") || hearth_str_is(type, "reasoning");
        if (!is_text || hearth_kind_of(hearth_get(part, "text")) != HEARTH_STRING)
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "threads.message",
                                  "part %zu needs a \"type\" of text or reasoning and a \"text\"", i + 1);
        bytes += hearth_get_str(part, "text").n;
    }
    if (bytes > MESSAGE_MAX_BYTES)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "threads.message",
                              "a message has at most %u bytes of text, not %zu; attach long texts as documents",
                              MESSAGE_MAX_BYTES, bytes);
    return HEARTH_OK;
}

hearth_code message_take_parts(hearth_ctx *ctx, const hearth_value *params, hearth_value **out, hearth_err *err)
{
    const hearth_value *text = hearth_get(params, "text"), *parts = hearth_get(params, "parts");
    *out = NULL;
    if (text && parts)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "threads.message",
                              "both `text` and `parts` are given; give one of them");
    if (parts) {
        HEARTH_TRY(check_parts(parts, err));
        *out = hearth_value_ref(parts);
        return HEARTH_OK;
    }
    if (!text)
        return HEARTH_OK;
    hearth_value *all = hearth_array(ctx), *one = hearth_object(ctx);
    hearth_put_cstr(one, "type", "text");
    hearth_put_str(one, "text", hearth_as_str(text));
    hearth_add(all, one);
    hearth_code code = check_parts(all, err);
    if (code < 0) {
        hearth_value_unref(all);
        return code;
    }
    *out = all;
    return HEARTH_OK;
}
