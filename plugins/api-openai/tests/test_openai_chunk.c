/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The shapes, byte for byte: clients differ in what they forgive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "openai_chunk.h"

#include <cmocka.h> /* after host.h: its fail is a macro */

void value_install(void); /* of the kit: values without a host */

#define FACTS                                                                                                          \
    "\"id\":\"chatcmpl-7\",\"created\":1700000000,\"model\":\"a\\\"b\",\"system_fingerprint\":\"hearth-0.1.0\""
#define CHUNK "data: {\"object\":\"chat.completion.chunk\"," FACTS ",\"choices\":[{\"index\":"

typedef struct fixture {
    openai_writer w;
    hearth_buf    out;
} fixture;

static fixture begin(openai_kind kind, bool wants_usage)
{
    fixture f;
    assert_int_equal(
        openai_writer_init(&f.w, kind, "7", 1700000000, HEARTH_STR("a\"b"), HEARTH_STR("0.1.0"), wants_usage),
        HEARTH_OK);
    hearth_buf_init(&f.out, 1 << 20);
    return f;
}

static void expect(fixture *f, const char *text)
{
    assert_false(f->out.failed);
    assert_string_equal(f->out.p, text);
    hearth_buf_reset(&f->out);
}

static void end(fixture *f)
{
    hearth_buf_deinit(&f->out);
    openai_writer_deinit(&f->w);
}

