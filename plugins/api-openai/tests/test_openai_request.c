/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "openai_request.h"

#include <cmocka.h> /* after host.h: its fail is a macro */

void value_install(void); /* of the kit: values without a host */

#define HEAD "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

typedef struct read {
    hearth_value  *body;
    openai_request r;
    openai_problem problem;
    hearth_code    code;
} read;

static read read_json(openai_kind kind, const char *json)
{
    read x = { .body = hearth_parse(NULL, hearth_cstr(json), NULL) };
    assert_non_null(x.body);
    x.code = openai_request_read(NULL, kind, x.body, &x.r, &x.problem);
    return x;
}

static void done(read *x)
{
    openai_request_deinit(&x->r);
    hearth_value_unref(x->body);
}

static void expect_refusal(openai_kind kind, const char *json, const char *param)
{
    read x = read_json(kind, json);
    if (x.code != HEARTH_INVALID_ARGUMENT || strcmp(x.problem.param, param) != 0 || !x.problem.err.msg[0])
        fail_msg("%s\n  should be refused for \"%s\", got %d \"%s\": %s", json, param, (int)x.code, x.problem.param,
                 x.problem.err.msg);
    done(&x);
}

static char *params_text(const read *x) { return hearth_write(x->r.params, NULL); }

static void what_it_needs_is_asked_for(void **state)
{
    (void)state;
    expect_refusal(OPENAI_CHAT, "[]", "");
    expect_refusal(OPENAI_CHAT, "\"hi\"", "");
    expect_refusal(OPENAI_CHAT, "{}", "model");
    expect_refusal(OPENAI_CHAT, "{\"model\":null,\"messages\":[]}", "model");
    expect_refusal(OPENAI_CHAT, "{\"model\":7}", "model");
    expect_refusal(OPENAI_CHAT, "{\"model\":\"\"}", "model");
    expect_refusal(OPENAI_CHAT, "{\"model\":\"m\"}", "messages");
    expect_refusal(OPENAI_CHAT, "{\"model\":\"m\",\"messages\":[]}", "messages");
    expect_refusal(OPENAI_CHAT, "{\"model\":\"m\",\"messages\":\"hi\"}", "messages");
    expect_refusal(OPENAI_COMPLETION, "{\"model\":\"m\"}", "prompt");
    expect_refusal(OPENAI_EMBEDDING, "{\"model\":\"m\"}", "input");
}

/* Every field, with every kind of value that it does not take. */
static void wrong_kinds_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *kinds; /* n number, i integer, b boolean, s string, o object, a array */
    } fields[] = {
        { "temperature", "ni" },
        { "top_p", "ni" },
        { "presence_penalty", "ni" },
        { "frequency_penalty", "ni" },
        { "min_p", "ni" },
        { "typical_p", "ni" },
        { "repeat_penalty", "ni" },
        { "top_k", "i" },
        { "repeat_last_n", "i" },
        { "n", "i" },
        { "seed", "i" },
        { "max_tokens", "i" },
        { "max_completion_tokens", "i" },
        { "n_predict", "i" },
        { "stream", "b" },
        { "logprobs", "b" },
        { "store", "b" },
        { "parallel_tool_calls", "b" },
        { "ignore_eos", "b" },
        { "cache_prompt", "b" },
        { "user", "s" },
        { "service_tier", "s" },
        { "safety_identifier", "s" },
        { "prompt_cache_key", "s" },
        { "reasoning_effort", "s" },
        { "verbosity", "s" },
        { "grammar", "s" },
        { "metadata", "o" },
        { "logit_bias", "o" },
        { "prediction", "o" },
        { "web_search_options", "o" },
        { "chat_template_kwargs", "o" },
        { "tools", "a" },
        { "modalities", "a" },
    };
    static const struct {
        char        kind;
        const char *json;
    } values[] = { { 'n', "0.5" }, { 'i', "1" }, { 'b', "true" }, { 's', "\"x\"" }, { 'o', "{}" }, { 'a', "[]" } };
    for (size_t f = 0; f < HEARTH_COUNT(fields); f++)
        for (size_t v = 0; v < HEARTH_COUNT(values); v++) {
            char json[256];
            snprintf(json, sizeof json, HEAD ",\"%s\":%s}", fields[f].name, values[v].json);
            if (!strchr(fields[f].kinds, values[v].kind)) {
                expect_refusal(OPENAI_CHAT, json, fields[f].name);
                continue;
            }
            read x = read_json(OPENAI_CHAT, json);
            if (x.code < 0)
                fail_msg("%s: %s", json, x.problem.err.msg);
            done(&x);
        }
}

