/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A small writer makes headers, whole and broken; the reader must read the first and refuse the others by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gguf.h"

/* -- writing ------------------------------------------------------------------------------------------------------ */

static void put(hearth_buf *b, uint64_t x, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        hearth_buf_putc(b, (char)(x >> (8 * i)));
}

static void put_string(hearth_buf *b, const char *text)
{
    put(b, strlen(text), 8);
    hearth_buf_puts(b, text);
}

static void put_head(hearth_buf *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    hearth_buf_init(b, 1 << 20);
    hearth_buf_puts(b, "GGUF");
    put(b, version, 4);
    put(b, tensors, 8);
    put(b, keys, 8);
}

static void key_text(hearth_buf *b, const char *key, const char *text)
{
    put_string(b, key);
    put(b, 8, 4);
    put_string(b, text);
}

static void key_u32(hearth_buf *b, const char *key, uint32_t x)
{
    put_string(b, key);
    put(b, 4, 4);
    put(b, x, 4);
}

static void tensor(hearth_buf *b, const char *name, uint64_t rows, uint64_t columns, uint32_t type, uint64_t offset)
{
    put_string(b, name);
    put(b, 2, 4);
    put(b, rows, 8);
    put(b, columns, 8);
    put(b, type, 4);
    put(b, offset, 8);
}

static void pad(hearth_buf *b, size_t to)
{
    while (b->n % to)
        hearth_buf_putc(b, 0);
}

