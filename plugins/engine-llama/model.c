/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ggml-backend.h"
#include "ggml-cpu.h"

#define WHERE           "engine-llama.load"
#define DEFAULT_SLOTS   4
#define DEFAULT_QUEUE   256
#define DEFAULT_BATCH   512
#define DEFAULT_CONTEXT 16384 /* at most, of what the model was trained for */
#define LEAST_CONTEXT   512
#define LEAST_MEMORY    (64ull << 20)

/* -- settings ---------------------------------------------------------------------------------------------------- */

static hearth_code read_int(const hearth_value *from, const char *key, int64_t least, int64_t most, int32_t *to,
                            hearth_err *err)
{
    const hearth_value *v = hearth_get(from, key);
    hearth_kind         kind = hearth_kind_of(v);
    if (kind == HEARTH_NONE || kind == HEARTH_NULL)
        return HEARTH_OK;
    int64_t x = hearth_as_i64(v, least - 1);
    if (x < least || x > most)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-llama.settings",
                              "the setting %s must be a whole number from %lld to %lld", key, (long long)least,
                              (long long)most);
    *to = (int32_t)x;
    return HEARTH_OK;
}

static hearth_code read_bool(const hearth_value *from, const char *key, bool *to, hearth_err *err)
{
    const hearth_value *v = hearth_get(from, key);
    hearth_kind         kind = hearth_kind_of(v);
    if (kind == HEARTH_NONE || kind == HEARTH_NULL)
        return HEARTH_OK;
    if (kind != HEARTH_BOOL)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-llama.settings",
                              "the setting %s must be true or false", key);
    *to = hearth_as_bool(v, false);
    return HEARTH_OK;
}

/* Words that stand for numbers; `words` ends with NULL, `codes` run beside it. */
static hearth_code read_word(const hearth_value *from, const char *key, const char *const *words, const int *codes,
                             int *to, hearth_err *err)
{
    const hearth_value *v = hearth_get(from, key);
    hearth_kind         kind = hearth_kind_of(v);
    if (kind == HEARTH_NONE || kind == HEARTH_NULL)
        return HEARTH_OK;
    hearth_str word = hearth_as_str(v);
    for (size_t i = 0; words[i]; i++) {
        if (hearth_str_is(word, words[i])) {
            *to = codes[i];
            return HEARTH_OK;
        }
    }
    char known[160] = "";
    for (size_t i = 0; words[i]; i++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", words[i]);
    }
    return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-llama.settings", "the setting %s must be one of: %s",
                          key, known);
}

