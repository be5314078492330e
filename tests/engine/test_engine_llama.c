/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine-llama in this process, with the real llama.cpp and Kindling, behind a fake host (fake_host.h).
 *
 * Arguments: the folder of the built package, Kindling's file, two tiny byte-level models, the second with a
 * template for reasoning, and a folder of damaged ones (all by tests/tools/mkgguf.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_host.h"

const hearth_plugin *hearth_entry_engine_llama(const hearth_host_api *host);

static const char *package, *kindling, *tiny, *thinking, *damaged;
static fake_host  *host; /* with Kindling open in 8 slots; most tests share it */

#define HELLO       "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
#define HELLO_REPLY "Hello! What can I do for you?"
#define STORY       "\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a story about a fox and a lantern.\"}]"
#define GREEDY      ",\"temperature\":0"

static hearth_str text_of(const fake_call *c) { return hearth_get_str(c->value, "text"); }
static uint64_t usage(const fake_call *c, const char *key) { return hearth_get_u64(hearth_get(c->value, "usage"), key, 999999); }

static void assert_str(hearth_str s, const char *want)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%.*s", (int)s.n, s.n ? s.p : "");
    assert_string_equal(copy, want);
}

static void assert_same(hearth_str a, hearth_str b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
}

static fake_call *submit(const char *params)
{
    fake_call *c = fake_host_call(host, "engine.submit", params);
    if (c->code < 0)
        print_message("%s\n", c->message);
    return c;
}

static fake_host *open_host(const char *file, const char *settings)
{
    char       params[1024];
    fake_host *h = fake_host_new(hearth_entry_engine_llama, package);
    snprintf(params, sizeof params, "{\"files\":[\"%s\"],\"settings\":%s}", file, settings);
    fake_call *c = fake_host_call(h, "engine.open", params);
    if (c->code < 0)
        fail_msg("%s", c->message);
    fake_call_free(c);
    return h;
}

/* A prompt of about `words` words, for what takes a while to read. */
static void long_prompt(char *to, size_t size, int words)
{
    size_t n = 0;
    for (int i = 0; i < words && n + 16 < size; i++)
        n += (size_t)snprintf(to + n, size - n, "the fox %d ", i % 10);
}

static uint64_t busy_slots(fake_host *h)
{
    fake_call *c = fake_host_call(h, "engine.stats", "{}");
    uint64_t   n = hearth_get_u64(c->value, "slots_busy", 99);
    assert_int_equal(hearth_get_u64(c->value, "waiting", 99), 0);
    fake_call_free(c);
    return n;
}

/* -- files that are not models ------------------------------------------------------------------------------------- */

/* In a child process: llama.cpp aborts over some files, and that must end this process only. Exit codes: 0 refused
 * with a reason, 1 accepted, 2 refused without one. */
static void try_file(const char *path)
{
    char       params[1400];
    fake_host *h = fake_host_new(hearth_entry_engine_llama, package);
    snprintf(params, sizeof params, "{\"files\":[\"%s\"]}", path);
    fake_call *c = fake_host_call(h, "engine.open", params);
    int        how = c->code >= 0 ? 1 : strlen(c->message) > 20 ? 0 : 2;
    if (how == 1) {
        fake_call *s = fake_host_call(h, "engine.submit", "{\"prompt\":\"hi\",\"max_tokens\":3}");
        if (s->code < 0)
            how = 3;
        fake_call_free(s);
    }
    fake_call_free(c);
    fake_host_free(h);
    exit(how);
}

static void test_damaged_files_are_refused(void **state)
{
    (void)state;
    DIR *dir = opendir(damaged);
    assert_non_null(dir);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[1200];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", damaged, entry->d_name);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            try_file(path);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        bool is_harmless = strstr(path, "template-") || strstr(path, "context-0");
        bool is_assert = strstr(path, "layers-huge"); /* inside llama.cpp; the daemon sees `crashed` */
        if (is_assert ? !(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
                      : !WIFEXITED(status) || WEXITSTATUS(status) != (is_harmless ? 1 : 0))
            fail_msg("%s: status %x", entry->d_name, (unsigned)status);
        files++;
    }
    closedir(dir);
    assert_true(files > 30);
}

static void test_a_missing_file_is_not_found(void **state)
{
    (void)state;
    fake_host *h = fake_host_new(hearth_entry_engine_llama, package);
    fake_call *c = fake_host_call(h, "engine.open", "{\"files\":[\"/nowhere/no.gguf\"]}");
    assert_int_equal(c->code, HEARTH_NOT_FOUND);
    fake_call_free(c);
    fake_host_free(h);
}

