/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Chat in the terminal. With a prompt: one answer, stateless, so that a pipe leaves no thread behind (--save keeps it). At a
 * terminal without a prompt: a conversation in a thread, which the page shows as well. */
#define _GNU_SOURCE /* getline */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "kit/limits.h"

typedef struct run_options {
    const char *model, *system;
    bool        save, hides_reasoning;
    double      temperature, top_p, min_p;
    int64_t     max_tokens, seed, top_k;
    bool        has_temperature, has_top_p, has_min_p, has_max_tokens, has_seed, has_top_k;
    args_list   stops;
} run_options;

typedef struct run_state {
    cli               *c;
    const run_options *o;
    char              *thread; /* where the id of the turn's thread goes, or NULL */
    bool               has_text, ends_line, in_reasoning;
} run_state;

enum { THREAD_ID = 64 };

/* -- printing an answer as it comes ----------------------------------------------------------------------------- */

static void end_reasoning(run_state *s)
{
    if (s->in_reasoning)
        fputs("\n\n", stderr);
    s->in_reasoning = false;
}

static void on_event(void *arg, const hearth_event *e)
{
    run_state *s = arg;
    if (e->kind == HEARTH_PROGRESS) {
        term_progress(e->text, e->done, e->total);
        return;
    }
    if (e->kind == HEARTH_STARTED && s->thread) /* also a turn that fails or is stopped belongs to its thread */
        hearth_str_copy(s->thread, THREAD_ID, hearth_get_str(hearth_get(e->data, "thread"), "id"));
    if (s->c->json || e->text.n == 0)
        return;
    if (e->kind == HEARTH_REASONING && term_is_tty(stderr) && !s->o->hides_reasoning) {
        term_progress_clear();
        term_put(stderr, TERM_DIM, e->text);
        s->in_reasoning = true;
    } else if (e->kind == HEARTH_TEXT) {
        term_progress_clear();
        end_reasoning(s);
        term_put(stdout, TERM_PLAIN, e->text);
        s->has_text = true;
        s->ends_line = e->text.p[e->text.n - 1] == '\n';
        if (fflush(stdout) != 0)
            hearth_interrupt(s->c->h); /* the reader of our pipe is gone */
    }
}

static void end_answer(run_state *s)
{
    end_reasoning(s);
    if (s->has_text && !s->ends_line)
        fputc('\n', stdout);
    fflush(stdout);
}

/* -- calls ----------------------------------------------------------------------------------------------------------- */

static void put_sampling(hearth_value *to, const run_options *o)
{
    if (o->has_temperature)
        hearth_put_f64(to, "temperature", o->temperature);
    if (o->has_top_p)
        hearth_put_f64(to, "top_p", o->top_p);
    if (o->has_min_p)
        hearth_put_f64(to, "min_p", o->min_p);
    if (o->has_top_k)
        hearth_put_i64(to, "top_k", o->top_k);
    if (o->has_max_tokens)
        hearth_put_i64(to, "max_tokens", o->max_tokens);
    if (o->has_seed)
        hearth_put_i64(to, "seed", o->seed);
    if (!o->stops.n)
        return;
    hearth_value *stops = hearth_array(NULL);
    for (size_t i = 0; i < o->stops.n; i++)
        hearth_add_str(stops, hearth_cstr(o->stops.all[i]));
    hearth_put(to, "stop", stops);
}

static void add_message(hearth_value *list, const char *role, hearth_str text)
{
    hearth_value *m = hearth_object(NULL);
    hearth_put_cstr(m, "role", role);
    hearth_put_str(m, "content", text);
    hearth_add(list, m);
}

static hearth_value *ask_stateless(run_state *s, hearth_str text, hearth_err *err)
{
    hearth_value *params = hearth_object(NULL), *messages = hearth_array(NULL);
    hearth_put_cstr(params, "model", s->o->model);
    if (s->o->system)
        add_message(messages, "system", hearth_cstr(s->o->system));
    add_message(messages, "user", text);
    hearth_put(params, "messages", messages);
    put_sampling(params, s->o);
    return cli_request(s->c, "inference.chat", params, on_event, s, err);
}

static hearth_value *ask_in_thread(run_state *s, const char *thread, hearth_str text, hearth_err *err)
{
    hearth_value *params = hearth_object(NULL), *options = hearth_object(NULL);
    if (thread[0])
        hearth_put_cstr(params, "thread", thread);
    else
        hearth_put_null(params, "thread");
    hearth_put_str(params, "text", text);
    hearth_put_cstr(params, "model", s->o->model);
    put_sampling(options, s->o);
    if (hearth_count(options))
        hearth_put(params, "options", options);
    else
        hearth_value_unref(options);
    return cli_request(s->c, "chat.send", params, on_event, s, err);
}

