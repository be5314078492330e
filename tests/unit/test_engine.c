/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine.c behind a host that is a table of a few functions: what an engine's author gets for what a caller sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/engine.h>
#include <hearth/plugin.h>

#include "kit/value.h"

/* -- a host --------------------------------------------------------------------------------------------------------- */

static const hearth_method *served;
static size_t               served_count;
static void                *served_self;
static const hearth_value  *params;
static hearth_code          answer_code;
static char                 answer_text[512];
static hearth_value        *answer;
static long                 live;

static void *host_alloc(hearth_ctx *ctx, size_t n)
{
    (void)ctx;
    live++;
    return calloc(1, n);
}

static void host_release(hearth_ctx *ctx, void *p)
{
    (void)ctx;
    live -= p != NULL;
    free(p);
}

static hearth_code host_serve(hearth_ctx *ctx, const hearth_method *methods, size_t n, void *self, hearth_err *err)
{
    (void)ctx;
    (void)err;
    served = methods;
    served_count = n;
    served_self = self;
    return HEARTH_OK;
}

static hearth_ctx *host_ctx_of(const hearth_req *req)
{
    (void)req;
    return NULL;
}

static const hearth_value *host_params(const hearth_req *req)
{
    (void)req;
    return params;
}

static void finish(hearth_code code, hearth_str text, hearth_value *value)
{
    assert_int_equal(answer_code, 1); /* exactly one answer */
    answer_code = code;
    hearth_str_copy(answer_text, sizeof answer_text, text);
    answer = value;
}

static void host_reply(hearth_req *req, hearth_value *value)
{
    (void)req;
    finish(HEARTH_OK, (hearth_str){ NULL, 0 }, value);
}

static void host_fail(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details)
{
    (void)req;
    finish(code, msg, details);
}

/* -- an engine that writes down what it was asked ---------------------------------------------------------------------- */

static hearth_engine_request asked;
static hearth_engine_open    opened;
static char                  seen[512];
static int32_t               seen_tokens[8];

static void note(hearth_str text) { hearth_str_copy(seen, sizeof seen, text); }

static void on_submit(void *self, hearth_req *req, const hearth_engine_request *r)
{
    assert_ptr_equal(self, seen);
    asked = *r;
    note(r->prompt);
    for (size_t i = 0; i < r->token_count && i < HEARTH_COUNT(seen_tokens); i++)
        seen_tokens[i] = r->tokens[i];
    hearth_value *calls = hearth_parse(NULL, HEARTH_STR("[{\"id\":\"c1\"}]"), NULL);
    hearth_engine_finish(req, &(hearth_engine_result){ .finish = HEARTH_FINISH_STOP,
                                                       .text = HEARTH_STR("hello"),
                                                       .tool_calls = calls,
                                                       .prompt_tokens = 10,
                                                       .cached_tokens = 6,
                                                       .completion_tokens = 5,
                                                       .prompt_ms = 2,
                                                       .predicted_ms = 50 });
    hearth_value_unref(calls);
}

static void on_open(void *self, hearth_req *req, const hearth_engine_open *o)
{
    (void)self;
    opened = *o;
    if (o->file_count)
        note(o->files[o->file_count - 1]);
    hearth_reply(req, NULL);
}

static void on_tokenize(void *self, hearth_req *req, hearth_str text, bool add_special, bool parse_special)
{
    (void)self;
    note(text);
    hearth_reply(req, hearth_integer(NULL, add_special + 2 * parse_special));
}

static void on_detokenize(void *self, hearth_req *req, const int32_t *tokens, size_t n)
{
    (void)self;
    hearth_reply(req, hearth_integer(NULL, tokens[n - 1]));
}

static const hearth_engine_ops ops = {
    .size = sizeof ops,
    .open = on_open,
    .submit = on_submit,
    .tokenize = on_tokenize,
    .detokenize = on_detokenize,
};