static void ranges_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *member, *param;
    } bad[] = {
        { "\"temperature\":-0.1", "temperature" },
        { "\"temperature\":2.1", "temperature" },
        { "\"top_p\":1.5", "top_p" },
        { "\"presence_penalty\":-3", "presence_penalty" },
        { "\"frequency_penalty\":3", "frequency_penalty" },
        { "\"n\":0", "n" },
        { "\"n\":17", "n" },
        { "\"max_tokens\":0", "max_tokens" },
        { "\"max_completion_tokens\":-2", "max_completion_tokens" },
        { "\"top_k\":-5", "top_k" },
        { "\"logprobs\":true,\"top_logprobs\":21", "top_logprobs" },
        { "\"top_logprobs\":3", "top_logprobs" },
        { "\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]", "stop" },
        { "\"stop\":[1]", "stop[0]" },
        { "\"stop\":7", "stop" },
        { "\"logit_bias\":{\"x\":1}", "logit_bias" },
        { "\"logit_bias\":{\"5\":101}", "logit_bias" },
        { "\"logit_bias\":{\"5\":\"1\"}", "logit_bias" },
        { "\"stream_options\":{\"include_usage\":true}", "stream_options" },
        { "\"stream\":true,\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage" },
        { "\"functions\":[]", "functions" },
        { "\"function_call\":\"auto\"", "function_call" },
        { "\"modalities\":[\"text\",\"audio\"]", "modalities" },
        { "\"audio\":{}", "audio" },
        { "\"response_format\":\"json\"", "response_format" },
        { "\"response_format\":{\"type\":\"xml\"}", "response_format.type" },
        { "\"response_format\":{\"type\":\"json_schema\"}", "response_format.json_schema" },
        { "\"response_format\":{\"type\":\"json_object\"},\"grammar\":\"root\"", "grammar" },
        { "\"tools\":[{}]", "tools[0].type" },
        { "\"tools\":[{\"type\":\"function\"}]", "tools[0].function.name" },
        { "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]", "tools[0].function.name" },
        { "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":[]}}]",
          "tools[0].function.parameters" },
        { "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"description\":1}}]",
          "tools[0].function.description" },
        { "\"tool_choice\":\"required\"", "tool_choice" },
        { "\"tool_choice\":\"perhaps\"", "tool_choice" },
        { "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"nope\"}}", "tool_choice" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        char json[512];
        snprintf(json, sizeof json, HEAD ",%s}", bad[i].member);
        expect_refusal(OPENAI_CHAT, json, bad[i].param);
    }
}

static void messages_are_checked_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *message, *param;
    } bad[] = {
        { "7", "messages[1]" },
        { "{}", "messages[1].role" },
        { "{\"role\":\"function\",\"content\":\"\"}", "messages[1].role" },
        { "{\"role\":1,\"content\":\"\"}", "messages[1].role" },
        { "{\"role\":\"user\"}", "messages[1].content" },
        { "{\"role\":\"user\",\"content\":null}", "messages[1].content" },
        { "{\"role\":\"user\",\"content\":7}", "messages[1].content" },
        { "{\"role\":\"user\",\"content\":[]}", "messages[1].content" },
        { "{\"role\":\"user\",\"content\":[7]}", "messages[1].content[0].type" },
        { "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":1}]}",
          "messages[1].content[1].text" },
        { "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:\"}}]}",
          "messages[1].content[0].type" },
        { "{\"role\":\"user\",\"content\":\"a\",\"name\":1}", "messages[1].name" },
        { "{\"role\":\"tool\",\"content\":\"a\"}", "messages[1].tool_call_id" },
        { "{\"role\":\"assistant\",\"tool_calls\":{}}", "messages[1].tool_calls" },
        { "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"a\",\"arguments\":{}}}]}",
          "messages[1].tool_calls[0]" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        char json[512];
        snprintf(json, sizeof json, "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},%s]}",
                 bad[i].message);
        expect_refusal(OPENAI_CHAT, json, bad[i].param);
    }
}