/* What is wrong, and for a model that does not exist the one that was probably meant. */
static int fail(cli *c, const run_options *o, const hearth_err *err)
{
    const char   *names[257];
    size_t        n = 0;
    bool          is_there = false;
    hearth_arena  arena;
    hearth_err    better = { 0 }, unused = { 0 };
    hearth_value *all = err->code == HEARTH_NOT_FOUND ? cli_request(c, "models.list", NULL, NULL, NULL, &unused) : NULL;
    if (!all)
        return cli_fail(err);
    const hearth_value *models = hearth_get(all, "models");
    hearth_arena_init(&arena, LIMIT_MIB(1));
    for (size_t i = 0; i < hearth_count(models) && n + 1 < HEARTH_COUNT(names); i++) {
        names[n] = hearth_arena_dup(&arena, hearth_get_str(hearth_at(models, i), "id")).p;
        is_there |= names[n] && strcmp(names[n], o->model) == 0;
        n += names[n] != NULL;
    }
    names[n] = NULL;
    const char *near = cli_suggest(o->model, names);
    if (near)
        hearth_err_set(&better, HEARTH_NOT_FOUND, "run", "there is no model %.200s; did you mean %.200s?", o->model,
                       near);
    else
        hearth_err_set(&better, HEARTH_NOT_FOUND, "run",
                       "there is no model %.200s; `hearth models` lists those there are", o->model);
    hearth_arena_deinit(&arena);
    hearth_value_unref(all);
    return cli_fail(is_there ? err : &better);
}

static int ask_once(cli *c, const run_options *o, hearth_str text)
{
    run_state     s = { .c = c, .o = o };
    hearth_err    err = { 0 };
    hearth_value *result = o->save ? ask_in_thread(&s, "", text, &err) : ask_stateless(&s, text, &err);
    end_answer(&s);
    if (!result && err.code == HEARTH_CANCELLED) {
        fputs("hearth: stopped\n", stderr);
        return CLI_FAILED;
    }
    if (!result)
        return fail(c, o, &err);
    if (c->json)
        return cli_print(result);
    bool is_cut = hearth_str_is(hearth_get_str(result, "finish_reason"), "length");
    hearth_value_unref(result);
    if (is_cut && term_is_tty(stderr))
        term_puts(stderr, TERM_DIM, "(cut at the token limit; --max-tokens raises it)\n");
    return CLI_OK;
}

/* -- a conversation ----------------------------------------------------------------------------------------------------- */

static void turn(cli *c, const run_options *o, char thread[THREAD_ID], hearth_str text)
{
    run_state     s = { .c = c, .o = o, .thread = thread };
    hearth_err    err = { 0 };
    hearth_value *result = ask_in_thread(&s, thread, text, &err);
    end_answer(&s);
    if (!result && err.code == HEARTH_CANCELLED)
        term_puts(stderr, TERM_DIM, "(stopped)\n");
    else if (!result)
        cli_fail(&err);
    hearth_value_unref(result);
}

/* A misspelt model shows before the first question, not in a thread that failed. */
static bool has_model(cli *c, const run_options *o)
{
    hearth_err    err = { 0 };
    hearth_value *params = hearth_object(NULL);
    hearth_put_cstr(params, "id", o->model);
    hearth_value *model = cli_request(c, "models.get", params, NULL, NULL, &err);
    hearth_value_unref(model);
    if (!model)
        fail(c, o, &err);
    return model != NULL;
}

typedef enum said { SAID_TEXT, SAID_COMMAND, SAID_END } said;

/* A lone /word is for us, never for the model; anything longer, a path for instance, is a question. */
static said take_command(const char *line, char thread[THREAD_ID])
{
    if (line[0] != '/' || line[strcspn(line + 1, "/ \t") + 1])
        return SAID_TEXT;
    if (strcmp(line, "/exit") == 0 || strcmp(line, "/quit") == 0 || strcmp(line, "/bye") == 0)
        return SAID_END;
    if (strcmp(line, "/new") == 0)
        thread[0] = 0;
    else if (strcmp(line, "/help") == 0)
        term_puts(stderr, TERM_DIM,
                  "/new    begins another thread\n/exit   ends, as Ctrl-D does\nCtrl-C  stops an answer\n");
    else
        fprintf(stderr, "hearth: there is no %.40s here; /help lists what there is\n", line);
    return SAID_COMMAND;
}