static int start(void **state)
{
    static hearth_host_api host;
    (void)state;
    host = (hearth_host_api){ .size = sizeof host,
                              .abi_major = HEARTH_ABI_MAJOR,
                              .values = value_table(),
                              .alloc = host_alloc,
                              .release = host_release,
                              .serve = host_serve,
                              .ctx_of = host_ctx_of,
                              .params = host_params,
                              .reply = host_reply,
                              .fail = host_fail };
    assert_int_equal(hearth_bind(&host), HEARTH_OK);
    return hearth_engine_serve(NULL, &ops, seen, NULL);
}

/* Calls a method of the engine; the answer stays in the globals until the next call. */
static hearth_code call(const char *method, const char *json)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, hearth_cstr(json), &err);
    assert_non_null(v);
    hearth_value_unref(answer);
    answer = NULL;
    answer_code = 1;
    answer_text[0] = '\0';
    params = v;
    for (size_t i = 0; i < served_count; i++)
        if (strcmp(served[i].name, method) == 0)
            served[i].call((hearth_req *)&live, served_self);
    assert_int_not_equal(answer_code, 1);
    assert_int_equal(live, 0);
    hearth_value_unref(v);
    return answer_code;
}

static int stop(void **state)
{
    (void)state;
    hearth_value_unref(answer);
    answer = NULL;
    return 0;
}

static void defaults_are_those_of_the_header(void **state)
{
    (void)state;
    assert_int_equal(call("engine.submit", "{\"prompt\":\"once\",\"temperature\":null}"), HEARTH_OK);
    const hearth_sampling *s = &asked.sampling;
    assert_string_equal(seen, "once");
    assert_true(s->seed == HEARTH_SEED_RANDOM && s->top_k == 40 && s->repeat_last_n == 64 && s->n_probs == 0);
    assert_true(s->temperature == 0.8f && s->top_p == 0.95f && s->min_p == 0.05f && s->typical_p == 1 &&
                s->repeat_penalty == 1);
    assert_true(s->presence_penalty == 0 && s->frequency_penalty == 0);
    assert_int_equal(asked.max_tokens, -1);
    assert_true(asked.lane == 0 && !asked.ignore_eos && !asked.messages && !asked.stop && asked.token_count == 0 &&
                !asked.tokens);
}

