/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chat_c.h"

#define BLOCK 256 /* logits that are compared as one: most blocks hold nothing of interest */
#define LANES 4

struct sampler {
    hearth_sampling       p;
    struct llama_sampler *chain;   /* what is left for llama.cpp; NULL at temperature 0 */
    struct llama_sampler *grammar; /* or NULL */
    int32_t               k;       /* candidates that the chain sees */
    bool                  has_penalties;
    size_t                bias_count;
    sampler_bias          biases[];
};

/* -- making one ----------------------------------------------------------------------------------------------- */

/* The neutral ones are left out: they would change nothing. */
static struct llama_sampler *make_chain(const hearth_sampling *p)
{
    struct llama_sampler_chain_params params = llama_sampler_chain_default_params();
    params.no_perf = true;
    struct llama_sampler *chain = llama_sampler_chain_init(params);
    if (p->typical_p < 1.0f)
        llama_sampler_chain_add(chain, llama_sampler_init_typical(p->typical_p, 0));
    if (p->top_p < 1.0f)
        llama_sampler_chain_add(chain, llama_sampler_init_top_p(p->top_p, 0));
    if (p->min_p > 0.0f)
        llama_sampler_chain_add(chain, llama_sampler_init_min_p(p->min_p, 0));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(p->temperature));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(p->seed));
    return chain;
}

static size_t add_biases(const vocabulary *v, const sampler_options *o, sampler_bias *to)
{
    size_t n = 0;
    for (size_t i = 0; i < o->bias_count; i++) {
        if (o->biases[i].token >= 0 && o->biases[i].token < v->size)
            to[n++] = o->biases[i];
    }
    for (int32_t i = 0; i < v->suppressed_count; i++) {
        if (v->suppressed[i] >= 0 && v->suppressed[i] < v->size)
            to[n++] = (sampler_bias){ v->suppressed[i], -INFINITY };
    }
    for (int32_t i = 0; o->ignore_eos && i < v->end_count; i++)
        to[n++] = (sampler_bias){ v->ends[i], -INFINITY };
    return n;
}

sampler *sampler_new(const vocabulary *v, const sampler_options *o)
{
    const hearth_sampling *p = o->sampling;
    size_t   most = o->bias_count + (size_t)v->suppressed_count + (o->ignore_eos ? (size_t)v->end_count : 0);
    sampler *s = calloc(1, sizeof *s + most * sizeof s->biases[0]);
    if (!s) {
        llama_sampler_free(o->grammar);
        return NULL;
    }
    s->p = *p;
    s->grammar = o->grammar;
    s->k = p->top_k > 0 && p->top_k < v->size ? p->top_k : v->size;
    s->has_penalties = p->repeat_last_n != 0 &&
                       (p->repeat_penalty != 1.0f || p->presence_penalty != 0.0f || p->frequency_penalty != 0.0f);
    s->bias_count = add_biases(v, o, s->biases);
    if (p->temperature > 0.0f)
        s->chain = make_chain(p);
    return s;
}

void sampler_free(sampler *s)
{
    if (!s)
        return;
    llama_sampler_free(s->chain);
    llama_sampler_free(s->grammar);
    free(s);
}

/* -- the row ---------------------------------------------------------------------------------------------------- */

static inline void keep_larger(float kept[LANES], const float *row)
{
    for (int j = 0; j < LANES; j++)
        kept[j] = row[j] > kept[j] ? row[j] : kept[j];
}

/* The largest of up to BLOCK floats. The one loop that touches every logit of every token: four groups of lanes,
 * which compilers keep in vector registers at -O2. */
static float block_max(const float *row, int32_t n)
{
    float most = row[0];
    if (n < BLOCK) {
        for (int32_t i = 1; i < n; i++)
            most = row[i] > most ? row[i] : most;
        return most;
    }
    float a[LANES], b[LANES], c[LANES], d[LANES];
    memcpy(a, row, sizeof a);
    memcpy(b, row + LANES, sizeof b);
    memcpy(c, row + 2 * LANES, sizeof c);
    memcpy(d, row + 3 * LANES, sizeof d);
    for (int32_t i = 4 * LANES; i < BLOCK; i += 4 * LANES) {
        keep_larger(a, row + i);
        keep_larger(b, row + i + LANES);
        keep_larger(c, row + i + 2 * LANES);
        keep_larger(d, row + i + 3 * LANES);
    }
    keep_larger(a, b);
    keep_larger(c, d);
    keep_larger(a, c);
    for (int j = 0; j < LANES; j++)
        most = a[j] > most ? a[j] : most;
    return most;
}

static llama_token largest(const float *row, int32_t n)
{
    int32_t block = 0;
    float   best = -INFINITY;
    for (int32_t at = 0; at < n; at += BLOCK) {
        float m = block_max(row + at, n - at < BLOCK ? n - at : BLOCK);
        if (m > best) {
            best = m;
            block = at;
        }
    }
    for (int32_t i = block; i < n && i < block + BLOCK; i++) {
        if (row[i] == best)
            return i;
    }
    return 0; /* nothing but -inf or NaN */
}

