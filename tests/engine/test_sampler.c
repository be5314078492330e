/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sampler.c against llama.cpp's own chain, the one that llama-server builds: on random logits both must choose the
 * same tokens, for every kind of sampling and over many steps of one seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sampler.h"

enum { VOCABULARY = 5003, STEPS = 60 };

static vocabulary words;
static uint64_t   dice = 88172645463325252u;

static float random_logit(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (float)(dice >> 40) * 0x1p-24f * 24.0f - 12.0f;
}

static hearth_sampling neutral(void)
{
    return (hearth_sampling){ .size = sizeof(hearth_sampling), .seed = 11, .top_k = 40, .repeat_last_n = 64, .temperature = 0.8f,
                              .top_p = 0.95f, .min_p = 0.05f, .typical_p = 1.0f, .repeat_penalty = 1.0f };
}

static struct llama_sampler *reference(const hearth_sampling *p)
{
    struct llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    llama_sampler_chain_add(chain, llama_sampler_init_penalties(VOCABULARY, p->repeat_last_n, p->repeat_penalty,
                                                                p->frequency_penalty, p->presence_penalty));
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(p->top_k));
    llama_sampler_chain_add(chain, llama_sampler_init_typical(p->typical_p, 0));
    llama_sampler_chain_add(chain, llama_sampler_init_top_p(p->top_p, 0));
    llama_sampler_chain_add(chain, llama_sampler_init_min_p(p->min_p, 0));
    llama_sampler_chain_add(chain, llama_sampler_init_temp_ext(p->temperature, 0.0f, 1.0f));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(p->seed));
    return chain;
}

static llama_token pick_reference(struct llama_sampler *chain, const float *row)
{
    static llama_token_data data[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++)
        data[i] = (llama_token_data){ i, row[i], 0.0f };
    llama_token_data_array array = { data, VOCABULARY, -1, false };
    llama_sampler_apply(chain, &array);
    llama_sampler_accept(chain, array.data[array.selected].id);
    return array.data[array.selected].id;
}

static void compare(const hearth_sampling *p)
{
    static float          row[VOCABULARY];
    llama_token           tokens[STEPS];
    struct llama_sampler *chain = reference(p);
    sampler *s = sampler_new(&words, &(sampler_options){ .sampling = p });
    assert_non_null(s);
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < VOCABULARY; i++)
            row[i] = random_logit();
        for (int i = 0; i < step; i++) /* what was chosen stays likely, so that penalties matter */
            row[tokens[i]] += 6.0f;
        llama_token want = pick_reference(chain, row);
        tokens[step] = sampler_pick(s, &words, row, tokens, (size_t)step);
        assert_int_equal(tokens[step], want);
    }
    sampler_free(s);
    llama_sampler_free(chain);
}

static void test_defaults(void **state)
{
    (void)state;
    hearth_sampling p = neutral();
    compare(&p);
}

static void test_greedy(void **state)
{
    (void)state;
    hearth_sampling p = neutral();
    p.temperature = 0.0f;
    compare(&p);
    p.repeat_penalty = 1.7f;
    compare(&p);
}

static void test_each_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        hearth_sampling p = neutral();
        p.seed = 100u + (unsigned)kind;
        p.top_k = kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? 500 : 40;
        p.top_p = kind == 3 ? 0.3f : kind == 4 ? 1.0f : 0.95f;
        p.min_p = kind == 5 ? 0.0f : 0.05f;
        p.typical_p = kind == 6 ? 0.5f : 1.0f;
        p.temperature = kind == 7 ? 3.0f : 0.8f;
        compare(&p);
    }
}

static void test_penalties(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        hearth_sampling p = neutral();
        p.repeat_penalty = kind == 0 ? 1.3f : 1.0f;
        p.presence_penalty = kind == 1 ? 0.9f : 0.0f;
        p.frequency_penalty = kind == 2 ? 0.7f : 0.0f;
        p.repeat_last_n = kind == 3 ? 7 : 64;
        if (kind == 3)
            p.repeat_penalty = 1.5f;
        compare(&p);
    }
    for (int i = 0; i < VOCABULARY; i++)
        assert_int_equal(words.counts[i], 0); /* the scratch is left as it was found */
}

static void test_probabilities(void **state)
{
    (void)state;
    static float    row[VOCABULARY];
    hearth_sampling p = neutral();
    sampler_prob    top[5];
    double          sum = 0.0;
    p.n_probs = 5;
    sampler_bias bias = { 17, -INFINITY };
    sampler     *s = sampler_new(&words, &(sampler_options){ .sampling = &p, .biases = &bias, .bias_count = 1 });
    for (int i = 0; i < VOCABULARY; i++)
        row[i] = random_logit();
    row[17] = 30.0f; /* the likeliest, but biased away: told, never chosen */
    for (int i = 0; i < VOCABULARY; i++)
        sum += exp((double)row[i]);
    double      of_17 = 30.0 - log(sum);
    llama_token token = sampler_pick(s, &words, row, NULL, 0);
    assert_int_not_equal(token, 17);
    float logprob = sampler_probs(&words, token, top, 5);
    assert_true(logprob < -10.0f);
    assert_int_equal(top[0].token, 17);
    assert_true(fabs((double)top[0].logprob - of_17) < 1e-4);
    for (int i = 1; i < 5; i++)
        assert_true(top[i].logprob <= top[i - 1].logprob);
    sampler_free(s);
}

static void test_rows_without_a_choice(void **state)
{
    (void)state;
    static float    row[VOCABULARY];
    hearth_sampling p = neutral();
    for (int greedy = 0; greedy < 2; greedy++) {
        p.temperature = greedy ? 0.0f : 0.8f;
        sampler *s = sampler_new(&words, &(sampler_options){ .sampling = &p });
        for (int i = 0; i < VOCABULARY; i++)
            row[i] = -INFINITY;
        row[VOCABULARY - 1] = 1.0f;
        assert_int_equal(sampler_pick(s, &words, row, NULL, 0), VOCABULARY - 1);
        for (int i = 0; i < VOCABULARY; i++)
            row[i] = NAN; /* a broken model: any token, but no crash */
        assert_in_range(sampler_pick(s, &words, row, NULL, 0), 0, VOCABULARY - 1);
        sampler_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_each_kind),     cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_probabilities), cmocka_unit_test(test_rows_without_a_choice),
    };
    words = (vocabulary){ .size = VOCABULARY };
    words.candidates = calloc(VOCABULARY, sizeof *words.candidates);
    words.counts = calloc(VOCABULARY, sizeof *words.counts);
    words.row = calloc(VOCABULARY, sizeof *words.row);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vocabulary_deinit(&words);
    return failed;
}