static void test_a_broken_template_leaves_prompts(void **state)
{
    (void)state;
    char path[1200];
    snprintf(path, sizeof path, "%s/template-broken.gguf", damaged);
    fake_host *h = open_host(path, "{}");
    fake_call *c = fake_host_call(h, "engine.submit", "{" HELLO "}");
    assert_int_equal(c->code, HEARTH_UNSUPPORTED);
    fake_call_free(c);
    fake_host_free(h);
}

static void test_wrong_settings_name_themselves(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "{\"context\":-1}", "context" },          { "{\"slots\":65}", "slots" },
        { "{\"threads\":\"many\"}", "threads" },    { "{\"flash_attention\":\"maybe\"}", "flash_attention" },
        { "{\"kv_type_k\":\"q9\"}", "kv_type_k" },  { "{\"mmap\":1}", "mmap" },
        { "{\"kv_unified\":\"yes\"}", "kv_unified" },
    };
    fake_host *h = fake_host_new(hearth_entry_engine_llama, package);
    for (size_t i = 0; i < HEARTH_COUNT(wrong); i++) {
        char params[1024];
        snprintf(params, sizeof params, "{\"files\":[\"%s\"],\"settings\":%s}", kindling, wrong[i][0]);
        fake_call *c = fake_host_call(h, "engine.open", params);
        assert_int_equal(c->code, HEARTH_INVALID_ARGUMENT);
        assert_non_null(strstr(c->message, wrong[i][1]));
        fake_call_free(c);
    }
    fake_host_free(h);
}

static void test_loading_can_be_cancelled(void **state)
{
    (void)state;
    char params[1024];
    snprintf(params, sizeof params, "{\"files\":[\"%s\"]}", kindling);
    fake_host *h = fake_host_new(hearth_entry_engine_llama, package);
    fake_call *c = fake_call_start(h, "engine.open", params);
    fake_call *early = fake_host_call(h, "engine.submit", "{\"prompt\":\"x\"}");
    assert_int_equal(early->code, HEARTH_LOADING);
    fake_call_cancel(c);
    fake_host_wait(h, c);
    assert_true(c->code == HEARTH_CANCELLED || c->code == HEARTH_OK); /* or it was faster */
    bool is_cancelled = c->code < 0;
    fake_call_free(early);
    fake_call_free(c);
    c = fake_host_call(h, "engine.open", params);
    assert_int_equal(c->code, is_cancelled ? HEARTH_OK : HEARTH_CONFLICT);
    fake_call_free(c);
    fake_host_free(h);
}

/* -- text --------------------------------------------------------------------------------------------------------------- */

static void test_open_tells_of_the_model(void **state)
{
    (void)state;
    char params[1024];
    snprintf(params, sizeof params, "{\"files\":[\"%s\"],\"settings\":{\"slots\":2}}", kindling);
    fake_host *h = fake_host_new(hearth_entry_engine_llama, package);
    fake_call *c = fake_host_call(h, "engine.open", params);
    assert_int_equal(c->code, HEARTH_OK);
    assert_int_equal(hearth_get_i64(c->value, "context", 0), 1024);
    assert_int_equal(hearth_get_i64(c->value, "slots", 0), 2);
    assert_int_equal(hearth_get_i64(c->value, "vocabulary", 0), 3072);
    assert_int_equal(hearth_get_i64(c->value, "parameters", 0), 7213312);
    assert_true(hearth_get_bool(c->value, "has_chat_template", false));
    assert_str(hearth_get_str(c->value, "architecture"), "llama");
    assert_true(hearth_get_u64(c->value, "memory_bytes", 0) > 7000000);
    assert_int_equal(hearth_get_i64(hearth_get(c->value, "sampling"), "top_k", 0), 20); /* the file recommends it */
    assert_true(hearth_get_f64(hearth_get(c->value, "sampling"), "temperature", 9) < 0.21);
    assert_true(c->progresses > 2);
    assert_int_equal(c->done, c->total);
    fake_call_free(c);
    fake_host_free(h);
}

static void test_greedy_output_is_fixed_and_ends_with_the_turn(void **state)
{
    (void)state;
    fake_call *c = submit("{" HELLO GREEDY "}");
    assert_int_equal(c->code, HEARTH_OK);
    assert_str(text_of(c), HELLO_REPLY);
    assert_same(text_of(c), hearth_buf_str(&c->text));
    assert_str(hearth_get_str(c->value, "finish_reason"), "stop");
    assert_int_equal(usage(c, "prompt_tokens"), 10);
    assert_int_equal(usage(c, "completion_tokens"), 10); /* nine with text, and the end of the turn */
    assert_int_equal(c->texts, 9);
    fake_call_free(c);
}