static void sift_down(llama_token_data *heap, size_t n, size_t at)
{
    llama_token_data moved = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            break;
        if (child + 1 < n && heap[child + 1].logit < heap[child].logit)
            child++;
        if (heap[child].logit >= moved.logit)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* The k largest, largest first. A heap whose root is the smallest one kept; blocks below it are skipped whole. */
static size_t largest_k(const float *row, int32_t n, int32_t k, llama_token_data *out)
{
    size_t size = (size_t)(k < n ? k : n);
    for (size_t i = 0; i < size; i++)
        out[i] = (llama_token_data){ (llama_token)i, row[i], 0.0f };
    for (size_t i = size / 2; i-- > 0;)
        sift_down(out, size, i);
    for (int32_t at = (int32_t)size; at < n; at += BLOCK) {
        int32_t end = n - at < BLOCK ? n : at + BLOCK;
        if (!(block_max(row + at, end - at) > out[0].logit))
            continue;
        for (int32_t i = at; i < end; i++) {
            if (row[i] > out[0].logit) {
                out[0] = (llama_token_data){ i, row[i], 0.0f };
                sift_down(out, size, 0);
            }
        }
    }
    for (size_t last = size; last > 1;) { /* heap sort: the smallest goes to the end */
        llama_token_data smallest = out[0];
        out[0] = out[--last];
        out[last] = smallest;
        sift_down(out, last, 0);
    }
    return size;
}

/* As llama.cpp's penalties, but only on the tokens that occurred: two walks over the window, none over the
 * vocabulary. */
static void penalise(const sampler *s, vocabulary *v, float *row, const llama_token *tokens, size_t n)
{
    size_t window = s->p.repeat_last_n < 0 || (size_t)s->p.repeat_last_n > n ? n : (size_t)s->p.repeat_last_n;
    const llama_token *from = tokens + (n - window);
    for (size_t i = 0; i < window; i++) {
        if (v->counts[from[i]] < UINT16_MAX)
            v->counts[from[i]]++;
    }
    for (size_t i = 0; i < window; i++) {
        uint16_t count = v->counts[from[i]];
        if (count == 0)
            continue;
        v->counts[from[i]] = 0;
        float *logit = &row[from[i]];
        *logit = *logit <= 0.0f ? *logit * s->p.repeat_penalty : *logit / s->p.repeat_penalty;
        *logit -= (float)count * s->p.frequency_penalty + s->p.presence_penalty;
    }
}

/* -- choosing --------------------------------------------------------------------------------------------------- */

static llama_token pick_from(const sampler *s, llama_token_data_array *array)
{
    if (!s->chain) {
        size_t best = 0;
        for (size_t i = 1; i < array->size; i++) {
            if (array->data[i].logit > array->data[best].logit)
                best = i;
        }
        return array->data[best].id;
    }
    llama_sampler_apply(s->chain, array);
    return array->selected >= 0 ? array->data[array->selected].id : array->data[0].id;
}

static llama_token pick_free(const sampler *s, vocabulary *v, const float *row)
{
    if (!s->chain)
        return largest(row, v->size);
    llama_token_data_array array = { v->candidates, 0, -1, false };
    if (s->k < v->size) {
        array.size = largest_k(row, v->size, s->k, v->candidates);
        array.sorted = true;
    } else {
        array.size = (size_t)v->size;
        for (int32_t i = 0; i < v->size; i++)
            v->candidates[i] = (llama_token_data){ i, row[i], 0.0f };
    }
    return pick_from(s, &array);
}

/* The grammar refused the free choice: it filters the whole vocabulary, then the choice is made again. */
static int32_t pick_by_grammar(const sampler *s, vocabulary *v, const float *row)
{
    llama_token_data_array array = { v->candidates, (size_t)v->size, -1, false };
    for (int32_t i = 0; i < v->size; i++)
        v->candidates[i] = (llama_token_data){ i, row[i], 0.0f };
    if (!grammar_filter(s->grammar, &array))
        return HEARTH_INTERNAL;
    size_t kept = 0; /* what the grammar refuses is -inf now */
    for (size_t i = 0; i < array.size; i++) {
        if (array.data[i].logit > -INFINITY)
            array.data[kept++] = array.data[i];
    }
    if (kept == 0)
        return HEARTH_INTERNAL;
    array.size = kept;
    if (s->chain && (size_t)s->k < kept) {
        struct llama_sampler *top = llama_sampler_init_top_k(s->k);
        llama_sampler_apply(top, &array);
        llama_sampler_free(top);
    }
    return pick_from(s, &array);
}

int32_t sampler_pick(sampler *s, vocabulary *v, float *row, const llama_token *tokens, size_t token_count)
{
    if (s->p.n_probs > 0)
        memcpy(v->row, row, (size_t)v->size * sizeof *row);
    for (size_t i = 0; i < s->bias_count; i++)
        row[s->biases[i].token] += s->biases[i].bias;
    if (s->has_penalties)
        penalise(s, v, row, tokens, token_count);

    int32_t token = pick_free(s, v, row);
    if (!s->grammar)
        return token;
    llama_token_data       one = { token, 1.0f, 0.0f };
    llama_token_data_array alone = { &one, 1, -1, false };
    if (!grammar_filter(s->grammar, &alone))
        return HEARTH_INTERNAL;
    if (!(one.logit > -INFINITY))
        token = pick_by_grammar(s, v, row);
    if (token >= 0 && !grammar_accept(s->grammar, token))
        return HEARTH_INTERNAL;
    return token;
}

float sampler_probs(const vocabulary *v, llama_token token, sampler_prob *top, size_t n)
{
    float  max = v->row[largest(v->row, v->size)];
    double sum = 0.0;
    for (int32_t i = 0; i < v->size; i++)
        sum += expf(v->row[i] - max);
    float log_sum = max + (float)log(sum);

    llama_token_data likeliest[SAMPLER_MAX_PROBS];
    n = n < SAMPLER_MAX_PROBS ? n : SAMPLER_MAX_PROBS;
    if (n > 0)
        n = largest_k(v->row, v->size, (int32_t)n, likeliest);
    for (size_t i = 0; i < n; i++)
        top[i] = (sampler_prob){ likeliest[i].id, likeliest[i].logit - log_sum };
    return v->row[token] - log_sum;
}
