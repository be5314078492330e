/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* gguf: reads the header of a GGUF model file and checks it against the file's length. Pure.
 *
 *     gguf_source source = { .size = file_size, .read = read_at, .arg = &file };
 *     gguf_info   info;
 *     if (gguf_read(&source, &info, &err) < 0) ...   // err.msg says what is wrong and at which byte
 *
 * The file is somebody else's: every count is checked against the bytes that are left before it is believed, every
 * product for overflow, every tensor against the end of the file. Memory is one window of 16 KiB however large the
 * file claims to be; arrays and long strings are walked over, not kept. The tensors themselves are never read.
 * Source of the layout: the GGUF specification in the ggml repository, versions 2 and 3. */
#ifndef MODELS_GGUF_H
#define MODELS_GGUF_H

#include <hearth/kit.h>

enum {
    GGUF_MAX_KEYS = 4096,
    GGUF_MAX_TENSORS = 65536,
    GGUF_MAX_KEY_BYTES = 1024,
    GGUF_MAX_NAME_BYTES = 1024,  /* of a tensor */
    GGUF_MAX_DEPTH = 4,          /* of arrays in arrays */
    GGUF_MAX_HEADER = 128 << 20, /* bytes of keys and tensor infos together */
    GGUF_MAX_ALIGNMENT = 1 << 20
};

/* Where the bytes come from. `read` fills `to` with exactly n bytes at `offset`; offset + n is never over `size`. */
typedef struct gguf_source {
    uint64_t size;
    hearth_code (*read)(void *arg, uint64_t offset, void *to, size_t n, hearth_err *err);
    void *arg;
} gguf_source;

typedef struct gguf_info {
    uint32_t version;
    char     architecture[64];
    char     name[128];        /* general.name, or empty */
    char     quantization[24]; /* "Q4_K_M": of general.file_type, else the type that holds most bytes */
    uint64_t parameters;       /* elements of all tensors */
    uint64_t tensor_bytes;
    uint64_t context_length; /* that the model was trained for; 0: not told */
    uint64_t embedding_length, block_count;
    uint64_t vocabulary; /* tokens; 0: not told */
    int64_t  bos, eos;   /* -1: not told */
    uint32_t split_count, split_no;
    uint32_t tensor_count, key_count;
    bool     has_chat_template;
} gguf_info;

/* Fills `info`. Owner: the caller's memory. Thread: any, it blocks in source->read.
 * Errors: damaged (what, and at which byte), incompatible (another version), too_large (over a cap above), what
 * source->read answered. */
hearth_code gguf_read(const gguf_source *source, gguf_info *info, hearth_err *err);

#endif