static void every_argument_arrives(void **state)
{
    (void)state;
    assert_int_equal(
        call("engine.submit",
             "{\"tokens\":[1,2,2147483647],\"lane\":18446744073709551615,\"seed\":4294967294,\"top_k\":0,\"repeat_last_"
             "n\":-1,"
             "\"n_probs\":20,\"temperature\":0,\"top_p\":0.5,\"min_p\":0,\"typical_p\":0.9,\"repeat_penalty\":1.1,"
             "\"presence_penalty\":-2,\"frequency_penalty\":2,\"max_tokens\":7,\"ignore_eos\":true,\"stop\":[\"END\"],"
             "\"grammar\":\"root ::= "
             "x\",\"cache_hint\":\"t1\",\"logit_bias\":{\"5\":-1},\"tools\":[{}],\"tool_choice\":\"auto\","
             "\"template_arguments\":{\"enable_thinking\":false}}"),
        HEARTH_OK);
    const hearth_sampling *s = &asked.sampling;
    assert_true(asked.token_count == 3 && seen_tokens[0] == 1 && seen_tokens[2] == INT32_MAX);
    assert_true(asked.lane == UINT64_MAX && s->seed == 4294967294u && s->top_k == 0 && s->repeat_last_n == -1 &&
                s->n_probs == 20);
    assert_true(s->temperature == 0 && s->top_p == 0.5f && s->min_p == 0 && s->typical_p == 0.9f &&
                s->repeat_penalty == 1.1f);
    assert_true(s->presence_penalty == -2 && s->frequency_penalty == 2 && asked.max_tokens == 7 && asked.ignore_eos);
    assert_true(asked.stop && asked.logit_bias && asked.tools && asked.tool_choice && asked.template_arguments);
    assert_true(asked.grammar.n == 10 && asked.cache_hint.n == 2);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *param, *words;
    } bad[] = {
        { "{}", "messages", "give exactly one of \"messages\", \"prompt\" and \"tokens\", not none" },
        { "{\"prompt\":\"x\",\"messages\":[{}]}", "messages", "not several" },
        { "{\"messages\":[]}", "messages", "at least 1" },
        { "{\"messages\":[{},7]}", "messages", "\"messages[1]\" must be an object, got 7" },
        { "{\"prompt\":7}", "prompt", "must be a text, got 7" },
        { "{\"tokens\":[1,-2]}", "tokens", "\"tokens[1]\" must be a token" },
        { "{\"tokens\":[1,2147483648]}", "tokens", "\"tokens[1]\"" },
        { "{\"tokens\":[]}", "tokens", "between 1" },
        { "{\"prompt\":\"x\",\"temperature\":\"hot\"}", "temperature",
          "must be a number between 0 and 100, got \"hot\"" },
        { "{\"prompt\":\"x\",\"temperature\":-0.1}", "temperature", "got -0.1" },
        { "{\"prompt\":\"x\",\"top_p\":1.5}", "top_p", "between 0 and 1" },
        { "{\"prompt\":\"x\",\"top_k\":1.5}", "top_k", "must be a whole number" },
        { "{\"prompt\":\"x\",\"seed\":4294967296}", "seed", "between -1 and 4294967295" },
        { "{\"prompt\":\"x\",\"repeat_penalty\":0}", "repeat_penalty", "between 0.01 and 10" },
        { "{\"prompt\":\"x\",\"n_probs\":21}", "n_probs", "between 0 and 20" },
        { "{\"prompt\":\"x\",\"max_tokens\":-2}", "max_tokens", "between -1" },
        { "{\"prompt\":\"x\",\"ignore_eos\":1}", "ignore_eos", "must be true or false" },
        { "{\"prompt\":\"x\",\"stop\":\"END\"}", "stop", "must be an array" },
        { "{\"prompt\":\"x\",\"stop\":[\"\"]}", "stop", "\"stop[0]\" must have between 1 and" },
        { "{\"prompt\":\"x\",\"stop\":[7]}", "stop", "\"stop[0]\" must be a text" },
        { "{\"prompt\":\"x\",\"lane\":-1}", "lane", "got -1" },
        { "{\"prompt\":\"x\",\"tool_choice\":7}", "tool_choice", "a text or an object" },
        { "{\"prompt\":\"x\",\"logit_bias\":[]}", "logit_bias", "must be an object" },
        { "{\"prompt\":\"x\",\"grammar\":\"g\",\"json_schema\":{}}", "grammar", "not both" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        assert_int_equal(call("engine.submit", bad[i].json), HEARTH_INVALID_ARGUMENT);
        if (!strstr(answer_text, bad[i].words))
            fail_msg("%s: %s", bad[i].json, answer_text);
        assert_true(hearth_str_is(hearth_get_str(answer, "param"), bad[i].param));
    }
}

