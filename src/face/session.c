/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/session.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/kit.h>

enum {
    RANDOM_BYTES = 32,
    HASH_BYTES = 32,
    KEYS_MAX = 8,       /* the oldest one gives way */
    SESSIONS_MAX = 256, /* the one that was unused the longest gives way */
    FILE_MAX = 256 << 10,
};
#define MINUTE_MS    (60ull * 1000)
#define KEY_MS       (10 * MINUTE_MS) /* long enough to carry an address to a browser by hand */
#define IDLE_MS      (12 * 60 * MINUTE_MS)
#define LIFETIME_MS  (30ull * 24 * 60 * MINUTE_MS)
#define SAVE_STEP_MS (10 * MINUTE_MS) /* a session's last use is written down this coarsely */

typedef struct one_time_key {
    char     text[SESSION_TEXT];
    uint64_t expires_ms; /* 0: free */
} one_time_key;

typedef struct session {
    uint8_t  hash[HASH_BYTES];
    uint64_t created_ms, seen_ms, saved_ms; /* saved_ms: seen_ms as the file has it */
} session;

struct sessions {
    sessions_options o;
    char             token[TOKEN_TEXT];
    principal       *owner, *local;
    one_time_key     keys[KEYS_MAX];
    session          all[SESSIONS_MAX];
    size_t           n;
    loop_queue      *queue;
    loop_fn          idle;
    void            *idle_arg;
};

