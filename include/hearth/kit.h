/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* kit.h: small pure tools that every part of Hearth shares and that a plugin may compile in (libhearth-kit.a).
 *
 *     hearth_buf out;
 *     hearth_buf_init(&out, 1 << 20);                  // never grows over 1 MiB
 *     hearth_buf_puts(&out, "data: ");
 *     hearth_json_put_string(&out, text);              // with quotes and escapes
 *     hearth_buf_puts(&out, "\n\n");
 *     if (out.failed) ...                              // asked for once, at the end
 *     hearth_buf_deinit(&out);
 *
 * No I/O, no threads, no global state; never aborts, prints or touches the locale. Nothing here crosses the ABI. */
#ifndef HEARTH_KIT_H
#define HEARTH_KIT_H

#include <stdarg.h>
#include <string.h>

#include <hearth/types.h>
#include <hearth/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- errors ------------------------------------------------------------------------------------------------ */

/* Fills `err` (if any, and if still empty) and returns `code`, so that it can stand in a return statement.
 * Owner: nothing kept. Thread: any. Errors: none. Since: 1.0 */
hearth_code hearth_err_set(hearth_err *err, hearth_code code, const char *where, const char *fmt, ...) HEARTH_PRINTF(4, 5);

/* The stable lower-case name of a code ("not_found"), its sentence, HTTP status and JSON-RPC code; an unknown
 * code reads as `internal`. Owner: static. Thread: any. Since: 1.0 */
const char *hearth_code_name(hearth_code code);
const char *hearth_code_text(hearth_code code);
int         hearth_code_http(hearth_code code);
int         hearth_code_rpc(hearth_code code);
hearth_code hearth_code_of_rpc(int64_t rpc);

/* -- views ------------------------------------------------------------------------------------------------- */

static inline bool hearth_str_is(hearth_str s, const char *literal)
{
    size_t n = strlen(literal);
    return s.n == n && (n == 0 || memcmp(s.p, literal, n) == 0);
}
static inline bool hearth_str_equal(hearth_str a, hearth_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool hearth_str_starts(hearth_str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}
/* Order of bytes, as memcmp; a prefix comes first. Thread: any. Since: 1.0 */
int hearth_str_compare(hearth_str a, hearth_str b);
/* Copies into `to` with a NUL, cut to fit on a UTF-8 boundary; returns bytes copied. Thread: any. Since: 1.0 */
size_t hearth_str_copy(char *to, size_t size, hearth_str s);
/* Whole decimal number, no sign, no spaces. Errors: invalid_argument, too_large. Thread: any. Since: 1.0 */
hearth_code hearth_str_u64(hearth_str s, uint64_t *out);

/* -- growing bytes ------------------------------------------------------------------------------------------ */

/* Bytes that grow up to `cap`. After the first failed append `failed` stays set and nothing more is added, so
 * a writer asks once at the end. p is always NUL-terminated after a successful append. */
typedef struct hearth_buf {
    char  *p;
    size_t n, size, cap;
    bool   failed;
} hearth_buf;

/* Owner: the caller's memory; deinit accepts a zeroed one. Thread: one at a time. Since: 1.0 */
void hearth_buf_init(hearth_buf *b, size_t cap);
void hearth_buf_deinit(hearth_buf *b);
/* Forgets the content, keeps the memory and clears `failed`. */
void hearth_buf_reset(hearth_buf *b);
/* Errors: too_large over the cap, no_memory. */
hearth_code hearth_buf_reserve(hearth_buf *b, size_t more);
hearth_code hearth_buf_append(hearth_buf *b, const void *bytes, size_t n);
hearth_code hearth_buf_put(hearth_buf *b, hearth_str s);
hearth_code hearth_buf_puts(hearth_buf *b, const char *text);
hearth_code hearth_buf_putc(hearth_buf *b, char c);
hearth_code hearth_buf_printf(hearth_buf *b, const char *fmt, ...) HEARTH_PRINTF(2, 3);
hearth_code hearth_buf_vprintf(hearth_buf *b, const char *fmt, va_list args) HEARTH_PRINTF(2, 0);
/* Drops the first n bytes. */
void hearth_buf_consume(hearth_buf *b, size_t n);
/* Moves the bytes out (free with free()) and resets the source. */
char *hearth_buf_take(hearth_buf *b, size_t *n);
static inline hearth_str hearth_buf_str(const hearth_buf *b)
{
    hearth_str s = { b->p, b->n };
    return s;
}

/* -- memory that dies at once -------------------------------------------------------------------------------- */

/* A bump allocator: pieces are never freed singly. `cap` bounds the whole. Owner: the caller's memory. */
typedef struct hearth_arena {
    struct hearth_arena_block *blocks;
    size_t                     used, cap;
} hearth_arena;

/* Thread: one at a time. Errors: NULL over the cap or out of memory. Since: 1.0 */
void       hearth_arena_init(hearth_arena *a, size_t cap);
void       hearth_arena_deinit(hearth_arena *a);
void      *hearth_arena_new(hearth_arena *a, size_t n);                 /* zeroed, aligned for any type */
hearth_str hearth_arena_dup(hearth_arena *a, hearth_str s);             /* NUL-terminated copy; {NULL,0} on failure */

/* -- text ----------------------------------------------------------------------------------------------------- */

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). Thread: any. Since: 1.0 */
bool hearth_utf8_valid(hearth_str s);
/* Length of the longest prefix that does not end inside a character: what may be shown now. Thread: any. Since: 1.0 */
size_t hearth_utf8_whole(hearth_str s);
/* Appends `s` with every ill-formed part replaced by U+FFFD. Thread: any. Since: 1.0 */
hearth_code hearth_utf8_repair(hearth_buf *out, hearth_str s);