static void the_result_has_its_form(void **state)
{
    (void)state;
    assert_int_equal(call("engine.submit", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"), HEARTH_OK);
    char *text = hearth_write(answer, NULL);
    assert_string_equal(
        text, "{\"text\":\"hello\",\"reasoning\":null,\"tool_calls\":[{\"id\":\"c1\"}],\"finish_reason\":\"stop\","
              "\"stop_string\":null,\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"cached_tokens\":6},"
              "\"timings\":{\"prompt_ms\":2.0,\"predicted_ms\":50.0,\"prompt_per_second\":2000.0,"
              "\"predicted_per_second\":100.0}}");
    hearth_write_free(text);
    assert_string_equal(hearth_finish_name(HEARTH_FINISH_LENGTH), "length");
    assert_string_equal(hearth_finish_name(HEARTH_FINISH_TOOL_CALLS), "tool_calls");
    assert_string_equal(hearth_finish_name(HEARTH_FINISH_CANCELLED), "cancelled");
}

static void models_are_opened_by_absolute_paths(void **state)
{
    (void)state;
    assert_int_equal(call("engine.open", "{\"files\":[\"/m/a.gguf\",\"/m/b.gguf\"],\"settings\":{\"context\":4096}}"),
                     HEARTH_OK);
    assert_int_equal(opened.file_count, 2);
    assert_string_equal(seen, "/m/b.gguf");
    assert_int_equal(call("engine.open", "{\"files\":[\"/m/a.gguf\",\"b.gguf\"]}"), HEARTH_INVALID_ARGUMENT);
    assert_non_null(strstr(answer_text, "\"files[1]\" must be an absolute path, got \"b.gguf\""));
    assert_int_equal(call("engine.open", "{\"files\":\"/m/a.gguf\"}"), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(call("engine.open", "{}"),
                     HEARTH_OK); /* whether it can do without a file is the engine's to say */
    assert_int_equal(opened.file_count, 0);
}

static void tokens_both_ways(void **state)
{
    (void)state;
    assert_int_equal(call("engine.tokenize", "{\"text\":\"\"}"), HEARTH_OK);
    assert_int_equal(hearth_as_i64(answer, -1), 2);
    assert_int_equal(call("engine.tokenize", "{\"text\":\"x\",\"add_special\":true,\"parse_special\":false}"),
                     HEARTH_OK);
    assert_int_equal(hearth_as_i64(answer, -1), 1);
    assert_int_equal(call("engine.tokenize", "{}"), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(call("engine.detokenize", "{\"tokens\":[3,4]}"), HEARTH_OK);
    assert_int_equal(hearth_as_i64(answer, -1), 4);
    assert_int_equal(call("engine.detokenize", "{}"), HEARTH_INVALID_ARGUMENT);
}

static void what_an_engine_leaves_out_is_unsupported(void **state)
{
    (void)state;
    assert_int_equal(call("engine.embed", "{\"inputs\":[\"a\"]}"), HEARTH_UNSUPPORTED);
    assert_int_equal(call("engine.rerank", "{\"query\":\"q\",\"documents\":[\"a\"]}"), HEARTH_UNSUPPORTED);
    assert_int_equal(call("engine.stats", "{}"), HEARTH_UNSUPPORTED);
    assert_int_equal(call("engine.apply_template", "{\"messages\":[{}]}"), HEARTH_UNSUPPORTED);
    assert_int_equal(call("engine.apply_template", "{\"prompt\":\"x\"}"), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(call("engine.embed", "{}"), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(call("engine.rerank", "{\"query\":\"\",\"documents\":[\"a\"]}"), HEARTH_INVALID_ARGUMENT);
}

static void another_major_is_refused(void **state)
{
    (void)state;
    hearth_host_api other = *hearth_host_table;
    other.abi_major++;
    assert_int_equal(hearth_bind(&other), HEARTH_INCOMPATIBLE);
    other = *hearth_host_table;
    other.size = 16;
    assert_int_equal(hearth_bind(&other), HEARTH_INCOMPATIBLE);
    assert_int_equal(hearth_bind(NULL), HEARTH_INCOMPATIBLE);
    assert_true(HEARTH_HAS(hearth_host_table, serve) && !HEARTH_HAS(hearth_host_table, spawn));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_header),
        cmocka_unit_test(every_argument_arrives),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_result_has_its_form),
        cmocka_unit_test(models_are_opened_by_absolute_paths),
        cmocka_unit_test(tokens_both_ways),
        cmocka_unit_test(what_an_engine_leaves_out_is_unsupported),
        cmocka_unit_test(another_major_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