hearth_code model_settings_read(model_settings *s, const hearth_value *from, hearth_err *err)
{
    static const char *const attention[] = { "auto", "on", "off", NULL };
    static const int attention_codes[] = { LLAMA_FLASH_ATTN_TYPE_AUTO, LLAMA_FLASH_ATTN_TYPE_ENABLED,
                                           LLAMA_FLASH_ATTN_TYPE_DISABLED };
    static const char *const types[] = { "f16", "bf16", "f32", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", NULL };
    static const int type_codes[] = { GGML_TYPE_F16,  GGML_TYPE_BF16, GGML_TYPE_F32,  GGML_TYPE_Q8_0,
                                      GGML_TYPE_Q5_1, GGML_TYPE_Q5_0, GGML_TYPE_Q4_1, GGML_TYPE_Q4_0 };

    *s = (model_settings){ .queue = -1, .gpu_layers = -1, .kv_unified = -1, .use_mmap = true };
    int flash = LLAMA_FLASH_ATTN_TYPE_AUTO, k = GGML_TYPE_F16, v = GGML_TYPE_F16;
    HEARTH_TRY(read_int(from, "context", 0, 1 << 24, &s->context, err));
    HEARTH_TRY(read_int(from, "slots", 0, MODEL_MAX_SLOTS, &s->slots, err));
    HEARTH_TRY(read_int(from, "threads", 0, GGML_MAX_N_THREADS, &s->threads, err));
    HEARTH_TRY(read_int(from, "batch", 0, 1 << 16, &s->batch, err));
    HEARTH_TRY(read_int(from, "ubatch", 0, 1 << 16, &s->ubatch, err));
    HEARTH_TRY(read_int(from, "queue", 0, 1 << 16, &s->queue, err));
    HEARTH_TRY(read_int(from, "gpu_layers", -1, 1 << 16, &s->gpu_layers, err));
    HEARTH_TRY(read_word(from, "flash_attention", attention, attention_codes, &flash, err));
    HEARTH_TRY(read_word(from, "kv_type_k", types, type_codes, &k, err));
    HEARTH_TRY(read_word(from, "kv_type_v", types, type_codes, &v, err));
    HEARTH_TRY(read_bool(from, "mmap", &s->use_mmap, err));
    HEARTH_TRY(read_bool(from, "mlock", &s->use_mlock, err));
    if (hearth_kind_of(hearth_get(from, "kv_unified")) != HEARTH_NONE) {
        bool unified = false;
        HEARTH_TRY(read_bool(from, "kv_unified", &unified, err));
        s->kv_unified = unified;
    }
    s->flash_attention = (enum llama_flash_attn_type)flash;
    s->kv_type_k = (enum ggml_type)k;
    s->kv_type_v = (enum ggml_type)v;
    return HEARTH_OK;
}

/* -- llama.cpp's words ---------------------------------------------------------------------------------------------- */

/* llama.cpp says why a load failed only in its log, from any of its threads: the first error is the nearest
 * cause. The lock guards `first` and `ctx`. */
static struct {
    pthread_mutex_t lock;
    hearth_ctx     *ctx;
    char            first[300];
} words = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Without the name of the function that spoke and the end of the line. */
static void keep_line(char *to, size_t size, const char *text)
{
    const char *colon = strstr(text, ": ");
    const char *space = strchr(text, ' ');
    if (colon && (!space || colon < space))
        text = colon + 2;
    static const char lead[] = "error loading model: ";
    if (strncmp(text, lead, sizeof lead - 1) == 0)
        text += sizeof lead - 1;
    size_t n = strcspn(text, "\n");
    hearth_str_copy(to, size, (hearth_str){ text, n });
}

static void on_log(enum ggml_log_level level, const char *text, void *arg)
{
    (void)arg;
    if (level != GGML_LOG_LEVEL_ERROR && level != GGML_LOG_LEVEL_WARN)
        return;
    char line[300];
    keep_line(line, sizeof line, text);
    pthread_mutex_lock(&words.lock);
    if (level == GGML_LOG_LEVEL_ERROR && !words.first[0])
        memcpy(words.first, line, sizeof line);
    hearth_ctx *ctx = words.ctx;
    pthread_mutex_unlock(&words.lock);
    if (ctx && line[0])
        hearth_log(ctx, level == GGML_LOG_LEVEL_ERROR ? HEARTH_LOG_ERROR : HEARTH_LOG_WARN, "llama.cpp: %s", line);
}

/* The process ends after this. Without it ggml would start a debugger first. */
static void on_abort(const char *text)
{
    on_log(GGML_LOG_LEVEL_ERROR, text, NULL);
}

static void listen_to_log(hearth_ctx *ctx)
{
    pthread_mutex_lock(&words.lock);
    words.ctx = ctx;
    words.first[0] = '\0';
    pthread_mutex_unlock(&words.lock);
    llama_log_set(on_log, NULL);
    ggml_set_abort_callback(on_abort);
}

static hearth_code fail_as_logged(hearth_err *err, hearth_code code, const char *path)
{
    char reason[300];
    pthread_mutex_lock(&words.lock);
    memcpy(reason, words.first, sizeof reason);
    pthread_mutex_unlock(&words.lock);
    if (strstr(reason, "unknown model architecture"))
        code = HEARTH_UNSUPPORTED;
    else if (strstr(reason, "failed to allocate") || strstr(reason, "bad_alloc") || strstr(reason, "unable to allocate"))
        code = HEARTH_NO_MEMORY;
    else if (strstr(reason, "failed to open") || strstr(reason, "No such file"))
        code = HEARTH_NOT_FOUND;
    const char *name = strrchr(path, '/');
    return hearth_err_set(err, code, WHERE, "%.120s cannot be loaded: %.240s", name ? name + 1 : path,
                          reason[0] ? reason : "llama.cpp gives no reason");
}

/* -- loading ---------------------------------------------------------------------------------------------------------- */

/* The headers and the libraries of llama.cpp must be of one release: its C++ structures cross by value. */
static hearth_code check_release(hearth_err *err)
{
    static const char compiled[] = HEARTH_LLAMA_RELEASE; /* "v0.5.0" */
    const char *want = compiled[0] == 'v' ? compiled + 1 : compiled;
    const char *have = llama_version(); /* "0.5.0-dev" */
    size_t      n = strcspn(want, "-+");
    if (strcspn(have, "-+") == n && strncmp(have, want, n) == 0)
        return HEARTH_OK;
    return hearth_err_set(err, HEARTH_INCOMPATIBLE, WHERE,
                          "the engine was built for llama.cpp %s but finds %s; install the matching libraries", want, have);
}

static bool on_progress(float done, void *arg)
{
    const model_open_options *o = arg;
    return o->progress(o->arg, done);
}

static hearth_code load_weights(model *m, const model_open_options *o, hearth_err *err)
{
    struct llama_model_params p = llama_model_default_params();
    p.n_gpu_layers = o->settings.gpu_layers;
    p.progress_callback = on_progress;
    p.progress_callback_user_data = (void *)(uintptr_t)o;
    if (o->settings.use_mmap)
        p.load_mode = o->settings.use_mlock ? LLAMA_LOAD_MODE_MMAP_MLOCK : LLAMA_LOAD_MODE_MMAP;
    else
        p.load_mode = o->settings.use_mlock ? LLAMA_LOAD_MODE_MLOCK : LLAMA_LOAD_MODE_NONE;
    m->llama = llama_model_load_from_file(o->path, p);
    if (!m->llama) {
        if (!o->progress(o->arg, 0.0f))
            return hearth_err_set(err, HEARTH_CANCELLED, WHERE, "loading was stopped");
        return fail_as_logged(err, HEARTH_DAMAGED, o->path);
    }
    if (!llama_model_has_decoder(m->llama) || llama_model_has_encoder(m->llama) || llama_model_is_diffusion(m->llama))
        return hearth_err_set(err, HEARTH_UNSUPPORTED, WHERE, "this model does not write text token by token; "
                              "choose a text generation model");
    if (llama_vocab_n_tokens(llama_model_get_vocab(m->llama)) < 1)
        return hearth_err_set(err, HEARTH_UNSUPPORTED, WHERE, "this model has no vocabulary; choose another file");
    return HEARTH_OK;
}

/* Bytes that one token of context takes. Exact for plain transformers; an upper bound where layers share,
 * slide or recur. */
static uint64_t bytes_per_token(const model *m, const model_settings *s)
{
    int64_t heads = llama_model_n_head(m->llama), kv_heads = llama_model_n_head_kv(m->llama);
    if (heads < 1 || kv_heads < 1)
        return 1;
    int64_t row = (int64_t)llama_model_n_embd(m->llama) * kv_heads / heads;
    uint64_t k = (uint64_t)row * ggml_type_size(s->kv_type_k) / (uint64_t)ggml_blck_size(s->kv_type_k);
    uint64_t v = (uint64_t)row * ggml_type_size(s->kv_type_v) / (uint64_t)ggml_blck_size(s->kv_type_v);
    return (k + v) * (uint64_t)llama_model_n_layer(m->llama) + 1;
}

static uint64_t memory_for_context(const model *m)
{
    size_t             spare = 0, total = 0;
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (cpu)
        ggml_backend_dev_memory(cpu, &spare, &total);
    uint64_t size = llama_model_size(m->llama);
    uint64_t rest = total > size ? (total - size) / 4 : 0;
    return rest > LEAST_MEMORY ? rest : LEAST_MEMORY;
}

/* Separate memory per slot is the fastest for several streams; where that would take over a quarter of the machine
 * the slots share one pool, and where even that is too much the context shrinks. What a person set is kept. */
static void choose(model *m)
{
    model_settings *s = &m->settings;
    int32_t  trained = llama_model_n_ctx_train(m->llama);
    bool     is_context_free = s->context == 0;
    uint64_t each = bytes_per_token(m, s), most = memory_for_context(m);

    if (s->threads == 0) {
        s->threads = physical_cores() - 1;
        s->threads = s->threads < 1 ? 1 : s->threads > GGML_MAX_N_THREADS ? GGML_MAX_N_THREADS : s->threads;
    }
    if (s->queue < 0)
        s->queue = DEFAULT_QUEUE;
    if (s->slots == 0)
        s->slots = DEFAULT_SLOTS;
    if (is_context_free)
        s->context = trained > 0 && trained < DEFAULT_CONTEXT ? trained : DEFAULT_CONTEXT;
    if (s->kv_unified < 0)
        s->kv_unified = each * (uint64_t)s->context * (uint64_t)s->slots > most;
    while (is_context_free && s->context > LEAST_CONTEXT &&
           each * (uint64_t)s->context * (uint64_t)(s->kv_unified ? 1 : s->slots) > most)
        s->context /= 2;
    if (s->batch == 0)
        s->batch = DEFAULT_BATCH;
    s->batch = s->batch < s->slots ? s->slots : s->batch; /* every stream has a place in every step */
    if (s->ubatch == 0 || s->ubatch > s->batch)
        s->ubatch = s->batch < DEFAULT_BATCH ? s->batch : DEFAULT_BATCH;
}

/* Threads that sleep between steps: an idle engine is idle. */
static void make_threadpool(model *m)
{
    if (m->settings.threads < 2)
        return;
    ggml_backend_reg_t reg = ggml_backend_reg_by_name("CPU");
    if (!reg)
        return;
    struct ggml_threadpool *(*make)(struct ggml_threadpool_params *) =
        (struct ggml_threadpool *(*)(struct ggml_threadpool_params *))(uintptr_t)
            ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_new");
    if (!make)
        return;
    struct ggml_threadpool_params p = ggml_threadpool_params_default(m->settings.threads);
    p.poll = 0;
    m->threadpool = make(&p);
    if (m->threadpool)
        llama_attach_threadpool(m->context, m->threadpool, m->threadpool);
}

static hearth_code make_context(model *m, const model_open_options *o, hearth_err *err)
{
    const model_settings       *s = &m->settings;
    struct llama_context_params p = llama_context_default_params();
    uint64_t tokens = (uint64_t)s->context * (uint64_t)(s->kv_unified ? 1 : s->slots);
    if (tokens > UINT32_MAX / 2)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE,
                              "%d slots of %d tokens are too much; set context or slots lower", s->slots, s->context);
    p.n_ctx = (uint32_t)tokens;
    p.n_batch = (uint32_t)s->batch;
    p.n_ubatch = (uint32_t)s->ubatch;
    p.n_seq_max = (uint32_t)s->slots;
    p.n_outputs_max = (uint32_t)s->slots; /* a step samples once per slot: no logits for whole prompts */
    p.n_outputs_max_per_seq = 1;
    p.n_threads = s->threads;
    p.n_threads_batch = s->threads;
    p.flash_attn_type = s->flash_attention;
    p.type_k = s->kv_type_k;
    p.type_v = s->kv_type_v;
    p.kv_unified = s->kv_unified > 0;
    p.no_perf = true;
    m->context = llama_init_from_model(m->llama, p);
    if (!m->context)
        return fail_as_logged(err, HEARTH_NO_MEMORY, o->path);
    make_threadpool(m);
    int32_t given = (int32_t)llama_n_ctx_seq(m->context);
    m->context_max = given < s->context ? given : s->context;
    m->window = llama_model_n_swa(m->llama);
    m->memory_bytes = llama_model_size(m->llama) + tokens * bytes_per_token(m, s);
    return HEARTH_OK;
}

