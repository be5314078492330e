/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vocabulary.h"

#include <stdlib.h>

hearth_code vocabulary_init(vocabulary *v, const struct llama_vocab *vocab, hearth_err *err)
{
    *v = (vocabulary){ .vocab = vocab, .size = llama_vocab_n_tokens(vocab) };
    size_t n = (size_t)v->size;
    v->candidates = malloc(n * sizeof *v->candidates);
    v->counts = calloc(n, sizeof *v->counts);
    v->row = malloc(n * sizeof *v->row);
    v->ends = malloc(n * sizeof *v->ends);
    if (!v->candidates || !v->counts || !v->row || !v->ends) {
        vocabulary_deinit(v);
        return hearth_err_set(err, HEARTH_NO_MEMORY, "engine-llama.load",
                              "no memory for a vocabulary of %d tokens; close something", v->size);
    }
    for (llama_token t = 0; t < v->size; t++) {
        if (llama_vocab_is_eog(vocab, t))
            v->ends[v->end_count++] = t;
    }
    llama_token *ends = realloc(v->ends, ((size_t)v->end_count + 1) * sizeof *ends);
    if (ends)
        v->ends = ends;
    v->suppressed = llama_vocab_get_suppress_tokens(vocab, &v->suppressed_count);
    return HEARTH_OK;
}

void vocabulary_deinit(vocabulary *v)
{
    free(v->candidates);
    free(v->counts);
    free(v->row);
    free(v->ends);
    *v = (vocabulary){ 0 };
}

hearth_code vocabulary_put(const vocabulary *v, llama_token token, bool is_special, hearth_buf *out)
{
    size_t room = 32; /* most tokens are shorter: one call */
    HEARTH_TRY(hearth_buf_reserve(out, room));
    int32_t n = llama_token_to_piece(v->vocab, token, out->p + out->n, (int32_t)room, 0, is_special);
    if (n < 0) {
        HEARTH_TRY(hearth_buf_reserve(out, (size_t)-n));
        n = llama_token_to_piece(v->vocab, token, out->p + out->n, -n, 0, is_special);
    }
    if (n > 0)
        out->n += (size_t)n;
    return HEARTH_OK;
}

hearth_code vocabulary_tokenize(const vocabulary *v, hearth_str from, bool add_special, bool parse_special,
                                void *(*alloc)(void *arg, size_t bytes), void *arg, llama_token **tokens, size_t *count)
{
    const char *text = from.n ? from.p : "";
    size_t      most = from.n + 8; /* nearly always enough; a space may become three byte tokens */
    for (int tries = 0; tries < 2 && most <= INT32_MAX && from.n <= INT32_MAX; tries++) {
        *tokens = alloc(arg, most * sizeof **tokens);
        if (!*tokens)
            return HEARTH_NO_MEMORY;
        int32_t n = llama_tokenize(v->vocab, text, (int32_t)from.n, *tokens, (int32_t)most, add_special, parse_special);
        if (n >= 0) {
            *count = (size_t)n;
            return HEARTH_OK;
        }
        most = (size_t)-(int64_t)n;
    }
    return HEARTH_NO_MEMORY;
}
