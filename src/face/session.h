/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* session: who a request comes from.
 *
 * Whoever can read local/token (mode 0600) is the owner: as `Authorization: Bearer`, as `x-api-key`, or, in a browser, as a
 * cookie that a one-time key was exchanged for. All three give the same principal. A credential that is wrong is refused:
 * it never falls back to what a caller without one may do. Cookies are kept hashed, so that a daemon that starts again
 * knows them and a copied folder does not give them away. Thread: loop. */
#ifndef HEARTH_FACE_SESSION_H
#define HEARTH_FACE_SESSION_H

#include "face/heads.h"
#include "io/file.h"
#include "kernel/gate.h"

#define SESSION_TEXT   44u /* 32 bytes as base64url, and a NUL */
#define TOKEN_PREFIX   "hearth_" /* what a credential of ours begins with */
#define TOKEN_TEXT     (SESSION_TEXT + sizeof TOKEN_PREFIX - 1)
#define SESSION_COOKIE "hearth_session"

typedef struct sessions sessions;

typedef struct sessions_options {
    loop      *loop;
    gate      *gate;
    file_root *local;            /* borrowed: the local half of the data folder */
    bool       needs_credential; /* nobody is `local`: for a listener beyond loopback */
    uint64_t (*wall_ms)(void);
} sessions_options;

/* Reads or makes the token, reads the sessions. Blocking, at start. Owner: the caller. Errors: damaged, read_only, io. */
sessions *sessions_open(const sessions_options *o, hearth_err *err);
/* Finishes a write under way, then calls idle(arg). */
void sessions_close(sessions *s, loop_fn idle, void *arg);

/* The principal of a request, borrowed. Errors: unauthenticated. */
hearth_code sessions_who(sessions *s, const heads *h, principal **who, hearth_err *err);
principal  *sessions_owner(const sessions *s);
hearth_str  sessions_token(const sessions *s);

/* A key that opens one session within ten minutes. */
void sessions_make_key(sessions *s, char key[SESSION_TEXT]);
/* Exchanges a key for a new session's cookie value; false when the key is wrong, old or used. */
bool   sessions_redeem(sessions *s, hearth_str key, char cookie[SESSION_TEXT]);
size_t sessions_count(const sessions *s);

#endif
