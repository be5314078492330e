/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* realpath */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"

static void on_progress(void *arg, const hearth_event *e)
{
    (void)arg;
    if (e->kind == HEARTH_PROGRESS)
        term_progress(e->text, e->done, e->total);
}

/* Ids are never cut: the next command is given one of them. */
static void print_model(const hearth_value *m, size_t width)
{
    char                size[16];
    hearth_str          state = hearth_get_str(m, "state");
    const hearth_value *error = hearth_get(m, "error");
    bool                is_failed = hearth_str_is(state, "failed");
    term_bytes(size, hearth_get_u64(m, "size_bytes", 0));
    show_text(m, "id", TERM_BOLD, width);
    term_cell(stdout, is_failed ? TERM_RED : hearth_str_is(state, "loaded") ? TERM_GREEN : TERM_PLAIN, state, 8);
    term_cell(stdout, TERM_PLAIN, hearth_cstr(size), 10);
    show_text(m, "architecture", TERM_DIM, 10);
    if (hearth_kind_of(error) == HEARTH_OBJECT)
        term_put(stdout, TERM_RED, hearth_get_str(error, "message"));
    else
        term_put(stdout, TERM_DIM,
                 hearth_get_str(m, "path").p ? hearth_get_str(m, "path") : hearth_get_str(m, "source"));
    fputc('\n', stdout);
}

static int list_models(cli *c)
{
    hearth_value *result = cli_request(c, "models.list", NULL, NULL, NULL, NULL);
    if (!result || c->json)
        return cli_print(result);
    const hearth_value *models = hearth_get(result, "models");
    size_t              width = show_width(models, "id");
    for (size_t i = 0; i < hearth_count(models); i++)
        print_model(hearth_at(models, i), width);
    if (hearth_count(models) == 0)
        fputs("no models; hearth models add FILE.gguf uses one where it lies\n", stderr);
    hearth_value_unref(result);
    return CLI_OK;
}

static hearth_value *one(const char *key, const char *value)
{
    hearth_value *params = hearth_object(NULL);
    hearth_put_cstr(params, key, value);
    return params;
}

static int add_model(cli *c, const char *path)
{
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        hearth_err err = { 0 };
        hearth_err_set(&err, HEARTH_NOT_FOUND, "models", "there is no file %s", path);
        return cli_fail(&err);
    }
    hearth_value *model = cli_request(c, "models.add", one("path", real), on_progress, NULL, NULL);
    if (!model || c->json)
        return cli_print(model);
    print_model(model, term_width(hearth_get_str(model, "id")));
    hearth_value_unref(model);
    return CLI_OK;
}

/* A call whose result says no more than that it worked. */
static int do_quietly(cli *c, const char *name, hearth_value *params, const char *done, const char *id)
{
    hearth_value *result = cli_request(c, name, params, on_progress, NULL, NULL);
    if (!result || c->json)
        return cli_print(result);
    hearth_value_unref(result);
    printf("%s %s\n", id, done);
    return CLI_OK;
}

static int run(cli *c, int argc, char **argv)
{
    static const char *const words[] = { "list", "add", "remove", "load", "unload", "scan", NULL };
    const args_option        options[] = { { NULL, ARGS_END, NULL, NULL } };
    hearth_err               err = { 0 };
    int                      operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0)
        return cli_usage("models", "%s", err.msg);
    const char *what = operands ? argv[1] : "list", *id = operands > 1 ? argv[2] : NULL;
    bool        is_alone = strcmp(what, "list") == 0 || strcmp(what, "scan") == 0;
    size_t      k = 0;
    while (words[k] && strcmp(words[k], what) != 0)
        k++;
    const char *near = words[k] ? NULL : cli_suggest(what, words);
    if (near)
        return cli_usage("models", "models cannot \"%.40s\"; did you mean %s?", what, near);
    if (!words[k])
        return cli_usage("models", "models cannot \"%.40s\"", what);
    if (operands != (is_alone ? (operands ? 1 : 0) : 2))
        return cli_usage("models", is_alone ? "models %s takes nothing more" : "models %s takes one operand", what);
    if (!cli_connect(c, false))
        return CLI_FAILED;
    switch (k) {
    case 0:
        return list_models(c);
    case 1:
        return add_model(c, id);
    case 2:
        return do_quietly(c, "models.remove", one("id", id), "is forgotten; its file stays", id);
    case 3:
        return do_quietly(c, "inference.load", one("model", id), "is loaded", id);
    case 4:
        return do_quietly(c, "inference.unload", one("model", id), "is unloaded", id);
    default:
        return cli_print(cli_request(c, "models.scan", NULL, on_progress, NULL, NULL));
    }
}

const cli_command cli_models = { "models", "[list|add FILE|remove ID|…]", "lists models, adds and loads them", run,
                                 "  list        what there is and what is loaded\n"
                                 "  add FILE    uses a GGUF file where it lies\n"
                                 "  remove ID   forgets such a file; never deletes it\n"
                                 "  load ID     loads a model now    unload ID   frees its memory\n"
                                 "  scan        looks for files in the data folder\n\n" };