static void messages_take_one_form(void **state)
{
    (void)state;
    read x = read_json(OPENAI_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"be brief\"},"
                                    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
                                    "\"text\",\"text\":\"b\"}],\"name\":\"Ann\"},"
                                    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":"
                                    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
                                    "{\"role\":\"tool\",\"content\":\"42\",\"tool_call_id\":\"1\"}]}");
    assert_int_equal(x.code, HEARTH_OK);
    char *text = params_text(&x);
    assert_string_equal(text, "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
                              "{\"role\":\"user\",\"content\":\"a\\nb\",\"name\":\"Ann\"},"
                              "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":"
                              "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
                              "{\"role\":\"tool\",\"content\":\"42\",\"tool_call_id\":\"1\"}]}");
    hearth_write_free(text);
    done(&x);
}

static void null_and_unknown_fields_say_nothing(void **state)
{
    (void)state;
    read x =
        read_json(OPENAI_CHAT, HEAD
                  ",\"temperature\":null,\"stop\":null,\"tools\":null,\"seed\":null,\"n\":null,\"whatever\":{\"a\":1},"
                  "\"stream\":null,\"stream_options\":null,\"max_tokens\":null,\"response_format\":null}");
    assert_int_equal(x.code, HEARTH_OK);
    assert_int_equal(hearth_count(x.r.params), 2);
    assert_int_equal(x.r.n, 1);
    assert_false(x.r.is_stream);
    assert_false(x.r.has_seed);
    done(&x);
}

static void sampling_is_passed_on(void **state)
{
    (void)state;
    read x = read_json(
        OPENAI_CHAT, HEAD
        ",\"temperature\":0,\"top_p\":0.5,\"max_tokens\":5,\"max_completion_tokens\":7,\"stop\":\"X\",\"user\":\"u\","
        "\"logprobs\":true,\"top_logprobs\":3,\"stream\":true,\"stream_options\":{\"include_usage\":true},"
        "\"prompt_cache_key\":\"k\",\"logit_bias\":{\"5\":-100}}");
    assert_int_equal(x.code, HEARTH_OK);
    assert_int_equal(hearth_get_i64(x.r.params, "max_tokens", 0), 7); /* the newer name wins */
    assert_int_equal(hearth_get_i64(x.r.params, "n_probs", 0), 3);
    assert_true(hearth_str_is(hearth_as_str(hearth_at(hearth_get(x.r.params, "stop"), 0)), "X"));
    assert_true(hearth_str_is(hearth_get_str(x.r.params, "cache_hint"), "k"));
    assert_null(hearth_get(x.r.params, "user"));
    assert_true(x.r.is_stream && x.r.wants_usage && x.r.wants_logprobs);
    done(&x);
}

static void each_choice_has_its_own_seed(void **state)
{
    (void)state;
    read          x = read_json(OPENAI_CHAT, HEAD ",\"n\":2,\"seed\":41}");
    hearth_value *first = openai_request_choice(NULL, &x.r, 0), *second = openai_request_choice(NULL, &x.r, 1);
    assert_int_equal(hearth_get_i64(first, "seed", 0), 41);
    assert_int_equal(hearth_get_i64(second, "seed", 0), 42);
    hearth_value_unref(first);
    hearth_value_unref(second);
    done(&x);
    static const char *const odd[] = { "-7", "9223372036854775807", "18446744073709551615", "4294967295",
                                       "-9223372036854775808" };
    for (size_t i = 0; i < HEARTH_COUNT(odd); i++) {
        char json[256];
        snprintf(json, sizeof json, HEAD ",\"seed\":%s}", odd[i]);
        x = read_json(OPENAI_CHAT, json);
        assert_int_equal(x.code, HEARTH_OK);
        assert_true(x.r.has_seed);
        assert_true(x.r.seed <= 0x7fffffffu); /* never the number that means "any" */
        done(&x);
    }
    x = read_json(OPENAI_CHAT, HEAD ",\"seed\":-1}");
    assert_false(x.r.has_seed);
    done(&x);
}

