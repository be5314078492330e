/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* types.h: the few types that every public header of Hearth shares.
 *
 *     static hearth_code parse_port(hearth_str text, uint16_t *port, hearth_err *err)
 *     {
 *         if (text.n == 0)
 *             return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "serve",
 *                                   "the port is empty; write --listen HOST:PORT");
 *         ...
 *         return HEARTH_OK;
 *     }
 *
 * Owns nothing, allocates nothing, includes no header of an operating system. */
#ifndef HEARTH_TYPES_H
#define HEARTH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hearth/errors.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the public interface: another major is another language, a newer minor only adds. */
#define HEARTH_ABI_MAJOR 1u
#define HEARTH_ABI_MINOR 0u

#define HEARTH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__GNUC__)
#define HEARTH_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define HEARTH_EXPORT __attribute__((visibility("default")))
#else
#define HEARTH_PRINTF(fmt, first)
#define HEARTH_EXPORT
#endif

/* Return early when an expression gives a negative code. */
#define HEARTH_TRY(expression)                 \
    do {                                       \
        hearth_code hearth_try_ = (expression);\
        if (hearth_try_ < 0)                   \
            return hearth_try_;                \
    } while (0)

/* A view of bytes that somebody else owns; text is UTF-8 and not terminated. {NULL, 0} is the empty view. */
typedef struct hearth_str {
    const char *p;
    size_t      n;
} hearth_str;

/* A view of a string literal. */
#ifdef __cplusplus
#define HEARTH_STR(literal) (hearth_str{ (literal), sizeof(literal) - 1 })
#else
#define HEARTH_STR(literal) ((hearth_str){ (literal), sizeof(literal) - 1 })
#endif

/* printf("%.*s", HEARTH_FMT(s)) */
#define HEARTH_FMT(s) (int)(s).n, (s).p

/* What went wrong, for a person. Fixed size, no allocation, lives on the caller's stack; every function that
 * takes one accepts NULL. The nearest cause wins: the first writer keeps its words. */
typedef struct hearth_err {
    hearth_code code;
    char        where[48]; /* the part that noticed: "threads.open", "engine-llama.load" */
    char        msg[400];  /* one sentence: what failed, on what, what to do */
} hearth_err;

/* An id of something that may be gone by the time it is used: looked up on use, never a pointer. 0 is none. */
typedef uint64_t hearth_id;

/* What a running call tells its caller before it answers. The end of a call is its reply, not an event. */
typedef enum hearth_event_kind {
    HEARTH_EVENT_INVALID = 0,
    HEARTH_STARTED,   /* data: what was made before the work began */
    HEARTH_TEXT,      /* text: the next piece of the answer; always ends on a UTF-8 boundary */
    HEARTH_REASONING, /* text: the next piece of the reasoning */
    HEARTH_TOOL_CALL, /* data: {index, id?, name?, arguments?}, in fragments */
    HEARTH_LOGPROB,   /* data: {token, logprob, bytes, top_logprobs} */
    HEARTH_PROGRESS,  /* done of total (0: unknown), text: what is being done */
    HEARTH_DATA,      /* data: anything else; a subscribed topic arrives as {topic, value} */
    HEARTH_RESET,     /* data: a snapshot that replaces everything before it */
    HEARTH_EVENT_KINDS
} hearth_event_kind;

struct hearth_value;

typedef struct hearth_event {
    uint32_t                   kind; /* hearth_event_kind */
    uint32_t                   flags;
    uint64_t                   seq;  /* rises by one within a call, from 1; set by the host */
    hearth_str                 text;
    uint64_t                   done, total;
    const struct hearth_value *data; /* borrowed; NULL where the kind has none */
} hearth_event;

#ifdef __cplusplus
}
#endif
#endif