/* A whole file: two tensors of 64x2 F32 and 256x1 Q4_K. */
static void whole_file(hearth_buf *b)
{
    put_head(b, 3, 2, 9);
    key_text(b, "general.architecture", "llama");
    key_text(b, "general.name", "Kleine Glut");
    key_u32(b, "general.file_type", 15);
    key_u32(b, "llama.context_length", 1024);
    key_u32(b, "other.context_length", 7);
    key_text(b, "tokenizer.chat_template", "{{ messages }}");
    key_u32(b, "tokenizer.ggml.eos_token_id", 2);
    put_string(b, "tokenizer.ggml.tokens");
    put(b, 9, 4), put(b, 8, 4), put(b, 3, 8);
    put_string(b, "a"), put_string(b, ""), put_string(b, "ccc");
    put_string(b, "nested"); /* an array of two arrays of u16 */
    put(b, 9, 4), put(b, 9, 4), put(b, 2, 8);
    for (int i = 0; i < 2; i++)
        put(b, 2, 4), put(b, 2, 8), put(b, 1, 2), put(b, 2, 2);
    tensor(b, "one", 64, 2, 0, 0);
    tensor(b, "two", 256, 1, 12, 512);
    pad(b, 32);
    for (int i = 0; i < 512 + 144; i++)
        hearth_buf_putc(b, 0);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

static hearth_code from_memory(void *arg, uint64_t offset, void *to, size_t n, hearth_err *err)
{
    const hearth_buf *b = arg;
    (void)err;
    assert_true(offset <= b->n && n <= b->n - offset); /* the reader never asks beyond the end */
    memcpy(to, b->p + offset, n);
    return HEARTH_OK;
}

static hearth_code read_buf(hearth_buf *b, gguf_info *info, hearth_err *err)
{
    gguf_source source = { .size = b->n, .read = from_memory, .arg = b };
    *err = (hearth_err){ 0 };
    return gguf_read(&source, info, err);
}

static void expect_refusal(hearth_buf *b, hearth_code code, const char *word)
{
    gguf_info  info;
    hearth_err err;
    assert_int_equal(read_buf(b, &info, &err), code);
    assert_non_null(strstr(err.msg, word));
    hearth_buf_deinit(b);
}

static void a_whole_header_is_read(void **state)
{
    (void)state;
    hearth_buf b;
    gguf_info  info;
    hearth_err err;
    whole_file(&b);
    assert_int_equal(read_buf(&b, &info, &err), HEARTH_OK);
    assert_string_equal(info.architecture, "llama");
    assert_string_equal(info.name, "Kleine Glut");
    assert_string_equal(info.quantization, "Q4_K_M");
    assert_int_equal(info.context_length, 1024);
    assert_int_equal(info.vocabulary, 3);
    assert_int_equal(info.eos, 2);
    assert_int_equal(info.bos, -1);
    assert_int_equal(info.parameters, 128 + 256);
    assert_true(info.has_chat_template);
    hearth_buf_deinit(&b);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    hearth_buf b;
    gguf_info  info;
    hearth_err err;
    whole_file(&b);
    size_t whole = b.n;
    for (b.n = 0; b.n < whole; b.n++)
        assert_int_equal(read_buf(&b, &info, &err), HEARTH_DAMAGED);
    hearth_buf_deinit(&b);
}

/* Whatever one byte becomes, the reader ends, with an answer or a reason. */
static void every_flipped_byte_is_survived(void **state)
{
    (void)state;
    hearth_buf b;
    gguf_info  info;
    hearth_err err;
    whole_file(&b);
    for (size_t i = 0; i < b.n - 656; i++)
        for (int flip = 1; flip < 256; flip *= 2) {
            b.p[i] = (char)(b.p[i] ^ flip);
            hearth_code code = read_buf(&b, &info, &err);
            assert_true(code == HEARTH_OK || err.msg[0]);
            b.p[i] = (char)(b.p[i] ^ flip);
        }
    hearth_buf_deinit(&b);
}

static void what_is_no_model_is_refused(void **state)
{
    (void)state;
    hearth_buf b;
    hearth_buf_init(&b, 100);
    hearth_buf_puts(&b, "PK\3\4 something else altogether");
    expect_refusal(&b, HEARTH_DAMAGED, "no GGUF file");
    put_head(&b, 1, 0, 0);
    expect_refusal(&b, HEARTH_INCOMPATIBLE, "version 1");
    put_head(&b, 0x03000000, 0, 0);
    expect_refusal(&b, HEARTH_INCOMPATIBLE, "big-endian");
    put_head(&b, 3, 0, 0);
    expect_refusal(&b, HEARTH_DAMAGED, "architecture");
}

static void absurd_counts_are_refused_at_once(void **state)
{
    (void)state;
    hearth_buf b;
    put_head(&b, 3, 0, UINT64_MAX);
    expect_refusal(&b, HEARTH_TOO_LARGE, "keys");
    put_head(&b, 3, 1u << 31, 0);
    expect_refusal(&b, HEARTH_TOO_LARGE, "tensors");
    put_head(&b, 3, 0, 1);
    put(&b, UINT64_MAX - 7, 8);
    expect_refusal(&b, HEARTH_DAMAGED, "ends within a key");
    put_head(&b, 3, 0, 1);
    put_string(&b, "x"), put(&b, 9, 4), put(&b, 10, 4), put(&b, UINT64_MAX / 8 + 2, 8);
    expect_refusal(&b, HEARTH_DAMAGED, "more elements");
    put_head(&b, 3, 0, 1);
    put_string(&b, "x"), put(&b, 9, 4), put(&b, 8, 4), put(&b, UINT64_MAX, 8);
    expect_refusal(&b, HEARTH_DAMAGED, "more elements");
    put_head(&b, 3, 0, 1);
    put_string(&b, "x"), put(&b, 13, 4), put(&b, 0, 8);
    expect_refusal(&b, HEARTH_DAMAGED, "type");
    put_head(&b, 3, 0, 1);
    put_string(&b, "x"), put(&b, 9, 4);
    for (int i = 0; i < 12; i++)
        put(&b, 9, 4), put(&b, 1, 8);
    put(&b, 0, 4), put(&b, 0, 8);
    expect_refusal(&b, HEARTH_DAMAGED, "nested");
}

static void tensor_file(hearth_buf *b, uint64_t rows, uint64_t columns, uint32_t type, uint64_t offset)
{
    put_head(b, 3, 1, 1);
    key_text(b, "general.architecture", "llama");
    tensor(b, "weight", rows, columns, type, offset);
    pad(b, 32);
    for (int i = 0; i < 1024; i++)
        hearth_buf_putc(b, 0);
}

static void tensors_must_lie_inside_the_file(void **state)
{
    (void)state;
    hearth_buf b;
    gguf_info  info;
    hearth_err err;
    tensor_file(&b, 16, 16, 0, 0);
    assert_int_equal(read_buf(&b, &info, &err), HEARTH_OK);
    assert_string_equal(info.quantization, "F32");
    hearth_buf_deinit(&b);
    tensor_file(&b, 16, 16, 0, 32);
    expect_refusal(&b, HEARTH_DAMAGED, "cut off");
    tensor_file(&b, 16, 16, 0, 8);
    expect_refusal(&b, HEARTH_DAMAGED, "alignment");
    tensor_file(&b, 16, 16, 0, UINT64_MAX - 31);
    expect_refusal(&b, HEARTH_DAMAGED, "cut off");
    tensor_file(&b, (uint64_t)1 << 40, (uint64_t)1 << 40, 0, 0);
    expect_refusal(&b, HEARTH_DAMAGED, "63 bits");
    tensor_file(&b, (uint64_t)1 << 61, 1, 0, 0);
    expect_refusal(&b, HEARTH_DAMAGED, "cut off");
    tensor_file(&b, 0, 1, 0, 0);
    expect_refusal(&b, HEARTH_DAMAGED, "zero");
    tensor_file(&b, 100, 1, 12, 0);
    expect_refusal(&b, HEARTH_DAMAGED, "whole blocks");
    tensor_file(&b, 64, 1, 99, 0); /* a type of the future: its size is not known */
    assert_int_equal(read_buf(&b, &info, &err), HEARTH_OK);
    hearth_buf_deinit(&b);
}

static void the_alignment_is_checked(void **state)
{
    (void)state;
    static const uint32_t bad[] = { 0, 3, 48, 0x80000000u };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_buf b;
        put_head(&b, 3, 0, 2);
        key_text(&b, "general.architecture", "llama");
        key_u32(&b, "general.alignment", bad[i]);
        expect_refusal(&b, HEARTH_DAMAGED, "alignment");
    }
}

/* Names go into JSON and onto screens: what is not text is left out, what is too long is cut. */
static void names_are_text(void **state)
{
    (void)state;
    static char long_name[5000];
    hearth_buf  b;
    gguf_info   info;
    hearth_err  err;
    memset(long_name, 'n', sizeof long_name - 1);
    put_head(&b, 2, 0, 3);
    key_text(&b, "general.architecture", "llama");
    key_text(&b, "general.name", "bad \xff\xfe name");
    key_text(&b, "llama.context_length", "many"); /* the wrong type: passed over */
    assert_int_equal(read_buf(&b, &info, &err), HEARTH_OK);
    assert_string_equal(info.name, "");
    assert_int_equal(info.context_length, 0);
    hearth_buf_deinit(&b);
    put_head(&b, 2, 0, 2);
    key_text(&b, "general.architecture", "llama");
    key_text(&b, "general.name", long_name);
    assert_int_equal(read_buf(&b, &info, &err), HEARTH_OK);
    assert_int_equal(strlen(info.name), sizeof info.name - 1);
    hearth_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_header_is_read),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(every_flipped_byte_is_survived),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(absurd_counts_are_refused_at_once),
        cmocka_unit_test(tensors_must_lie_inside_the_file),
        cmocka_unit_test(the_alignment_is_checked),
        cmocka_unit_test(names_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