static int converse(cli *c, const run_options *o)
{
    char    thread[THREAD_ID] = "", *line = NULL;
    size_t  size = 0;
    ssize_t n;
    said    what;
    if (!has_model(c, o))
        return CLI_FAILED;
    term_puts(stderr, TERM_DIM, "Ctrl-C stops an answer, Ctrl-D ends. /new begins another thread, /help tells more.\n");
    for (;;) {
        term_puts(stderr, TERM_BOLD, "> ");
        fflush(stderr);
        n = getline(&line, &size, stdin);
        if (n < 0)
            break;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = 0;
        what = take_command(line, thread);
        if (what == SAID_END)
            break;
        if (what == SAID_TEXT && n > 0)
            turn(c, o, thread, (hearth_str){ line, (size_t)n });
    }
    free(line);
    fputc('\n', stderr);
    return CLI_OK;
}

/* -- the command ----------------------------------------------------------------------------------------------------------- */

/* The words of the command line, or standard input for "-" and for a pipe without words. */
static hearth_code read_prompt(hearth_buf *out, int n, char **words, hearth_err *err)
{
    if (n == 0 || (n == 1 && strcmp(words[0], "-") == 0)) {
        HEARTH_TRY(show_read_all(out, err));
        while (out->n && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
            out->n--;
    } else {
        for (int i = 0; i < n; i++) {
            if (i)
                hearth_buf_putc(out, ' ');
            hearth_buf_puts(out, words[i]);
        }
    }
    if (out->n == 0)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "run", "the prompt is empty");
    if (!hearth_utf8_valid(hearth_buf_str(out)))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "run", "the prompt is not UTF-8 text");
    return HEARTH_OK;
}

static int run(cli *c, int argc, char **argv)
{
    run_options       o = { 0 };
    bool              is_stateless = false;
    const args_option options[] = {
        { "system", ARGS_TEXT, &o.system, NULL },
        { "save", ARGS_FLAG, &o.save, NULL },
        { "stateless", ARGS_FLAG, &is_stateless, NULL },
        { "hide-reasoning", ARGS_FLAG, &o.hides_reasoning, NULL },
        { "temperature", ARGS_NUMBER, &o.temperature, &o.has_temperature },
        { "top-p", ARGS_NUMBER, &o.top_p, &o.has_top_p },
        { "min-p", ARGS_NUMBER, &o.min_p, &o.has_min_p },
        { "top-k", ARGS_INT, &o.top_k, &o.has_top_k },
        { "max-tokens", ARGS_INT, &o.max_tokens, &o.has_max_tokens },
        { "seed", ARGS_INT, &o.seed, &o.has_seed },
        { "stop", ARGS_LIST, &o.stops, NULL },
        { NULL, ARGS_END, NULL, NULL },
    };
    hearth_err err = { 0 };
    int        operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0)
        return cli_usage("run", "%s", err.msg);
    if (operands < 1)
        return cli_usage("run", "run takes a model: hearth run kindling \"hello\"");
    if (is_stateless && o.save)
        return cli_usage("run", "--stateless and --save contradict each other");
    o.model = argv[1];
    bool talks = operands == 1 && term_is_tty(stdin) && !c->json && !is_stateless;
    if ((talks || o.save) && o.system)
        return cli_usage("run", "--system works with a single stateless answer");
    hearth_buf prompt;
    hearth_buf_init(&prompt, LIMIT_MIB(16));
    int status = CLI_FAILED;
    if (!talks && read_prompt(&prompt, operands - 1, argv + 2, &err) < 0)
        status = err.code == HEARTH_INVALID_ARGUMENT ? cli_usage("run", "%s", err.msg) : cli_fail(&err);
    else if (cli_connect(c, false))
        status = talks ? converse(c, &o) : ask_once(c, &o, hearth_buf_str(&prompt));
    hearth_buf_deinit(&prompt);
    return status;
}

const cli_command cli_run = {
    "run", "MODEL [PROMPT...|-]", "asks a model, or chats with it", run,
    "  PROMPT            the question; - or a pipe reads it from standard input; none at a terminal begins a "
    "conversation\n"
    "  --save            keeps question and answer as a thread (a conversation always is one)\n"
    "  --stateless       never a thread, also at a terminal\n"
    "  --system TEXT     instructions before the question\n"
    "  --temperature X   --top-p X   --min-p X   --top-k N   --seed N   --max-tokens N\n"
    "  --stop TEXT       ends the answer before this text (may come again)\n"
    "  --hide-reasoning  shows the answer only\n\n"
    "Ctrl-C stops the answer, twice the program. Loading and reasoning are shown on stderr.\n\n"
};