static void test_eight_streams_write_what_one_writes(void **state)
{
    (void)state;
    static const char *const asked[8] = {
        HELLO, STORY, "\"messages\":[{\"role\":\"user\",\"content\":\"What is Hearth?\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"Who are you?\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"How do I add a model?\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"My name is Ada.\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"What can you do?\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"Write a short story about a robot.\"}]",
    };
    fake_call *alone[8], *together[8];
    char       params[8][512];
    for (int i = 0; i < 8; i++) {
        snprintf(params[i], sizeof params[i], "{%s%s,\"max_tokens\":120}", asked[i], GREEDY);
        alone[i] = submit(params[i]);
        assert_int_equal(alone[i]->code, HEARTH_OK);
    }
    for (int i = 0; i < 8; i++)
        together[i] = fake_call_start(host, "engine.submit", params[i]);
    for (int i = 0; i < 8; i++) {
        fake_host_wait(host, together[i]);
        assert_same(text_of(together[i]), text_of(alone[i]));
        assert_same(hearth_buf_str(&together[i]->text), text_of(alone[i]));
        fake_call_free(alone[i]);
        fake_call_free(together[i]);
    }
}

static void test_stop_strings_across_tokens(void **state)
{
    (void)state;
    fake_call *c = submit("{" HELLO GREEDY ",\"stop\":[\"never\",\"t can I\"]}");
    assert_str(text_of(c), "Hello! Wha");
    assert_str(hearth_buf_str(&c->text), "Hello! Wha");
    assert_str(hearth_get_str(c->value, "finish_reason"), "stop");
    assert_str(hearth_get_str(c->value, "stop_string"), "t can I");
    fake_call_free(c);

    c = submit("{" HELLO GREEDY ",\"stop\":[\"for you? Nothing\"]}"); /* held back, then told after all */
    assert_str(hearth_buf_str(&c->text), HELLO_REPLY);
    fake_call_free(c);
}

static void test_max_tokens(void **state)
{
    (void)state;
    fake_call *c = submit("{" HELLO GREEDY ",\"max_tokens\":3}");
    assert_int_equal(usage(c, "completion_tokens"), 3);
    assert_str(hearth_get_str(c->value, "finish_reason"), "length");
    fake_call_free(c);
    c = submit("{" HELLO GREEDY ",\"max_tokens\":0}");
    assert_int_equal(c->code, HEARTH_OK);
    assert_int_equal(usage(c, "completion_tokens"), 0);
    assert_int_equal(text_of(c).n, 0);
    fake_call_free(c);
}

static void test_seeds(void **state)
{
    (void)state;
    fake_call *c[3];
    c[0] = submit("{" STORY ",\"temperature\":1.5,\"seed\":7,\"max_tokens\":60,\"ignore_eos\":true}");
    c[1] = submit("{" STORY ",\"temperature\":1.5,\"seed\":7,\"max_tokens\":60,\"ignore_eos\":true}");
    c[2] = submit("{" STORY ",\"temperature\":1.5,\"seed\":8,\"max_tokens\":60,\"ignore_eos\":true}");
    assert_same(text_of(c[0]), text_of(c[1]));
    assert_false(hearth_str_equal(text_of(c[0]), text_of(c[2])));
    for (int i = 0; i < 3; i++)
        fake_call_free(c[i]);
}

static void test_penalties_and_biases(void **state)
{
    (void)state;
    fake_call *first = submit("{" HELLO GREEDY ",\"n_probs\":2,\"max_tokens\":1}");
    assert_int_equal(hearth_count(first->logprobs), 1);
    const hearth_value *prob = hearth_at(first->logprobs, 0), *top = hearth_get(prob, "top_logprobs");
    assert_int_equal(hearth_count(top), 2);
    assert_true(hearth_get_f64(prob, "logprob", 1) <= 0);
    assert_true(hearth_get_f64(hearth_at(top, 0), "logprob", 1) == hearth_get_f64(prob, "logprob", 2));
    assert_true(hearth_get_f64(hearth_at(top, 0), "logprob", 1) >= hearth_get_f64(hearth_at(top, 1), "logprob", 2));

    char params[512];
    snprintf(params, sizeof params, "{" HELLO GREEDY ",\"max_tokens\":1,\"n_probs\":1,\"logit_bias\":{\"%lld\":-100}}",
             (long long)hearth_get_i64(prob, "id", 0));
    fake_call *other = submit(params); /* without its favourite it takes the runner-up; the probabilities stay */
    const hearth_value *prob2 = hearth_at(other->logprobs, 0);
    assert_int_equal(hearth_get_i64(prob2, "id", -1), hearth_get_i64(hearth_at(top, 1), "id", -2));
    assert_int_equal(hearth_get_i64(hearth_at(hearth_get(prob2, "top_logprobs"), 0), "id", -1), hearth_get_i64(prob, "id", -2));
    fake_call_free(first);
    fake_call_free(other);

    fake_call *plain = submit("{" STORY GREEDY ",\"max_tokens\":80}");
    fake_call *fresh = submit("{" STORY GREEDY ",\"max_tokens\":80,\"repeat_penalty\":1.8,\"frequency_penalty\":1.5}");
    assert_false(hearth_str_equal(text_of(plain), text_of(fresh)));
    fake_call_free(plain);
    fake_call_free(fresh);
}

