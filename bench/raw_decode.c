/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* raw_decode: what a token costs when nothing is around llama_decode: no sampling, no text, no HTTP. What a server uses
 * beyond this is the server's own.
 *
 *     raw_decode FILE LIBRARIES SEQUENCES CONTEXT TOKENS PROMPT
 *
 * LIBRARIES is the folder with ggml's back ends. SEQUENCES grow together, as in continuous batching, each by TOKENS after
 * a prompt of PROMPT tokens, and each with room for CONTEXT. One line of JSON: `cpu_us` and `wall_us` per token, of the whole process. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <ggml-backend.h>
#include <llama.h>

static double seconds(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void quiet(enum ggml_log_level level, const char *text, void *arg)
{
    (void)arg;
    if (level == GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
}

static void put(struct llama_batch *b, llama_token token, int32_t at, int32_t seq, bool wants_logits)
{
    int32_t i = b->n_tokens++;
    b->token[i] = token;
    b->pos[i] = at;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = seq;
    b->logits[i] = wants_logits;
}

/* Decodes `steps` tokens of each sequence, one step for all together. Returns false when the engine refuses. */
static bool decode(struct llama_context *c, struct llama_batch *b, int32_t sequences, int32_t from, int32_t steps,
                   int32_t vocabulary)
{
    for (int32_t at = from; at < from + steps; at++) {
        b->n_tokens = 0;
        for (int32_t s = 0; s < sequences; s++)
            put(b, 3 + (at * 31 + s * 7) % (vocabulary - 3), at, s, true);
        if (llama_decode(c, *b) != 0)
            return false;
        llama_synchronize(c);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct llama_model   *model = NULL;
    struct llama_context *context = NULL;
    struct llama_batch    batch = { 0 };
    int                   status = 1;
    if (argc != 7) {
        fprintf(stderr, "raw_decode FILE LIBRARIES SEQUENCES CONTEXT TOKENS PROMPT\n");
        return 2;
    }
    int32_t sequences = atoi(argv[3]), room = atoi(argv[4]), tokens = atoi(argv[5]), prompt = atoi(argv[6]);
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(argv[2]);
    llama_backend_init();
    model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model)
        goto out;
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = (uint32_t)(sequences * room);
    p.n_seq_max = (uint32_t)sequences;
    p.n_outputs_max = (uint32_t)sequences;
    p.no_perf = true;
    p.n_threads = p.n_threads_batch = 1;
    context = llama_init_from_model(model, p);
    if (!context)
        goto out;
    batch = llama_batch_init(sequences, 0, 1);
    int32_t vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    if (!decode(context, &batch, sequences, 0, prompt, vocabulary))
        goto out;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    if (!decode(context, &batch, sequences, prompt, tokens, vocabulary))
        goto out;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("{\"cpu_us\":%.3f,\"wall_us\":%.3f}\n", cpu * 1e6 / sequences / tokens, wall * 1e6 / sequences / tokens);
    status = 0;
out:
    if (batch.token)
        llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
    llama_backend_free();
    return status;
}