static void tools_and_formats_are_passed_on(void **state)
{
    (void)state;
    read x = read_json(
        OPENAI_CHAT,
        HEAD ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}],"
             "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
             "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}}}");
    assert_int_equal(x.code, HEARTH_OK);
    assert_int_equal(hearth_count(hearth_get(x.r.params, "tools")), 1);
    assert_non_null(hearth_get(x.r.params, "tool_choice"));
    assert_non_null(hearth_get(x.r.params, "response_format"));
    done(&x);
}

static void prompts_have_four_forms(void **state)
{
    (void)state;
    static const struct {
        const char *prompt;
        size_t      count;
    } good[] = { { "\"a\"", 1 }, { "[1,2,3]", 1 }, { "[\"a\",\"b\"]", 2 }, { "[[1],[2,3]]", 2 }, { "\"\"", 1 } };
    static const char *const bad[] = {
        "[]", "[[]]", "{}", "7", "[\"a\",1.5]", "[-1]", "[1e12]", "[[\"a\"]]", "[null]"
    };
    char json[256];
    for (size_t i = 0; i < HEARTH_COUNT(good); i++) {
        snprintf(json, sizeof json, "{\"model\":\"m\",\"prompt\":%s}", good[i].prompt);
        read x = read_json(OPENAI_COMPLETION, json);
        assert_int_equal(x.code, HEARTH_OK);
        assert_int_equal(x.r.prompt_count, good[i].count);
        hearth_value *choice = openai_request_choice(NULL, &x.r, (uint32_t)good[i].count - 1);
        assert_non_null(hearth_get(choice, "prompt"));
        hearth_value_unref(choice);
        done(&x);
    }
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        snprintf(json, sizeof json, "{\"model\":\"m\",\"prompt\":%s}", bad[i]);
        expect_refusal(OPENAI_COMPLETION, json, "prompt");
    }
    expect_refusal(OPENAI_COMPLETION, "{\"model\":\"m\",\"n\":9,\"prompt\":[\"a\",\"b\"]}", "prompt");
    expect_refusal(OPENAI_COMPLETION, "{\"model\":\"m\",\"prompt\":\"a\",\"best_of\":3}", "best_of");
    expect_refusal(OPENAI_COMPLETION, "{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix");
    expect_refusal(OPENAI_COMPLETION, "{\"model\":\"m\",\"prompt\":\"a\",\"logprobs\":1}", "logprobs");
}

static void embeddings_take_texts(void **state)
{
    (void)state;
    read x = read_json(OPENAI_EMBEDDING, "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}");
    assert_int_equal(x.code, HEARTH_OK);
    assert_int_equal(hearth_count(hearth_get(x.r.params, "inputs")), 2);
    assert_true(x.r.wants_base64);
    done(&x);
    expect_refusal(OPENAI_EMBEDDING, "{\"model\":\"m\",\"input\":[1,2]}", "input");
    expect_refusal(OPENAI_EMBEDDING, "{\"model\":\"m\",\"input\":[]}", "input");
    expect_refusal(OPENAI_EMBEDDING, "{\"model\":\"m\",\"input\":\"\"}", "input");
    expect_refusal(OPENAI_EMBEDDING, "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"int8\"}",
                   "encoding_format");
    expect_refusal(OPENAI_EMBEDDING, "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":8}", "dimensions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_needs_is_asked_for),
        cmocka_unit_test(wrong_kinds_are_named),
        cmocka_unit_test(ranges_are_kept),
        cmocka_unit_test(messages_are_checked_one_by_one),
        cmocka_unit_test(messages_take_one_form),
        cmocka_unit_test(null_and_unknown_fields_say_nothing),
        cmocka_unit_test(sampling_is_passed_on),
        cmocka_unit_test(each_choice_has_its_own_seed),
        cmocka_unit_test(tools_and_formats_are_passed_on),
        cmocka_unit_test(prompts_have_four_forms),
        cmocka_unit_test(embeddings_take_texts),
    };
    value_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