static void test_wrong_arguments_are_named(void **state)
{
    (void)state;
    static const struct { const char *params, *word; hearth_code code; } wrong[] = {
        { "{" HELLO ",\"logit_bias\":{\"x\":1}}", "logit_bias", HEARTH_INVALID_ARGUMENT },
        { "{" HELLO ",\"logit_bias\":{\"9999999\":1}}", "logit_bias", HEARTH_INVALID_ARGUMENT },
        { "{" HELLO ",\"grammar\":\"root ::= (\"}", "grammar", HEARTH_INVALID_ARGUMENT },
        { "{" HELLO ",\"grammar\":\"leaf ::= \\\"x\\\"\"}", "grammar", HEARTH_INVALID_ARGUMENT },
        { "{" HELLO ",\"grammar\":\"%llguidance {}\"}", "grammar", HEARTH_INVALID_ARGUMENT },
        { "{" HELLO ",\"json_schema\":{\"type\":\"nosuch\"}}", "schema", HEARTH_INVALID_ARGUMENT },
        { "{\"tokens\":[5,3072]}", "3072", HEARTH_INVALID_ARGUMENT },
        { "{\"prompt\":\"\"}", "empty", HEARTH_INVALID_ARGUMENT },
        { "{" HELLO ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"no\"}}}", "no", HEARTH_INVALID_ARGUMENT },
        { "{\"messages\":[{\"content\":\"who?\"}]}", "template", HEARTH_INVALID_ARGUMENT },
        { "{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "template", HEARTH_INVALID_ARGUMENT },
    };
    for (size_t i = 0; i < HEARTH_COUNT(wrong); i++) {
        fake_call *c = fake_host_call(host, "engine.submit", wrong[i].params);
        if (c->code != wrong[i].code || !strstr(c->message, wrong[i].word))
            fail_msg("%s gave %d: %s", wrong[i].params, c->code, c->message);
        fake_call_free(c);
    }
}

/* -- context --------------------------------------------------------------------------------------------------------------- */

static void test_a_prompt_over_the_context_names_both_numbers(void **state)
{
    (void)state;
    char prompt[16000], params[16100];
    long_prompt(prompt, sizeof prompt, 1200);
    snprintf(params, sizeof params, "{\"prompt\":\"%s\"}", prompt);
    fake_call *c = fake_host_call(host, "engine.submit", params);
    assert_int_equal(c->code, HEARTH_CONTEXT_OVERFLOW);
    assert_int_equal(hearth_get_i64(c->value, "n_ctx", 0), 1024);
    assert_true(hearth_get_i64(c->value, "n_prompt_tokens", 0) >= 1024);
    fake_call_free(c);
}

static void test_an_answer_ends_with_the_context(void **state)
{
    (void)state;
    fake_call *c = submit("{" STORY GREEDY ",\"ignore_eos\":true}");
    assert_int_equal(c->code, HEARTH_OK);
    assert_str(hearth_get_str(c->value, "finish_reason"), "length");
    assert_int_equal(usage(c, "prompt_tokens") + usage(c, "completion_tokens"), 1024);
    fake_call_free(c);
}

static void test_a_known_beginning_is_not_read_again(void **state)
{
    (void)state;
    char prompt[4000], params[4200];
    long_prompt(prompt, sizeof prompt, 60);
    snprintf(params, sizeof params, "{\"prompt\":\"unlike all others: %s\"" GREEDY ",\"max_tokens\":20}", prompt);
    fake_call *first = submit(params), *again = submit(params);
    assert_int_equal(usage(first, "cached_tokens"), 0);
    assert_int_equal(usage(again, "cached_tokens"), usage(again, "prompt_tokens") - 1);
    assert_same(text_of(first), text_of(again));

    snprintf(params, sizeof params, "{\"prompt\":\"unlike all others: %s and more\"" GREEDY ",\"max_tokens\":20}", prompt);
    fake_call *longer = submit(params);
    assert_true(usage(longer, "cached_tokens") + 6 >= usage(again, "prompt_tokens"));
    fake_call_free(first);
    fake_call_free(again);
    fake_call_free(longer);
}

/* Four conversations of which two fit: caches are evicted, streams stall and go on. */
static void test_shared_memory_is_shared(void **state)
{
    (void)state;
    fake_host *h = open_host(kindling, "{\"slots\":4,\"context\":512,\"kv_unified\":true}");
    fake_call *alone[4], *together[4];
    char       params[4][512];
    for (int i = 0; i < 4; i++) {
        snprintf(params[i], sizeof params[i],
                 "{\"messages\":[{\"role\":\"user\",\"content\":\"Story number %d about a fox\"}]" GREEDY
                 ",\"ignore_eos\":true,\"max_tokens\":240}", i);
        alone[i] = fake_host_call(h, "engine.submit", params[i]);
        assert_int_equal(alone[i]->code, HEARTH_OK);
    }
    for (int i = 0; i < 4; i++)
        together[i] = fake_call_start(h, "engine.submit", params[i]);
    for (int i = 0; i < 4; i++) {
        fake_host_wait(h, together[i]);
        assert_int_equal(together[i]->code, HEARTH_OK);
        assert_int_equal(usage(together[i], "completion_tokens"), 240);
        fake_call_free(alone[i]);
        fake_call_free(together[i]);
    }
    fake_host_free(h);
}

/* -- UTF-8 -------------------------------------------------------------------------------------------------------------------- */

static void test_characters_of_several_tokens_come_whole(void **state)
{
    (void)state;
    fake_host *h = open_host(tiny, "{\"slots\":2}"); /* each byte is a token */
    fake_call *c = fake_host_call(h, "engine.submit", "{\"prompt\":\"x\",\"grammar\":\"root ::= \\\"é😀漢 ok\\\"\"" GREEDY "}");
    assert_int_equal(c->code, HEARTH_OK);
    assert_str(hearth_buf_str(&c->text), "é😀漢 ok");
    assert_int_equal(c->texts, 6);
    assert_int_equal(usage(c, "completion_tokens"), 2 + 4 + 3 + 3 + 1);
    fake_call_free(c);

    c = fake_host_call(h, "engine.submit", "{\"prompt\":\"y\",\"max_tokens\":200,\"temperature\":3,\"seed\":1,\"ignore_eos\":true}");
    assert_int_equal(c->code, HEARTH_OK); /* noise; the host checks every event */
    assert_true(hearth_utf8_valid(text_of(c)));
    assert_same(text_of(c), hearth_buf_str(&c->text));
    fake_call_free(c);

    c = fake_host_call(h, "engine.tokenize", "{\"text\":\"          \"}"); /* more tokens than bytes */
    assert_int_equal(c->code, HEARTH_OK);
    assert_int_equal(hearth_count(hearth_get(c->value, "tokens")), 30);
    fake_call_free(c);
    c = fake_host_call(h, "engine.submit", "{\"prompt\":\"a                    b\",\"max_tokens\":1}");
    assert_int_equal(c->code, HEARTH_OK);
    fake_call_free(c);
    fake_host_free(h);
}

static void test_tokens_and_back(void **state)
{
    (void)state;
    fake_call *c = fake_host_call(host, "engine.tokenize", "{\"text\":\"Grüße, 漢字 😀!\"}");
    assert_int_equal(c->code, HEARTH_OK);
    char *json = hearth_write(c->value, NULL);
    fake_call *back = fake_host_call(host, "engine.detokenize", json);
    assert_str(hearth_get_str(back->value, "text"), "Grüße, 漢字 😀!");
    hearth_write_free(json);
    fake_call_free(back);
    fake_call_free(c);
    c = fake_host_call(host, "engine.detokenize", "{\"tokens\":[1,99999]}");
    assert_int_equal(c->code, HEARTH_INVALID_ARGUMENT);
    fake_call_free(c);
    c = fake_host_call(host, "engine.apply_template", "{" HELLO "}");
    assert_str(hearth_get_str(c->value, "prompt"), "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
    fake_call_free(c);
}

/* -- tools, schemas --------------------------------------------------------------------------------------------------------- */

static void test_tool_calls(void **state)
{
    (void)state;
    fake_call *c = submit("{\"messages\":[{\"role\":\"user\",\"content\":\"What is the weather in Hanoi?\"}]" GREEDY
                          ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"Current weather\","
                          "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}}]}");
    assert_int_equal(c->code, HEARTH_OK);
    assert_str(hearth_get_str(c->value, "finish_reason"), "tool_calls");
    const hearth_value *calls = hearth_get(c->value, "tool_calls");
    assert_int_equal(hearth_count(calls), 1);
    const hearth_value *function = hearth_get(hearth_at(calls, 0), "function");
    assert_str(hearth_get_str(function, "name"), "get_weather");
    hearth_value *arguments = hearth_parse(NULL, hearth_get_str(function, "arguments"), NULL);
    assert_str(hearth_get_str(arguments, "city"), "Hanoi");
    hearth_value_unref(arguments);

    hearth_buf told; /* the fragments together are the arguments; the first has id and name */
    hearth_buf_init(&told, 4096);
    for (size_t i = 0; i < hearth_count(c->tool_calls); i++)
        hearth_buf_put(&told, hearth_get_str(hearth_at(c->tool_calls, i), "arguments"));
    assert_same(hearth_buf_str(&told), hearth_get_str(function, "arguments"));
    assert_same(hearth_get_str(hearth_at(c->tool_calls, 0), "id"), hearth_get_str(hearth_at(calls, 0), "id"));
    hearth_buf_deinit(&told);
    fake_call_free(c);
}

static void test_json_schema(void **state)
{
    (void)state;
    static const char schema[] = "\"json_schema\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":20},"
                                 "\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}},\"required\":[\"name\",\"age\"],\"additionalProperties\":false}";
    static const char *const asked[] = { "\"messages\":[{\"role\":\"user\",\"content\":\"Extract name and age: Ada Lovelace is 36.\"}]",
                                         "\"prompt\":\"Ada is 36.\"" };
    for (int i = 0; i < 2; i++) {
        char params[1024];
        snprintf(params, sizeof params, "{%s,%s" GREEDY "}", asked[i], schema);
        fake_call    *c = submit(params);
        hearth_value *v = hearth_parse(NULL, text_of(c), NULL);
        assert_int_equal(hearth_kind_of(hearth_get(v, "name")), HEARTH_STRING);
        assert_int_equal(hearth_kind_of(hearth_get(v, "age")), HEARTH_INT);
        hearth_value_unref(v);
        fake_call_free(c);
    }
}

/* The grammar writes the model's part: what it says is fixed, how it is read is not. */
static void test_reasoning_is_told_apart(void **state)
{
    (void)state;
    fake_host *h = open_host(thinking, "{\"slots\":1}");
    fake_call *c = fake_host_call(h, "engine.submit", "{" HELLO GREEDY ",\"grammar\":\"root ::= \\\"<think>\\\\nhm, é\\\\n</think>\\\\n\\\\nYes.\\\"\"}");
    if (c->code < 0)
        fail_msg("%s", c->message);
    assert_str(text_of(c), "Yes.");
    assert_str(hearth_get_str(c->value, "reasoning"), "hm, é\n"); /* as llama-server gives it */
    assert_str(hearth_buf_str(&c->text), "Yes.");
    assert_str(hearth_buf_str(&c->reasoning), "hm, é\n");
    assert_str(hearth_get_str(c->value, "finish_reason"), "stop");
    fake_call_free(c);

    /* Cut in mid-thought: it stays reasoning. */
    c = fake_host_call(h, "engine.submit", "{" HELLO GREEDY ",\"max_tokens\":12,\"grammar\":\"root ::= \\\"<think>\\\\nhm, é\\\\n</think>\\\\n\\\\nYes.\\\"\"}");
    assert_str(hearth_get_str(c->value, "finish_reason"), "length");
    assert_int_equal(text_of(c).n, 0);
    assert_str(hearth_get_str(c->value, "reasoning"), "hm, ");
    fake_call_free(c);
    fake_host_free(h);
}

/* -- cancelling, queueing --------------------------------------------------------------------------------------------------- */

static bool has_three_texts(void *arg) { return ((fake_call *)arg)->texts >= 3; }
static bool has_progress(void *arg) { return ((fake_call *)arg)->progresses >= 1; }

static void test_cancel_while_writing(void **state)
{
    (void)state;
    fake_call *c = fake_call_start(host, "engine.submit", "{" STORY GREEDY ",\"ignore_eos\":true}");
    c->is_held = true; /* it cannot come to an end before it is cancelled */
    fake_host_until(host, has_three_texts, c);
    fake_call_cancel(c);
    fake_host_wait(host, c);
    assert_str(hearth_get_str(c->value, "finish_reason"), "cancelled");
    assert_true(usage(c, "completion_tokens") >= 3);
    assert_same(text_of(c), hearth_buf_str(&c->text));
    assert_int_equal(busy_slots(host), 0);
    fake_call_free(c);
}

/* The other stream of the aborted step must not notice. */
static void test_cancel_while_reading(void **state)
{
    (void)state;
    fake_host *h = open_host(kindling, "{\"slots\":2,\"batch\":64}");
    char       prompt[8000], params[8200];
    long_prompt(prompt, sizeof prompt, 200);
    snprintf(params, sizeof params, "{\"prompt\":\"%s\"}", prompt);
    fake_call *other = fake_call_start(h, "engine.submit", "{" STORY GREEDY ",\"max_tokens\":100}");
    fake_call *c = fake_call_start(h, "engine.submit", params);
    c->is_held = true;
    fake_host_until(h, has_progress, c);
    fake_call_cancel(c);
    fake_host_wait(h, c);
    assert_str(hearth_get_str(c->value, "finish_reason"), "cancelled");
    assert_int_equal(usage(c, "completion_tokens"), 0);
    assert_true(c->done < c->total);
    fake_host_wait(h, other);
    fake_call *alone = fake_host_call(h, "engine.submit", "{" STORY GREEDY ",\"max_tokens\":100}");
    assert_same(text_of(other), text_of(alone));
    assert_int_equal(busy_slots(h), 0);
    fake_call_free(alone);
    fake_call_free(other);
    fake_call_free(c);
    fake_host_free(h);
}

static void test_an_abort_storm_leaves_nothing(void **state)
{
    (void)state;
    enum { CALLS = 100 };
    fake_call *c[CALLS];
    for (int i = 0; i < CALLS; i++) {
        c[i] = fake_call_start(host, "engine.submit", "{" STORY GREEDY ",\"ignore_eos\":true}");
        if (i % 3 == 0)
            fake_call_cancel(c[i]); /* while it is prepared */
    }
    c[1]->is_held = true;
    fake_host_until(host, has_three_texts, c[1]);
    for (int i = 0; i < CALLS; i++)
        fake_call_cancel(c[i]); /* while it waits or writes */
    for (int i = 0; i < CALLS; i++) {
        fake_host_wait(host, c[i]);
        assert_str(hearth_get_str(c[i]->value, "finish_reason"), "cancelled");
        fake_call_free(c[i]);
    }
    assert_int_equal(busy_slots(host), 0);
    fake_call *after = submit("{" HELLO GREEDY "}");
    assert_str(text_of(after), HELLO_REPLY);
    fake_call_free(after);
}

static void test_a_full_queue_is_busy(void **state)
{
    (void)state;
    fake_host *h = open_host(kindling, "{\"slots\":1,\"queue\":1}");
    fake_call *a = fake_call_start(h, "engine.submit", "{" STORY GREEDY "}");
    fake_call *b = fake_call_start(h, "engine.submit", "{" STORY GREEDY "}");
    fake_call *c = fake_host_call(h, "engine.submit", "{" STORY GREEDY "}");
    assert_int_equal(c->code, HEARTH_BUSY);
    fake_host_wait(h, a);
    fake_host_wait(h, b);
    assert_int_equal(b->code, HEARTH_OK);
    fake_call_free(a);
    fake_call_free(b);
    fake_call_free(c);
    fake_host_free(h);
}

static void test_lanes_take_turns(void **state)
{
    (void)state;
    fake_host *h = open_host(kindling, "{\"slots\":1}");
    fake_call *first = fake_call_start(h, "engine.submit", "{" STORY GREEDY ",\"ignore_eos\":true,\"lane\":1}");
    fake_call *many[4];
    first->is_held = true;
    fake_host_until(h, has_three_texts, first); /* it holds the slot while the others line up */
    for (int i = 0; i < 4; i++)
        many[i] = fake_call_start(h, "engine.submit", "{" HELLO GREEDY ",\"lane\":1}");
    fake_call *one = fake_call_start(h, "engine.submit", "{" HELLO GREEDY ",\"lane\":2}");
    fake_call_free(fake_host_call(h, "engine.tokenize", "{\"text\":\"x\"}")); /* workers keep order: all five wait now */
    fake_call_cancel(first);
    fake_host_wait(h, many[3]);
    assert_true(one->is_done);
    assert_true(many[0]->order < one->order && one->order < many[1]->order && many[1]->order < many[3]->order);
    for (int i = 0; i < 4; i++)
        fake_call_free(many[i]);
    fake_call_free(first);
    fake_call_free(one);
    fake_host_free(h);
}

static void test_dispose_in_mid_answer(void **state)
{
    (void)state;
    fake_host *h = open_host(kindling, "{\"slots\":2}");
    fake_call *c[4];
    for (int i = 0; i < 4; i++)
        c[i] = fake_call_start(h, "engine.submit", "{" STORY GREEDY ",\"ignore_eos\":true}");
    c[0]->is_held = true;
    fake_host_until(h, has_three_texts, c[0]);
    fake_host_free(h); /* cancels, waits, disposes, counts memory */
    for (int i = 0; i < 4; i++)
        fake_call_free(c[i]);
}

static void test_a_step_is_one_push(void **state)
{
    (void)state;
    fake_call *c[4], *first = fake_call_start(host, "engine.submit", "{" STORY GREEDY ",\"ignore_eos\":true}");
    first->is_held = true;
    fake_host_until(host, has_three_texts, first); /* the engine stands still while four line up */
    for (int i = 0; i < 4; i++)
        c[i] = fake_call_start(host, "engine.submit", "{" STORY GREEDY ",\"ignore_eos\":true,\"max_tokens\":100}");
    fake_call_free(fake_host_call(host, "engine.tokenize", "{\"text\":\"x\"}"));
    unsigned before = fake_host_pushes(host), texts = 0;
    fake_call_cancel(first);
    for (int i = 0; i < 4; i++) {
        fake_host_wait(host, c[i]);
        texts += c[i]->texts;
        fake_call_free(c[i]);
    }
    fake_call_free(first);
    assert_int_equal(texts, 400);
    assert_true(fake_host_pushes(host) - before < 120); /* a hundred steps, and the reading of the prompts */
}

/* -- main ------------------------------------------------------------------------------------------------------------------- */

static int open_kindling(void **state)
{
    (void)state;
    host = open_host(kindling, "{\"slots\":8}");
    return 0;
}

static int close_kindling(void **state)
{
    (void)state;
    fake_host_free(host);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest files[] = {
        cmocka_unit_test(test_damaged_files_are_refused), /* first: it forks, and there are no threads yet */
        cmocka_unit_test(test_a_missing_file_is_not_found),
        cmocka_unit_test(test_a_broken_template_leaves_prompts),
        cmocka_unit_test(test_wrong_settings_name_themselves),
        cmocka_unit_test(test_loading_can_be_cancelled),
        cmocka_unit_test(test_open_tells_of_the_model),
        cmocka_unit_test(test_characters_of_several_tokens_come_whole),
        cmocka_unit_test(test_reasoning_is_told_apart),
        cmocka_unit_test(test_shared_memory_is_shared),
        cmocka_unit_test(test_cancel_while_reading),
        cmocka_unit_test(test_a_full_queue_is_busy),
        cmocka_unit_test(test_lanes_take_turns),
        cmocka_unit_test(test_dispose_in_mid_answer),
    };
    const struct CMUnitTest with_kindling[] = {
        cmocka_unit_test(test_greedy_output_is_fixed_and_ends_with_the_turn),
        cmocka_unit_test(test_eight_streams_write_what_one_writes),
        cmocka_unit_test(test_stop_strings_across_tokens),
        cmocka_unit_test(test_max_tokens),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_penalties_and_biases),
        cmocka_unit_test(test_wrong_arguments_are_named),
        cmocka_unit_test(test_a_prompt_over_the_context_names_both_numbers),
        cmocka_unit_test(test_an_answer_ends_with_the_context),
        cmocka_unit_test(test_a_known_beginning_is_not_read_again),
        cmocka_unit_test(test_tokens_and_back),
        cmocka_unit_test(test_tool_calls),
        cmocka_unit_test(test_json_schema),
        cmocka_unit_test(test_cancel_while_writing),
        cmocka_unit_test(test_an_abort_storm_leaves_nothing),
        cmocka_unit_test(test_a_step_is_one_push),
    };
    if (argc != 6) {
        fprintf(stderr, "usage: %s PACKAGE KINDLING TINY THINKING DAMAGED\n", argv[0]);
        return 2;
    }
    package = argv[1];
    kindling = argv[2];
    tiny = argv[3];
    thinking = argv[4];
    damaged = argv[5];
    if (getenv("TEST_FILTER"))
        cmocka_set_test_filter(getenv("TEST_FILTER"));
    int failed = cmocka_run_group_tests_name("engine-llama, files", files, NULL, NULL);
    return failed + cmocka_run_group_tests_name("engine-llama, Kindling", with_kindling, open_kindling, close_kindling);
}