static void random_text(char out[SESSION_TEXT])
{
    uint8_t bytes[RANDOM_BYTES];
    loop_random(bytes, sizeof bytes);
    sodium_bin2base64(out, SESSION_TEXT, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

static bool is_secret(hearth_str s, const char *expected, size_t n)
{
    return s.n == n && sodium_memcmp(s.p, expected, n) == 0;
}

static void hash_of(hearth_str cookie, uint8_t out[HASH_BYTES])
{
    crypto_generichash(out, HASH_BYTES, (const unsigned char *)cookie.p, cookie.n, NULL, 0);
}

/* -- the token ---------------------------------------------------------------------------------------------- */

static hearth_code open_token(sessions *s, hearth_err *err)
{
    hearth_buf text;
    hearth_err inner = { 0 };
    hearth_buf_init(&text, 4096);
    hearth_code code = file_read(s->o.local, HEARTH_STR("token"), &text, &inner);
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    if (code == HEARTH_NOT_FOUND) {
        memcpy(s->token, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1);
        random_text(s->token + sizeof TOKEN_PREFIX - 1);
        char line[TOKEN_TEXT + 1];
        memcpy(line, s->token, TOKEN_TEXT - 1);
        line[TOKEN_TEXT - 1] = '\n';
        code = file_write(s->o.local, HEARTH_STR("token"), (hearth_str){ line, TOKEN_TEXT }, 0600, err);
    } else if (code < 0) {
        code = hearth_err_set(err, code, "session", "local/token cannot be read: %s", inner.msg);
    } else if (text.n != TOKEN_TEXT - 1 || !hearth_str_starts(hearth_buf_str(&text), TOKEN_PREFIX)) {
        code = hearth_err_set(err, HEARTH_DAMAGED, "session",
                              "local/token is damaged; delete it and start again: a new one is made");
    } else {
        memcpy(s->token, text.p, TOKEN_TEXT - 1);
    }
    if (text.p)
        sodium_memzero(text.p, text.n);
    hearth_buf_deinit(&text);
    return code;
}

/* -- the file of sessions -------------------------------------------------------------------------------------- */

static bool is_alive(const session *one, uint64_t now)
{
    return now < one->seen_ms + IDLE_MS && now < one->created_ms + LIFETIME_MS;
}

/* A file that cannot be read costs a sign-in, never a start. */
static void read_sessions(sessions *s)
{
    hearth_buf text;
    hearth_buf_init(&text, FILE_MAX);
    hearth_value *root = NULL;
    if (file_read(s->o.local, HEARTH_STR("sessions.json"), &text, NULL) >= 0)
        root = hearth_parse(NULL, hearth_buf_str(&text), NULL);
    const hearth_value *list = hearth_get(root, "sessions");
    uint64_t            now = s->o.wall_ms();
    for (size_t i = 0; i < hearth_count(list) && s->n < SESSIONS_MAX; i++) {
        const hearth_value *item = hearth_at(list, i);
        session one = { { 0 }, hearth_get_u64(item, "created_ms", 0), hearth_get_u64(item, "seen_ms", 0), 0 };
        one.saved_ms = one.seen_ms;
        /* A clock that was set back must not make a session immortal. */
        bool is_sane = one.created_ms <= one.seen_ms && one.seen_ms <= now + MINUTE_MS;
        if (is_sane && is_alive(&one, now) &&
            hearth_hex_decode(one.hash, sizeof one.hash, hearth_get_str(item, "hash")) >= 0)
            s->all[s->n++] = one;
    }
    hearth_value_unref(root);
    hearth_buf_deinit(&text);
}

typedef struct save {
    file_root *local;
    hearth_buf text;
} save;

static void save_run(void *arg)
{
    save *job = arg;
    file_write(job->local, HEARTH_STR("sessions.json"), hearth_buf_str(&job->text), 0600, NULL);
    hearth_buf_deinit(&job->text);
    free(job);
}

/* Failing to save is no reason to refuse: the session lives as long as this daemon. */
static void save_sessions(sessions *s)
{
    save *job = calloc(1, sizeof *job);
    if (!job)
        return;
    job->local = s->o.local;
    hearth_buf_init(&job->text, FILE_MAX);
    hearth_buf_puts(&job->text, "{\"format\":1,\"sessions\":[");
    for (size_t i = 0; i < s->n; i++) {
        session *one = &s->all[i];
        one->saved_ms = one->seen_ms;
        hearth_buf_puts(&job->text, i ? ",\n{\"hash\":\"" : "\n{\"hash\":\"");
        hearth_hex_put(&job->text, one->hash, sizeof one->hash);
        hearth_buf_printf(&job->text, "\",\"created_ms\":%llu,\"seen_ms\":%llu}", (unsigned long long)one->created_ms,
                          (unsigned long long)one->seen_ms);
    }
    hearth_buf_puts(&job->text, "\n]}\n");
    if (job->text.failed || loop_queue_add(s->queue, save_run, NULL, job) < 0) {
        hearth_buf_deinit(&job->text);
        free(job);
    }
}

/* -- open and close ------------------------------------------------------------------------------------------------ */

static void free_sessions(sessions *s)
{
    principal_unref(s->owner);
    principal_unref(s->local);
    sodium_memzero(s, sizeof *s);
    free(s);
}

sessions *sessions_open(const sessions_options *o, hearth_err *err)
{
    sessions *s = calloc(1, sizeof *s);
    if (!s || sodium_init() < 0) {
        free(s);
        hearth_err_set(err, HEARTH_NO_MEMORY, "session", "no memory for sessions");
        return NULL;
    }
    s->o = *o;
    s->owner = principal_new(o->gate, PRINCIPAL_OWNER, HEARTH_STR("owner"));
    s->local = principal_new(o->gate, PRINCIPAL_LOCAL, HEARTH_STR("local"));
    s->queue = loop_queue_new(o->loop);
    if (!s->owner || !s->local || !s->queue)
        hearth_err_set(err, HEARTH_NO_MEMORY, "session", "no memory for sessions");
    else if (open_token(s, err) >= 0) {
        read_sessions(s);
        return s;
    }
    if (s->queue)
        loop_queue_free(s->queue, NULL, NULL);
    free_sessions(s);
    return NULL;
}

static void after_writes(void *arg)
{
    sessions *s = arg;
    loop_fn   idle = s->idle;
    void     *idle_arg = s->idle_arg;
    free_sessions(s);
    if (idle)
        idle(idle_arg);
}

void sessions_close(sessions *s, loop_fn idle, void *arg)
{
    bool is_stale = false;
    for (size_t i = 0; i < s->n; i++)
        is_stale |= s->all[i].saved_ms != s->all[i].seen_ms;
    if (is_stale)
        save_sessions(s);
    s->idle = idle;
    s->idle_arg = arg;
    loop_queue_free(s->queue, after_writes, s);
}

/* -- who asks ------------------------------------------------------------------------------------------------------- */

static void remove_at(sessions *s, size_t i) { s->all[i] = s->all[--s->n]; }

static bool cookie_is_good(sessions *s, hearth_str cookie)
{
    uint8_t hash[HASH_BYTES];
    if (cookie.n != SESSION_TEXT - 1)
        return false;
    hash_of(cookie, hash);
    uint64_t now = s->o.wall_ms();
    for (size_t i = 0; i < s->n; i++) {
        session *one = &s->all[i];
        if (sodium_memcmp(one->hash, hash, HASH_BYTES) != 0)
            continue;
        if (!is_alive(one, now)) {
            remove_at(s, i);
            return false;
        }
        one->seen_ms = now > one->seen_ms ? now : one->seen_ms;
        if (one->seen_ms - one->saved_ms > SAVE_STEP_MS)
            save_sessions(s);
        return true;
    }
    return false;
}

/* Clients of other servers insist on a key and get one made up: "none", "sk-…". What does not begin like ours proves nothing
 * and takes nothing away: it counts as no credential. What begins like ours and is wrong is refused. */
static bool is_placeholder(hearth_str key)
{
    return key.n > 0 && !hearth_str_starts(key, TOKEN_PREFIX);
}

hearth_code sessions_who(sessions *s, const heads *h, principal **who, hearth_err *err)
{
    bool       is_good = true, is_given = true, is_bearer = false;
    hearth_str cookie = heads_cookie(h, SESSION_COOKIE), key = h->api_key;
    *who = s->owner;
    if (h->authorization.p) {
        hearth_str scheme = { h->authorization.p, h->authorization.n < 7 ? h->authorization.n : 7 };
        is_bearer = heads_same(scheme, HEARTH_STR("Bearer "));
        key = (hearth_str){ h->authorization.p + scheme.n, h->authorization.n - scheme.n };
    }
    if (h->authorization.p && !is_bearer)
        is_good = false;
    else if (key.p && !is_placeholder(key))
        is_good = is_secret(key, s->token, TOKEN_TEXT - 1);
    else if (cookie.p)
        is_good = cookie_is_good(s, cookie);
    else
        is_given = false;
    if (!is_good)
        return hearth_err_set(err, HEARTH_UNAUTHENTICATED, "session",
                              "the credential is wrong or has ended; `hearth token` shows the right one, `hearth open` "
                              "signs a browser in");
    if (!is_given && s->o.needs_credential)
        return hearth_err_set(
            err, HEARTH_UNAUTHENTICATED, "session",
            "this Hearth asks everybody for a credential: send Authorization: Bearer with what `hearth token` shows");
    if (!is_given)
        *who = s->local;
    return HEARTH_OK;
}

principal *sessions_owner(const sessions *s) { return s->owner; }

hearth_str sessions_token(const sessions *s) { return (hearth_str){ s->token, TOKEN_TEXT - 1 }; }

size_t sessions_count(const sessions *s) { return s->n; }

/* -- one-time keys ---------------------------------------------------------------------------------------------------- */

void sessions_make_key(sessions *s, char key[SESSION_TEXT])
{
    one_time_key *slot = &s->keys[0];
    for (size_t i = 1; i < KEYS_MAX; i++)
        if (s->keys[i].expires_ms < slot->expires_ms)
            slot = &s->keys[i];
    random_text(slot->text);
    slot->expires_ms = loop_now_ms(s->o.loop) + KEY_MS;
    memcpy(key, slot->text, SESSION_TEXT);
}

static void add_session(sessions *s, const session *one)
{
    if (s->n == SESSIONS_MAX) {
        size_t oldest = 0;
        for (size_t i = 1; i < s->n; i++)
            if (s->all[i].seen_ms < s->all[oldest].seen_ms)
                oldest = i;
        remove_at(s, oldest);
    }
    s->all[s->n++] = *one;
}

bool sessions_redeem(sessions *s, hearth_str key, char cookie[SESSION_TEXT])
{
    uint64_t now = loop_now_ms(s->o.loop);
    for (size_t i = 0; i < KEYS_MAX; i++) {
        one_time_key *slot = &s->keys[i];
        if (slot->expires_ms == 0 || !is_secret(key, slot->text, SESSION_TEXT - 1))
            continue;
        bool is_fresh = now < slot->expires_ms;
        sodium_memzero(slot, sizeof *slot);
        if (!is_fresh)
            return false;
        uint64_t wall = s->o.wall_ms();
        session  one = { { 0 }, wall, wall, 0 };
        random_text(cookie);
        hash_of((hearth_str){ cookie, SESSION_TEXT - 1 }, one.hash);
        add_session(s, &one);
        save_sessions(s);
        return true;
    }
    return false;
}
