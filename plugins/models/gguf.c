/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "gguf.h"

#include <inttypes.h>

enum { WINDOW = 16 << 10, DEFAULT_ALIGNMENT = 32, MAX_DIMS = 4 };

enum value_type {
    TYPE_U8,
    TYPE_I8,
    TYPE_U16,
    TYPE_I16,
    TYPE_U32,
    TYPE_I32,
    TYPE_F32,
    TYPE_BOOL,
    TYPE_STRING,
    TYPE_ARRAY,
    TYPE_U64,
    TYPE_I64,
    TYPE_F64,
    TYPE_COUNT
};

static const uint8_t value_bytes[TYPE_COUNT] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

/* Tensor types: elements and bytes of a block. A type that is not here is newer than this table: then only the
 * beginning of its tensors is checked. */
static const struct tensor_type {
    const char *name;
    uint16_t    elements, bytes;
} tensor_types[] = {
    [0] = { "F32", 1, 4 },         [1] = { "F16", 1, 2 },         [2] = { "Q4_0", 32, 18 },
    [3] = { "Q4_1", 32, 20 },      [6] = { "Q5_0", 32, 22 },      [7] = { "Q5_1", 32, 24 },
    [8] = { "Q8_0", 32, 34 },      [9] = { "Q8_1", 32, 36 },      [10] = { "Q2_K", 256, 84 },
    [11] = { "Q3_K", 256, 110 },   [12] = { "Q4_K", 256, 144 },   [13] = { "Q5_K", 256, 176 },
    [14] = { "Q6_K", 256, 210 },   [15] = { "Q8_K", 256, 292 },   [16] = { "IQ2_XXS", 256, 66 },
    [17] = { "IQ2_XS", 256, 74 },  [18] = { "IQ3_XXS", 256, 98 }, [19] = { "IQ1_S", 256, 50 },
    [20] = { "IQ4_NL", 32, 18 },   [21] = { "IQ3_S", 256, 110 },  [22] = { "IQ2_S", 256, 82 },
    [23] = { "IQ4_XS", 256, 136 }, [24] = { "I8", 1, 1 },         [25] = { "I16", 1, 2 },
    [26] = { "I32", 1, 4 },        [27] = { "I64", 1, 8 },        [28] = { "F64", 1, 8 },
    [29] = { "IQ1_M", 256, 56 },   [30] = { "BF16", 1, 2 },       [34] = { "TQ1_0", 256, 54 },
    [35] = { "TQ2_0", 256, 66 },   [39] = { "MXFP4", 32, 17 },
};