hearth_code model_open(model *m, const model_open_options *o, hearth_err *err)
{
    *m = (model){ .settings = o->settings };
    char reason[300] = "";
    listen_to_log(o->ctx);
    hearth_code code = check_release(err);
    if (code < 0)
        goto out;
    if (ggml_backend_reg_count() == 0) {
        ggml_backend_load_all_from_path(o->libraries);
        llama_backend_init();
    }
    if (ggml_backend_reg_count() == 0) {
        code = hearth_err_set(err, HEARTH_INCOMPATIBLE, WHERE, "no backend of llama.cpp for this processor in %.200s",
                              o->libraries);
        goto out;
    }
    code = load_weights(m, o, err);
    if (code < 0)
        goto out;
    choose(m);
    code = make_context(m, o, err);
    if (code < 0)
        goto out;
    code = vocabulary_init(&m->words, llama_model_get_vocab(m->llama), err);
    if (code < 0)
        goto out;
    m->chat = chat_new(m->llama, reason, sizeof reason);
    if (!m->chat) /* prompts still work */
        hearth_log(o->ctx, HEARTH_LOG_WARN, "the model's chat template cannot be read: %.200s", reason);
out:
    if (code < 0)
        model_close(m);
    return code;
}

void model_close(model *m)
{
    chat_free(m->chat);
    vocabulary_deinit(&m->words);
    llama_free(m->context);
    if (m->threadpool) {
        ggml_backend_reg_t reg = ggml_backend_reg_by_name("CPU");
        void (*end)(struct ggml_threadpool *) = (void (*)(struct ggml_threadpool *))(uintptr_t)
            ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_free");
        if (end)
            end(m->threadpool);
    }
    llama_model_free(m->llama);
    pthread_mutex_lock(&words.lock);
    words.ctx = NULL; /* the log may speak after the plugin is gone */
    pthread_mutex_unlock(&words.lock);
    *m = (model){ 0 };
}

