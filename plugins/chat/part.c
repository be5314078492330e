/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "chat.h"

struct save {
    chat      *c;
    save      *next, *prev;
    char       job[CHAT_JOB_BYTES];
    hearth_buf bytes; /* empty: remove the file */
};

static hearth_str name_of(const char *job, char out[48])
{
    int n = snprintf(out, 48, "jobs/%s.part", job);
    return (hearth_str){ out, n > 0 ? (size_t)n : 0 };
}

static void save_free(save *s)
{
    if (s->next)
        s->next->prev = s->prev;
    *(s->prev ? &s->prev->next : &s->c->saves) = s->next;
    hearth_buf_deinit(&s->bytes);
    hearth_free(s->c->ctx, s);
}

void part_dispose(chat *c)
{
    while (c->saves)
        save_free(c->saves);
}

/* worker */
static void run(void *arg)
{
    save      *s = arg;
    hearth_err err = { 0 };
    char       name[48];
    if (s->bytes.n == 0)
        hearth_file_remove(s->c->ctx, HEARTH_DIR_LOCAL, name_of(s->job, name), NULL);
    else if (hearth_file_write(s->c->ctx, HEARTH_DIR_LOCAL, name_of(s->job, name), hearth_buf_str(&s->bytes), &err) < 0)
        hearth_log(s->c->ctx, HEARTH_LOG_WARN, "the answer so far cannot be saved, a crash would lose it: %s", err.msg);
}

static void done(void *arg, void *self)
{
    (void)self;
    save_free(arg);
}

static save *save_new(chat *c, const char *job)
{
    save *s = hearth_new(c->ctx, save);
    if (!s)
        return NULL;
    *s = (save){ .c = c, .next = c->saves };
    hearth_buf_init(&s->bytes, CHAT_PART_BYTES);
    hearth_str_copy(s->job, sizeof s->job, hearth_cstr(job));
    if (s->next)
        s->next->prev = s;
    c->saves = s;
    return s;
}

bool part_save(chat *c, const char *job, hearth_str text, hearth_str reasoning)
{
    for (const save *s = c->saves; s; s = s->next)
        if (strcmp(s->job, job) == 0)
            return false;
    save *s = save_new(c, job);
    if (!s)
        return false;
    hearth_buf_puts(&s->bytes, "{\"text\":");
    hearth_json_put_string(&s->bytes, text);
    hearth_buf_puts(&s->bytes, ",\"reasoning\":");
    hearth_json_put_string(&s->bytes, reasoning);
    if (hearth_buf_puts(&s->bytes, "}\n") < 0) {
        save_free(s);
        return false;
    }
    hearth_work(c->ctx, run, done, s, c);
    return true;
}

void part_remove(chat *c, const char *job)
{
    save *s = save_new(c, job);
    if (s)
        hearth_work(c->ctx, run, done, s, c);
}

static void add_part(hearth_ctx *ctx, hearth_value *to, const char *type, hearth_str text)
{
    if (text.n == 0)
        return;
    hearth_value *part = hearth_object(ctx);
    hearth_put_cstr(part, "type", type);
    hearth_put_str(part, "text", text);
    hearth_add(to, part);
}

hearth_value *part_list(hearth_ctx *ctx, hearth_str text, hearth_str reasoning)
{
    hearth_value *parts = hearth_array(ctx);
    add_part(ctx, parts, "reasoning", reasoning);
    add_part(ctx, parts, "text", text);
    return parts;
}

hearth_value *part_read(hearth_ctx *ctx, const char *job)
{
    char       name[48];
    hearth_buf bytes;
    hearth_buf_init(&bytes, CHAT_PART_BYTES);
    hearth_value *doc = NULL;
    if (hearth_file_read(ctx, HEARTH_DIR_LOCAL, name_of(job, name), &bytes, NULL) >= 0)
        doc = hearth_parse(ctx, hearth_buf_str(&bytes), NULL);
    hearth_value *parts = part_list(ctx, hearth_get_str(doc, "text"), hearth_get_str(doc, "reasoning"));
    hearth_value_unref(doc);
    hearth_buf_deinit(&bytes);
    return parts;
}
