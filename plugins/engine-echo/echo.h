/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* echo: what engine-echo says, as pure functions: words as tokens, the knobs of a test, stop strings.
 *
 * A token is a word with the white space before it, so that the tokens of a text put together are the text. */
#ifndef ENGINE_ECHO_ECHO_H
#define ENGINE_ECHO_ECHO_H

#include <hearth/kit.h>

enum {
    ECHO_MAX_TOKENS = 1000000, /* per answer */
    ECHO_MAX_DELAY_MS = 60000,
    ECHO_MAX_STOPS = 16,
    ECHO_MAX_STOP_BYTES = 1024
};

/* How an answer behaves. Views are borrowed from whatever the knobs were read from. */
typedef struct echo_knobs {
    int32_t             delay_ms;    /* before each token */
    int32_t             tokens;      /* how many; -1: once through the text */
    int32_t             crash_after; /* the process ends abnormally after so many; -1: never */
    int32_t             hang_after;  /* the process stops answering after so many; -1: never */
    hearth_str          say;         /* instead of the question; {NULL, 0}: the question */
    hearth_str          think;       /* reasoning before the answer */
    hearth_str          fail;        /* an error's name: the request fails with it */
    const hearth_value *tool_call;   /* {name, arguments}: called instead of an answer */
} echo_knobs;

/* Knobs that change nothing. Owner: the caller's memory. Thread: any. Errors: none. */
void echo_knobs_init(echo_knobs *k);
/* Overrides what `object` names; other members are ignored. Owner: borrows from `object`. Thread: any.
 * Errors: invalid_argument, naming the knob. */
hearth_code echo_knobs_read(echo_knobs *k, const hearth_value *object, hearth_err *err);

/* Splits "@echo {...}\nrest" into its JSON and the rest; false when the text begins otherwise. Thread: any. */
bool echo_directive(hearth_str text, hearth_str *json, hearth_str *rest);

/* The token at *at, which moves behind it; empty at the end. Thread: any. */
hearth_str echo_token_next(hearth_str text, size_t *at);
size_t     echo_token_count(hearth_str text);

/* Looks for stop strings in `text`, of which the first `sent` bytes were told already. Returns how many bytes may be
 * told now: up to the earliest stop string (*hit is its index), else all but an end that may become one (*hit is -1).
 * Thread: any. */
size_t echo_stop_scan(hearth_str text, size_t sent, const hearth_str *stops, size_t n, int *hit);

#endif
