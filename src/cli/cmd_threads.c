/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/show.h"

static void print_time(uint64_t ms)
{
    char      text[32] = "";
    time_t    at = (time_t)(ms / 1000);
    struct tm t;
    if (localtime_r(&at, &t))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &t);
    term_cell(stdout, TERM_DIM, hearth_cstr(text), 16);
}

static hearth_value *one(const char *key, const char *value)
{
    hearth_value *params = hearth_object(NULL);
    hearth_put_cstr(params, key, value);
    return params;
}

static void print_thread(const hearth_value *thread)
{
    show_text(thread, "id", TERM_PLAIN, 26);
    print_time(hearth_get_u64(thread, "updated_ms", 0));
    term_put(stdout, TERM_BOLD, hearth_get_str(thread, "title"));
    fputc('\n', stdout);
}

static int list_threads(cli *c, int64_t limit)
{
    hearth_value *params = hearth_object(NULL);
    hearth_put_i64(params, "limit", limit);
    hearth_value *result = cli_request(c, "threads.list", params, NULL, NULL, NULL);
    if (!result || c->json)
        return cli_print(result);
    const hearth_value *threads = hearth_get(result, "threads");
    for (size_t i = 0; i < hearth_count(threads); i++)
        print_thread(hearth_at(threads, i));
    if (hearth_count(threads) == 0)
        fputs("no threads yet\n", stderr);
    hearth_value_unref(result);
    return CLI_OK;
}

static const hearth_value *find_message(const hearth_value *messages, hearth_str id)
{
    for (size_t i = 0; id.n && i < hearth_count(messages); i++)
        if (hearth_str_equal(hearth_get_str(hearth_at(messages, i), "id"), id))
            return hearth_at(messages, i);
    return NULL;
}

/* From the first message to this one; `depth` bounds what a damaged chain of parents can do. */
static void print_branch(const hearth_value *messages, const hearth_value *m, size_t depth)
{
    if (!m || depth > hearth_count(messages) || depth > 4096)
        return;
    print_branch(messages, find_message(messages, hearth_get_str(m, "parent")), depth + 1);
    hearth_str state = hearth_get_str(m, "state");
    term_put(stdout, TERM_BOLD, hearth_get_str(m, "role"));
    if (hearth_get_str(m, "model").n) {
        fputs("  ", stdout);
        term_put(stdout, TERM_DIM, hearth_get_str(m, "model"));
    }
    if (state.n && !hearth_str_is(state, "complete")) {
        fputs("  ", stdout);
        term_put(stdout, TERM_YELLOW, state);
    }
    fputc('\n', stdout);
    show_parts(m);
    fputc('\n', stdout);
}

static int show_thread(cli *c, const char *id)
{
    hearth_value *result = cli_request(c, "threads.get", one("id", id), NULL, NULL, NULL);
    if (!result || c->json)
        return cli_print(result);
    const hearth_value *thread = hearth_get(result, "thread"), *messages = hearth_get(result, "messages");
    const hearth_value *head = find_message(messages, hearth_get_str(thread, "head"));
    if (!head && hearth_count(messages))
        head = hearth_at(messages, hearth_count(messages) - 1);
    term_put(stdout, TERM_BOLD, hearth_get_str(thread, "title"));
    fputs("\n\n", stdout);
    print_branch(messages, head, 0);
    hearth_value_unref(result);
    return CLI_OK;
}

static int search(cli *c, const char *query, int64_t limit)
{
    hearth_value *params = one("query", query);
    hearth_put_i64(params, "limit", limit);
    hearth_value *result = cli_request(c, "threads.search", params, NULL, NULL, NULL);
    if (!result || c->json)
        return cli_print(result);
    const hearth_value *hits = hearth_get(result, "hits");
    for (size_t i = 0; i < hearth_count(hits); i++) {
        const hearth_value *hit = hearth_at(hits, i), *snippet = hearth_get(hit, "snippet");
        show_text(hit, "thread", TERM_PLAIN, 26);
        for (size_t p = 0; p < hearth_count(snippet); p++) {
            const hearth_value *piece = hearth_at(snippet, p);
            term_put(stdout, hearth_get_bool(piece, "is_match", false) ? TERM_YELLOW : TERM_PLAIN,
                     hearth_get_str(piece, "text"));
        }
        fputc('\n', stdout);
    }
    bool has_none = hearth_count(hits) == 0;
    hearth_value_unref(result);
    if (has_none)
        fputs("nothing found\n", stderr);
    return CLI_OK;
}

static int change(cli *c, const char *name, const char *id, const char *done)
{
    hearth_value *thread = cli_request(c, name, one("id", id), NULL, NULL, NULL);
    if (!thread || c->json)
        return cli_print(thread);
    term_put(stdout, TERM_BOLD, hearth_get_str(thread, "title"));
    printf(" %s\n", done);
    hearth_value_unref(thread);
    return CLI_OK;
}

static int run(cli *c, int argc, char **argv)
{
    static const char *const words[] = { "list", "show", "delete", "restore", "search", "export", NULL };
    int64_t                  limit = 100;
    const args_option        options[] = { { "limit", ARGS_INT, &limit, NULL }, { NULL, ARGS_END, NULL, NULL } };
    hearth_err               err = { 0 };
    int                      operands = 0;
    if (args_parse(options, argc, argv, &operands, &err) < 0)
        return cli_usage("threads", "%s", err.msg);
    const char *what = operands ? argv[1] : "list", *id = operands > 1 ? argv[2] : NULL;
    size_t      k = 0;
    while (words[k] && strcmp(words[k], what) != 0)
        k++;
    const char *near = words[k] ? NULL : cli_suggest(what, words);
    if (near)
        return cli_usage("threads", "threads cannot \"%.40s\"; did you mean %s?", what, near);
    if (!words[k])
        return cli_usage("threads", "threads cannot \"%.40s\"", what);
    if (k == 0 ? operands > 1 : operands != 2)
        return cli_usage("threads",
                         k == 0 ? "threads %s takes nothing more"
                                : "threads %s takes one operand (quote a text of several words)",
                         what);
    if (!cli_connect(c, false))
        return CLI_FAILED;
    switch (k) {
    case 0:
        return list_threads(c, limit);
    case 1:
        return show_thread(c, id);
    case 2:
        return change(c, "threads.delete", id, "is deleted; `hearth threads restore ID` brings it back");
    case 3:
        return change(c, "threads.restore", id, "is back");
    case 4:
        return search(c, id, limit < 100 ? limit : 20);
    default:
        return cli_print(cli_request(c, "threads.get", one("id", id), NULL, NULL, NULL));
    }
}

const cli_command cli_threads = { "threads", "[list|show ID|search TEXT|…]",
                                  "lists, shows, searches and deletes threads", run,
                                  "  list           the newest first (--limit N)\n"
                                  "  show ID        the shown branch of a thread\n"
                                  "  search TEXT    messages that hold the words (--limit N)\n"
                                  "  delete ID      restore ID\n"
                                  "  export ID      everything of a thread, every branch, as JSON\n\n" };
