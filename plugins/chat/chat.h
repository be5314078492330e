/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* chat.h: what the files of this plugin share. chat.c says what it is for; turn.c is a turn's way. */
#ifndef CHAT_H
#define CHAT_H

#include <hearth/plugin.h>

#define CHAT_ID_BYTES      27u         /* a ULID and its NUL */
#define CHAT_JOB_BYTES     17u         /* a job's id as 16 hexadecimal digits, and its NUL */
#define CHAT_MAX_TURNS     256u        /* at once */
#define CHAT_ANSWER_BYTES  (4u << 20)  /* of an answer with its reasoning: what threads keeps of one message */
#define CHAT_PART_BYTES    (32u << 20) /* of a part file: the same with JSON escapes */
#define CHAT_SAVE_EVERY_MS 1000u

typedef struct turn    turn;
typedef struct save    save;
typedef struct recover recover;

typedef struct chat {
    hearth_ctx *ctx;
    turn       *turns;
    size_t      turn_count;
    save       *saves;   /* files being written or removed */
    recover    *recover; /* what a crash left behind, while it is being put right */
} chat;

/* -- turn.c. Thread: loop -------------------------------------------------------------------------------------------- */

typedef enum turn_kind { TURN_SEND = 1, TURN_REGENERATE } turn_kind;

/* Begins a turn and answers the request, now or at its end. */
void turn_start(chat *c, hearth_req *req, turn_kind kind);
/* Stops the turns of a thread; they end soon and keep what they have. Returns how many. */
size_t turn_stop(chat *c, hearth_str thread);
/* [{thread, message, job}] of those that run. */
hearth_value *turn_list(const chat *c);
/* Whether a turn with this job runs. */
bool turn_is_live(const chat *c, hearth_str job);
void turn_dispose(chat *c);

/* -- part.c: what a running turn has written so far, in local/jobs/<job>.part. Thread: loop ----------------------------- */

/* Writes it anew on the worker. At most one write per job is under way: false when there is one already. */
bool part_save(chat *c, const char *job, hearth_str text, hearth_str reasoning);
void part_remove(chat *c, const char *job);
void part_dispose(chat *c);
/* [{type, text}] from text and reasoning, leaving out what is empty. Thread: any. */
hearth_value *part_list(hearth_ctx *ctx, hearth_str text, hearth_str reasoning);
/* The same out of a part file; an empty list when there is none. Thread: worker. */
hearth_value *part_read(hearth_ctx *ctx, const char *job);

/* -- recover.c: answers that a crash left in state running become `interrupted`. Thread: loop ---------------------------- */

void recover_start(chat *c);
void recover_dispose(chat *c);

#endif