/* general.file_type, as llama.cpp numbers it. */
static const char *const file_types[] = {
    [0] = "F32",     [1] = "F16",     [2] = "Q4_0",     [3] = "Q4_1",    [7] = "Q8_0",     [8] = "Q5_0",
    [9] = "Q5_1",    [10] = "Q2_K",   [11] = "Q3_K_S",  [12] = "Q3_K_M", [13] = "Q3_K_L",  [14] = "Q4_K_S",
    [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M",  [18] = "Q6_K",   [19] = "IQ2_XXS", [20] = "IQ2_XS",
    [21] = "Q2_K_S", [22] = "IQ3_XS", [23] = "IQ3_XXS", [24] = "IQ1_S",  [25] = "IQ4_NL",  [26] = "IQ3_S",
    [27] = "IQ3_M",  [28] = "IQ2_S",  [29] = "IQ2_M",   [30] = "IQ4_XS", [31] = "IQ1_M",   [32] = "BF16",
    [36] = "TQ1_0",  [37] = "TQ2_0",  [38] = "MXFP4",   [39] = "NVFP4",  [40] = "Q1_0",    [41] = "Q2_0",
};

typedef struct reader {
    const gguf_source *source;
    gguf_info         *info;
    hearth_err        *err;
    uint64_t           at;        /* the next byte */
    uint64_t           window_at; /* where the window lies in the file */
    size_t             window_n;
    uint64_t           alignment;
    uint64_t           type_bytes[HEARTH_COUNT(tensor_types)];
    int64_t            file_type;
    unsigned char      window[WINDOW];
} reader;

static hearth_code damaged(reader *r, const char *what)
{
    return hearth_err_set(r->err, HEARTH_DAMAGED, "gguf", "%s (at byte %" PRIu64 " of %" PRIu64 ")", what, r->at,
                          r->source->size);
}

/* -- bytes ------------------------------------------------------------------------------------------------------------- */

static hearth_code need(reader *r, uint64_t n, const char *what)
{
    if (n > r->source->size - r->at)
        return hearth_err_set(r->err, HEARTH_DAMAGED, "gguf",
                              "the file ends within %s: %" PRIu64 " bytes are wanted at byte %" PRIu64 " of %" PRIu64
                              "; it is cut off or damaged, fetch it again",
                              what, n, r->at, r->source->size);
    if (r->at + n > GGUF_MAX_HEADER)
        return hearth_err_set(r->err, HEARTH_TOO_LARGE, "gguf",
                              "%s lies over %d MiB into the header, more than any model needs", what,
                              GGUF_MAX_HEADER >> 20);
    return HEARTH_OK;
}

static hearth_code skip(reader *r, uint64_t n, const char *what)
{
    HEARTH_TRY(need(r, n, what));
    r->at += n;
    return HEARTH_OK;
}

/* n at most WINDOW bytes, copied to `to`. */
static hearth_code take(reader *r, void *to, size_t n, const char *what)
{
    HEARTH_TRY(need(r, n, what));
    if (r->at < r->window_at || r->at + n > r->window_at + r->window_n) {
        uint64_t left = r->source->size - r->at;
        r->window_at = r->at;
        r->window_n = 0;
        size_t want = left < WINDOW ? (size_t)left : WINDOW;
        HEARTH_TRY(r->source->read(r->source->arg, r->at, r->window, want, r->err));
        r->window_n = want;
    }
    memcpy(to, r->window + (r->at - r->window_at), n);
    r->at += n;
    return HEARTH_OK;
}

static hearth_code take_number(reader *r, size_t bytes, uint64_t *x, const char *what)
{
    unsigned char raw[8];
    HEARTH_TRY(take(r, raw, bytes, what));
    *x = 0;
    for (size_t i = 0; i < bytes; i++)
        *x |= (uint64_t)raw[i] << (8 * i);
    return HEARTH_OK;
}

/* A string's bytes, cut to fit `to` with its NUL; the rest is walked over. `max` 0: as long as the file allows. */
static hearth_code take_string(reader *r, char *to, size_t size, uint64_t max, const char *what)
{
    uint64_t n;
    char     raw[GGUF_MAX_KEY_BYTES];
    HEARTH_TRY(take_number(r, 8, &n, what));
    HEARTH_TRY(need(r, n, what));
    if (max > 0 && n > max)
        return hearth_err_set(r->err, HEARTH_TOO_LARGE, "gguf",
                              "%s is %" PRIu64 " bytes long; at most %" PRIu64 " make sense", what, n, max);
    size_t keep = n < sizeof raw ? (size_t)n : sizeof raw;
    HEARTH_TRY(take(r, raw, keep, what));
    hearth_str text = { raw, keep };
    text.n = hearth_utf8_whole(text);
    if (!hearth_utf8_valid(text))
        text.n = 0;
    const char *nul = text.n ? memchr(raw, 0, text.n) : NULL;
    hearth_str_copy(to, size, (hearth_str){ raw, nul ? (size_t)(nul - raw) : text.n });
    return skip(r, n - keep, what);
}

/* -- keys and values ----------------------------------------------------------------------------------------------------- */

static hearth_code skip_value(reader *r, uint64_t type, int depth)
{
    uint64_t element, count, n;
    if (type >= TYPE_COUNT)
        return damaged(r, "a value has a type that does not exist");
    if (type == TYPE_STRING) {
        HEARTH_TRY(take_number(r, 8, &n, "a string"));
        return skip(r, n, "a string");
    }
    if (type != TYPE_ARRAY)
        return skip(r, value_bytes[type], "a value");
    if (depth == GGUF_MAX_DEPTH)
        return damaged(r, "arrays are nested too deeply");
    HEARTH_TRY(take_number(r, 4, &element, "an array"));
    HEARTH_TRY(take_number(r, 8, &count, "an array"));
    if (element >= TYPE_COUNT)
        return damaged(r, "an array has an element type that does not exist");
    if (value_bytes[element] > 0) {
        if (count > r->source->size / value_bytes[element])
            return damaged(r, "an array claims more elements than the file has bytes");
        return skip(r, count * value_bytes[element], "an array");
    }
    /* Each string has at least 8 bytes of length, each array 12 of head. */
    if (count > (r->source->size - r->at) / 8)
        return damaged(r, "an array claims more elements than the file has bytes");
    for (uint64_t i = 0; i < count; i++)
        HEARTH_TRY(skip_value(r, element, depth + 1));
    return HEARTH_OK;
}

/* A whole number of any width; other types are walked over and leave `x` as it is. */
static hearth_code take_whole(reader *r, uint64_t type, uint64_t *x)
{
    uint64_t raw;
    bool     is_signed = type == TYPE_I8 || type == TYPE_I16 || type == TYPE_I32 || type == TYPE_I64;
    if (type >= TYPE_COUNT || value_bytes[type] == 0 || type == TYPE_F32 || type == TYPE_F64 || type == TYPE_BOOL)
        return skip_value(r, type, 0);
    HEARTH_TRY(take_number(r, value_bytes[type], &raw, "a number"));
    if (!is_signed || !(raw >> (value_bytes[type] * 8 - 1)))
        *x = raw;
    return HEARTH_OK;
}

static hearth_code take_i64(reader *r, uint64_t type, int64_t *x)
{
    uint64_t raw = UINT64_MAX;
    HEARTH_TRY(take_whole(r, type, &raw));
    if (raw <= INT64_MAX)
        *x = (int64_t)raw;
    return HEARTH_OK;
}

static hearth_code take_u32(reader *r, uint64_t type, uint32_t *x)
{
    uint64_t raw = UINT64_MAX;
    HEARTH_TRY(take_whole(r, type, &raw));
    if (raw <= UINT32_MAX)
        *x = (uint32_t)raw;
    return HEARTH_OK;
}

/* The number of elements of an array, which is walked over. */
static hearth_code take_array_count(reader *r, uint64_t type, uint64_t *count)
{
    uint64_t at = r->at, element, n;
    if (type == TYPE_ARRAY) {
        HEARTH_TRY(take_number(r, 4, &element, "an array"));
        HEARTH_TRY(take_number(r, 8, &n, "an array"));
        *count = n;
        r->at = at;
    }
    return skip_value(r, type, 0);
}

static hearth_code take_text(reader *r, uint64_t type, char *to, size_t size)
{
    return type == TYPE_STRING ? take_string(r, to, size, 0, "a text") : skip_value(r, type, 0);
}

static hearth_code take_alignment(reader *r, uint64_t type)
{
    uint64_t x = 0;
    HEARTH_TRY(take_whole(r, type, &x));
    if (x == 0 || (x & (x - 1)) != 0 || x > GGUF_MAX_ALIGNMENT)
        return damaged(r, "general.alignment is not a power of two up to 1 MiB");
    r->alignment = x;
    return HEARTH_OK;
}

/* Keys that begin with the architecture's name. The architecture is the first key in every file that is known;
 * where it is not, any prefix is taken. */
static hearth_code on_architecture_key(reader *r, const char *key, uint64_t type)
{
    gguf_info  *info = r->info;
    const char *dot = strchr(key, '.');
    size_t      n = dot ? (size_t)(dot - key) : 0;
    if (!dot || (info->architecture[0] && (strlen(info->architecture) != n || memcmp(info->architecture, key, n) != 0)))
        return skip_value(r, type, 0);
    if (strcmp(dot, ".context_length") == 0)
        return take_whole(r, type, &info->context_length);
    if (strcmp(dot, ".embedding_length") == 0)
        return take_whole(r, type, &info->embedding_length);
    if (strcmp(dot, ".block_count") == 0)
        return take_whole(r, type, &info->block_count);
    return skip_value(r, type, 0);
}

static hearth_code read_key(reader *r)
{
    gguf_info *info = r->info;
    char       key[GGUF_MAX_KEY_BYTES + 1];
    uint64_t   type;
    HEARTH_TRY(take_string(r, key, sizeof key, GGUF_MAX_KEY_BYTES, "a key"));
    if (!key[0])
        return damaged(r, "a key is empty or not text");
    HEARTH_TRY(take_number(r, 4, &type, "a value's type"));
    if (strcmp(key, "general.architecture") == 0)
        return take_text(r, type, info->architecture, sizeof info->architecture);
    if (strcmp(key, "general.name") == 0)
        return take_text(r, type, info->name, sizeof info->name);
    if (strcmp(key, "general.file_type") == 0)
        return take_i64(r, type, &r->file_type);
    if (strcmp(key, "general.alignment") == 0)
        return take_alignment(r, type);
    if (strcmp(key, "split.count") == 0)
        return take_u32(r, type, &info->split_count);
    if (strcmp(key, "split.no") == 0)
        return take_u32(r, type, &info->split_no);
    if (strcmp(key, "tokenizer.ggml.tokens") == 0)
        return take_array_count(r, type, &info->vocabulary);
    if (strcmp(key, "tokenizer.ggml.bos_token_id") == 0)
        return take_i64(r, type, &info->bos);
    if (strcmp(key, "tokenizer.ggml.eos_token_id") == 0)
        return take_i64(r, type, &info->eos);
    if (strcmp(key, "tokenizer.chat_template") == 0) {
        info->has_chat_template = type == TYPE_STRING;
        return skip_value(r, type, 0);
    }
    return on_architecture_key(r, key, type);
}

/* -- tensors --------------------------------------------------------------------------------------------------------------- */

/* The end of a tensor in the data section, from its shape; where its type is unknown, its beginning. */
static hearth_code tensor_end(reader *r, const char *name, uint64_t elements, uint64_t row, uint64_t type,
                              uint64_t offset, uint64_t *end)
{
    *end = offset;
    if (type >= HEARTH_COUNT(tensor_types) || !tensor_types[type].name)
        return HEARTH_OK;
    const struct tensor_type *t = &tensor_types[type];
    if (row % t->elements != 0)
        return hearth_err_set(r->err, HEARTH_DAMAGED, "gguf", "rows of tensor %.64s are no whole blocks of %s", name,
                              t->name);
    uint64_t blocks = elements / t->elements;
    if (blocks > r->source->size / t->bytes || offset > r->source->size - blocks * t->bytes)
        return hearth_err_set(r->err, HEARTH_DAMAGED, "gguf",
                              "tensor %.64s would end after the end of the file (%" PRIu64
                              " bytes); it is cut off or damaged, fetch it again",
                              name, r->source->size);
    *end = offset + blocks * t->bytes;
    r->type_bytes[type] += blocks * t->bytes;
    return HEARTH_OK;
}

static hearth_code read_tensor(reader *r, uint64_t *data_end)
{
    char     name[GGUF_MAX_NAME_BYTES + 1];
    uint64_t dims, type, offset, end, row = 1, elements = 1;
    HEARTH_TRY(take_string(r, name, sizeof name, GGUF_MAX_NAME_BYTES, "a tensor's name"));
    HEARTH_TRY(take_number(r, 4, &dims, "a tensor's shape"));
    if (dims > MAX_DIMS)
        return damaged(r, "a tensor has more than four dimensions");
    for (uint64_t i = 0; i < dims; i++) {
        uint64_t n;
        HEARTH_TRY(take_number(r, 8, &n, "a tensor's shape"));
        if (n == 0 || n > INT64_MAX / elements)
            return damaged(r, "a tensor's dimensions are zero or multiply to more than 63 bits");
        row = i == 0 ? n : row;
        elements *= n;
    }
    HEARTH_TRY(take_number(r, 4, &type, "a tensor's type"));
    HEARTH_TRY(take_number(r, 8, &offset, "a tensor's offset"));
    if (offset % r->alignment != 0)
        return damaged(r, "a tensor does not begin at the alignment of the file");
    HEARTH_TRY(tensor_end(r, name, elements, row, type, offset, &end));
    if (elements > INT64_MAX - r->info->parameters)
        return damaged(r, "the tensors together have more than 63 bits of elements");
    r->info->parameters += elements;
    *data_end = end > *data_end ? end : *data_end;
    return HEARTH_OK;
}

static hearth_code read_tensors(reader *r)
{
    uint64_t data_end = 0;
    for (uint32_t i = 0; i < r->info->tensor_count; i++)
        HEARTH_TRY(read_tensor(r, &data_end));
    if (r->info->tensor_count == 0)
        return HEARTH_OK;
    uint64_t data_at = (r->at + r->alignment - 1) & ~(r->alignment - 1);
    if (data_at > r->source->size || data_end > r->source->size - data_at)
        return hearth_err_set(r->err, HEARTH_DAMAGED, "gguf",
                              "the tensors end at byte %" PRIu64 ", the file at %" PRIu64
                              "; it is cut off or damaged, fetch it again",
                              data_at + data_end, r->source->size);
    r->info->tensor_bytes = r->source->size - data_at;
    return HEARTH_OK;
}

/* -- the whole --------------------------------------------------------------------------------------------------------------- */

static hearth_code read_counts(reader *r)
{
    uint64_t magic, version, tensors, keys;
    HEARTH_TRY(take_number(r, 4, &magic, "its first bytes"));
    if (magic != 0x46554747) /* "GGUF" */
        return hearth_err_set(r->err, HEARTH_DAMAGED, "gguf",
                              "this is no GGUF file: it does not begin with the letters GGUF");
    HEARTH_TRY(take_number(r, 4, &version, "the version"));
    if (version != 2 && version != 3)
        return hearth_err_set(r->err, HEARTH_INCOMPATIBLE, "gguf",
                              "GGUF version %" PRIu64 " is not supported (2 and 3 are)%s", version,
                              version >= 1 << 16 ? "; the file seems to be for big-endian machines" : "");
    HEARTH_TRY(take_number(r, 8, &tensors, "the counts"));
    HEARTH_TRY(take_number(r, 8, &keys, "the counts"));
    if (tensors > GGUF_MAX_TENSORS || keys > GGUF_MAX_KEYS)
        return hearth_err_set(r->err, HEARTH_TOO_LARGE, "gguf",
                              "it claims %" PRIu64 " tensors and %" PRIu64 " keys; at most %d and %d make sense",
                              tensors, keys, GGUF_MAX_TENSORS, GGUF_MAX_KEYS);
    r->info->version = (uint32_t)version;
    r->info->tensor_count = (uint32_t)tensors;
    r->info->key_count = (uint32_t)keys;
    return HEARTH_OK;
}

static void name_quantization(reader *r)
{
    const char *name = NULL;
    uint64_t    most = 0;
    if (r->file_type >= 0 && r->file_type < (int64_t)HEARTH_COUNT(file_types))
        name = file_types[r->file_type];
    for (size_t i = 0; !name && i < HEARTH_COUNT(tensor_types); i++)
        most = r->type_bytes[i] > most ? r->type_bytes[i] : most;
    for (size_t i = 0; !name && most > 0 && i < HEARTH_COUNT(tensor_types); i++)
        if (r->type_bytes[i] == most)
            name = tensor_types[i].name;
    hearth_str_copy(r->info->quantization, sizeof r->info->quantization, hearth_cstr(name ? name : ""));
}

hearth_code gguf_read(const gguf_source *source, gguf_info *info, hearth_err *err)
{
    reader r;
    memset(&r, 0, offsetof(reader, window));
    r.source = source;
    r.info = info;
    r.err = err;
    r.alignment = DEFAULT_ALIGNMENT;
    r.file_type = -1;
    *info = (gguf_info){ .bos = -1, .eos = -1 };

    HEARTH_TRY(read_counts(&r));
    for (uint32_t i = 0; i < info->key_count; i++)
        HEARTH_TRY(read_key(&r));
    if (!info->architecture[0])
        return hearth_err_set(err, HEARTH_DAMAGED, "gguf", "the header does not name an architecture");
    HEARTH_TRY(read_tensors(&r));
    /* An engine takes its layers' word for it and aborts; a first part of several may well have no tensors of its own. */
    if (info->tensor_count > 0 && info->split_count < 2 && info->block_count > info->tensor_count)
        return damaged(&r, "it claims more layers than it has tensors");
    name_quantization(&r);
    return HEARTH_OK;
}