/* Appends a JSON string with its quotes; ill-formed UTF-8 becomes U+FFFD. Thread: any. Since: 1.0 */
hearth_code hearth_json_put_string(hearth_buf *out, hearth_str s);
/* The same without quotes. */
hearth_code hearth_json_put_escaped(hearth_buf *out, hearth_str s);
/* Appends a value as compact JSON. */
hearth_code hearth_json_put_value(hearth_buf *out, const hearth_value *v);

/* RFC 4648. Decoding refuses anything else than the alphabet and right padding. Thread: any. Since: 1.0 */
hearth_code hearth_base64_put(hearth_buf *out, const void *bytes, size_t n);
hearth_code hearth_base64_decode(hearth_buf *out, hearth_str text);
hearth_code hearth_hex_put(hearth_buf *out, const void *bytes, size_t n);
hearth_code hearth_hex_decode(void *out, size_t size, hearth_str text);

/* -- ids and clocks -------------------------------------------------------------------------------------------- */

/* A ULID (26 characters, Crockford base 32, plus NUL) of a time in ms and 80 random bits. Text order is time
 * order. Source: github.com/ulid/spec. Thread: any. Since: 1.0 */
void hearth_ulid_make(char out[27], uint64_t time_ms, const uint8_t random[10]);
bool hearth_ulid_valid(hearth_str s);
uint64_t hearth_ulid_time_ms(hearth_str s);

/* Hybrid logical clock (Kulkarni et al. 2014): 48 bits of ms and 16 bits of counter, written as 16 hex digits so
 * that text order is clock order. hearth_hlc_next gives a clock after `last` and not before now; hearth_hlc_seen
 * moves `last` past one that came from elsewhere. Thread: any. Since: 1.0 */
uint64_t hearth_hlc_next(uint64_t last, uint64_t now_ms);
uint64_t hearth_hlc_seen(uint64_t last, uint64_t other);
void     hearth_hlc_write(char out[17], uint64_t clock);
bool     hearth_hlc_read(hearth_str text, uint64_t *clock);

/* 64-bit FNV-1a, for tables whose keys are not an attacker's. Thread: any. Since: 1.0 */
uint64_t hearth_hash(const void *bytes, size_t n);

#ifdef __cplusplus
}
#endif
#endif