static void put_meta(hearth_value *to, const char *name, const model *m, const char *key)
{
    char text[256];
    int32_t n = llama_model_meta_val_str(m->llama, key, text, sizeof text);
    if (n >= 0 && hearth_utf8_valid(hearth_cstr(text)))
        hearth_put_cstr(to, name, text);
    else
        hearth_put_null(to, name);
}

/* What the model's makers recommend, as far as the file says it: {temperature, top_k, …}. */
static hearth_value *recommended_sampling(const model *m, hearth_ctx *ctx)
{
    static const struct { enum llama_model_meta_key key; const char *name; bool is_whole; } known[] = {
        { LLAMA_MODEL_META_KEY_SAMPLING_TEMP, "temperature", false },
        { LLAMA_MODEL_META_KEY_SAMPLING_TOP_K, "top_k", true },
        { LLAMA_MODEL_META_KEY_SAMPLING_TOP_P, "top_p", false },
        { LLAMA_MODEL_META_KEY_SAMPLING_MIN_P, "min_p", false },
        { LLAMA_MODEL_META_KEY_SAMPLING_PENALTY_LAST_N, "repeat_last_n", true },
        { LLAMA_MODEL_META_KEY_SAMPLING_PENALTY_REPEAT, "repeat_penalty", false },
    };
    hearth_value *v = hearth_object(ctx);
    for (size_t i = 0; i < HEARTH_COUNT(known); i++) {
        char text[64];
        if (llama_model_meta_val_str(m->llama, llama_model_meta_key_str(known[i].key), text, sizeof text) < 0)
            continue;
        hearth_value *number = hearth_parse(ctx, hearth_cstr(text), NULL);
        double        x = hearth_as_f64(number, -1.0);
        if (x >= 0.0 && x <= 1e6 && known[i].is_whole)
            hearth_put_i64(v, known[i].name, (int64_t)x);
        else if (x >= 0.0 && x <= 1e6)
            hearth_put_f64(v, known[i].name, x);
        hearth_value_unref(number);
    }
    return v;
}

hearth_value *model_describe(const model *m, hearth_ctx *ctx)
{
    hearth_value *v = hearth_object(ctx);
    hearth_put_i64(v, "context", m->context_max);
    hearth_put_i64(v, "context_train", llama_model_n_ctx_train(m->llama));
    hearth_put_i64(v, "slots", m->settings.slots);
    hearth_put_i64(v, "threads", m->settings.threads);
    hearth_put_i64(v, "batch", m->settings.batch);
    hearth_put_bool(v, "kv_unified", m->settings.kv_unified > 0);
    hearth_put_u64(v, "memory_bytes", m->memory_bytes);
    hearth_put_u64(v, "size_bytes", llama_model_size(m->llama));
    hearth_put_u64(v, "parameters", llama_model_n_params(m->llama));
    hearth_put_i64(v, "vocabulary", m->words.size);
    hearth_put_bool(v, "has_chat_template", m->chat && chat_has_template(m->chat));
    put_meta(v, "architecture", m, "general.architecture");
    put_meta(v, "name", m, "general.name");
    hearth_put(v, "sampling", recommended_sampling(m, ctx));
    hearth_put_cstr(v, "quantization", llama_ftype_name(llama_model_ftype(m->llama)));
    return v;
}