static void a_stream_has_its_shapes(void **state)
{
    (void)state;
    fixture f = begin(OPENAI_CHAT, false);
    openai_put_role(&f.out, &f.w, 0);
    expect(&f, CHUNK
           "0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    openai_put_text(&f.out, &f.w, 12, HEARTH_STR("\"hö\n"), (hearth_str){ NULL, 0 });
    expect(&f, CHUNK "12,\"delta\":{\"content\":\"\\\"hö\\n\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    openai_put_reasoning(&f.out, &f.w, 0, HEARTH_STR("hm"));
    expect(&f, CHUNK "0,\"delta\":{\"reasoning_content\":\"hm\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    openai_put_finish(&f.out, &f.w, 0, "length", (hearth_str){ NULL, 0 }, NULL);
    expect(&f, CHUNK "0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n");
    openai_put_done(&f.out);
    expect(&f, "data: [DONE]\n\n");
    end(&f);
}

static void usage_comes_in_a_chunk_of_its_own(void **state)
{
    (void)state;
    fixture            f = begin(OPENAI_CHAT, true);
    hearth_value      *timings = hearth_parse(NULL, HEARTH_STR("{\"predicted_ms\":5}"), NULL);
    const openai_usage u = { 10, 5, 4, 2 };
    openai_put_text(&f.out, &f.w, 0, HEARTH_STR("a"), (hearth_str){ NULL, 0 });
    expect(&f, CHUNK "0,\"delta\":{\"content\":\"a\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n");
    openai_put_finish(&f.out, &f.w, 0, "stop", (hearth_str){ NULL, 0 }, timings);
    expect(&f, CHUNK "0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"timings\":{\"predicted_ms\":5},"
                     "\"usage\":null}\n\n");
    openai_put_usage_chunk(&f.out, &f.w, &u);
    expect(
        &f,
        "data: {\"object\":\"chat.completion.chunk\"," FACTS
        ",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n");
    hearth_value_unref(timings);
    end(&f);
}

static void tool_calls_come_in_fragments(void **state)
{
    (void)state;
    fixture       f = begin(OPENAI_CHAT, false);
    hearth_value *first = hearth_parse(NULL, HEARTH_STR("{\"index\":0,\"id\":\"c1\",\"name\":\"f\"}"), NULL);
    hearth_value *next = hearth_parse(NULL, HEARTH_STR("{\"index\":0,\"arguments\":\"{\\\"a\\\":\"}"), NULL);
    openai_put_tool_call(&f.out, &f.w, 0, first);
    expect(&f, CHUNK "0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{"
                     "\"name\":\"f\",\"arguments\":\"\"}}]},"
                     "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    openai_put_tool_call(&f.out, &f.w, 0, next);
    expect(&f, CHUNK "0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]},"
                     "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    hearth_value_unref(first);
    hearth_value_unref(next);
    end(&f);
}

static void whole_answers(void **state)
{
    (void)state;
    fixture            f = begin(OPENAI_CHAT, false);
    const openai_usage u = { 3, 2, 0, 0 };
    hearth_value      *plain =
        hearth_parse(NULL, HEARTH_STR("{\"text\":\"hi\",\"reasoning\":\"hm\",\"finish_reason\":\"stop\"}"), NULL);
    hearth_value *calls = hearth_parse(
        NULL,
        HEARTH_STR(
            "{\"text\":\"\",\"reasoning\":null,\"tool_calls\":[{\"id\":\"c1\",\"name\":\"f\",\"arguments\":{\"a\":1}}],"
            "\"finish_reason\":\"tool_calls\"}"),
        NULL);
    const openai_choice choices[] = { { .result = plain }, { .result = calls } };
    openai_put_answer(&f.out, &f.w, choices, 2, false, &u);
    expect(&f,
           "{\"object\":\"chat.completion\"," FACTS ",\"choices\":["
           "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\",\"reasoning_content\":\"hm\","
           "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"},"
           "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
           "\"function\",\"function\":{\"name\":\"f\","
           "\"arguments\":\"{\\\"a\\\":1}\"}}],\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],"
           "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5,\"prompt_tokens_details\":{"
           "\"cached_tokens\":0},"
           "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}");
    hearth_value_unref(plain);
    hearth_value_unref(calls);
    end(&f);
}

static void completions_have_text(void **state)
{
    (void)state;
    fixture             f = begin(OPENAI_COMPLETION, false);
    const openai_usage  u = { 1, 1, 0, 0 };
    hearth_value       *v = hearth_parse(NULL, HEARTH_STR("{\"text\":\" b\",\"finish_reason\":\"length\"}"), NULL);
    const openai_choice c = { .result = v, .echo = HEARTH_STR("a") };
    openai_put_answer(&f.out, &f.w, &c, 1, false, &u);
    assert_non_null(strstr(f.out.p, "\"object\":\"text_completion\",\"id\":\"cmpl-7\""));
    assert_non_null(strstr(f.out.p, "{\"index\":0,\"text\":\"a b\",\"logprobs\":null,\"finish_reason\":\"length\"}"));
    hearth_buf_reset(&f.out);
    openai_put_text(&f.out, &f.w, 1, HEARTH_STR("x"), (hearth_str){ NULL, 0 });
    assert_non_null(strstr(f.out.p, "{\"index\":1,\"text\":\"x\",\"logprobs\":null,\"finish_reason\":null}]}\n\n"));
    hearth_value_unref(v);
    end(&f);
}

static void logprobs_are_cut_to_what_was_asked(void **state)
{
    (void)state;
    hearth_buf    out;
    hearth_value *v = hearth_parse(
        NULL,
        HEARTH_STR(
            "{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[{\"token\":\"a\"},{\"token\":\"b\"}]}"),
        NULL);
    hearth_buf_init(&out, 4096);
    openai_put_logprob(&out, v, 1);
    openai_put_logprob(&out, v, 0);
    assert_string_equal(out.p, "{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[{\"token\":\"a\"}]},"
                               "{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}");
    hearth_buf_deinit(&out);
    hearth_value_unref(v);
}

static void errors_have_openais_names(void **state)
{
    (void)state;
    hearth_buf    out;
    hearth_value *details = hearth_parse(NULL, HEARTH_STR("{\"n_prompt_tokens\":2000,\"n_ctx\":1024}"), NULL);
    hearth_buf_init(&out, 4096);
    openai_put_error(&out, HEARTH_CONTEXT_OVERFLOW, HEARTH_STR("too long"), (hearth_str){ NULL, 0 }, details);
    assert_string_equal(out.p,
                        "{\"error\":{\"message\":\"too long\",\"type\":\"exceed_context_size_error\",\"param\":null,"
                        "\"code\":\"context_length_exceeded\",\"n_prompt_tokens\":2000,\"n_ctx\":1024}}");
    hearth_buf_reset(&out);
    openai_put_error(&out, HEARTH_NOT_FOUND, HEARTH_STR("no"), HEARTH_STR("model"), NULL);
    assert_string_equal(out.p, "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"param\":\"model\","
                               "\"code\":\"model_not_found\"}}");
    static const struct {
        hearth_code code;
        int         status;
        const char *type;
    } all[] = { { HEARTH_INVALID_ARGUMENT, 400, "invalid_request_error" },
                { HEARTH_PARSE, 400, "invalid_request_error" },
                { HEARTH_UNAUTHENTICATED, 401, "authentication_error" },
                { HEARTH_DENIED, 403, "permission_error" },
                { HEARTH_TOO_LARGE, 413, "invalid_request_error" },
                { HEARTH_BUSY, 429, "rate_limit_error" },
                { HEARTH_LOADING, 503, "unavailable_error" },
                { HEARTH_UNSUPPORTED, 501, "not_supported_error" },
                { HEARTH_CRASHED, 502, "server_error" },
                { HEARTH_INTERNAL, 500, "server_error" } };
    for (size_t i = 0; i < HEARTH_COUNT(all); i++) {
        hearth_buf_reset(&out);
        openai_put_error(&out, all[i].code, (hearth_str){ NULL, 0 }, (hearth_str){ NULL, 0 }, NULL);
        assert_int_equal(openai_status(all[i].code), all[i].status);
        assert_non_null(strstr(out.p, all[i].type));
    }
    hearth_buf_deinit(&out);
    hearth_value_unref(details);
}

static void embeddings_in_two_encodings(void **state)
{
    (void)state;
    hearth_buf    out;
    hearth_value *v = hearth_parse(NULL, HEARTH_STR("{\"embeddings\":[[1,-0.5]],\"prompt_tokens\":2}"), NULL);
    hearth_buf_init(&out, 4096);
    openai_put_embeddings(&out, HEARTH_STR("m"), v, false);
    assert_string_equal(
        out.p,
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-0.5]}],\"model\":\"m\","
        "\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2}}");
    hearth_buf_reset(&out);
    openai_put_embeddings(&out, HEARTH_STR("m"), v, true);
    assert_non_null(strstr(out.p, "\"embedding\":\"AACAPwAAAL8=\"")); /* little-endian floats */
    hearth_buf_deinit(&out);
    hearth_value_unref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_its_shapes),      cmocka_unit_test(usage_comes_in_a_chunk_of_its_own),
        cmocka_unit_test(tool_calls_come_in_fragments), cmocka_unit_test(whole_answers),
        cmocka_unit_test(completions_have_text),        cmocka_unit_test(logprobs_are_cut_to_what_was_asked),
        cmocka_unit_test(errors_have_openais_names),    cmocka_unit_test(embeddings_in_two_encodings),
    };
    value_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
