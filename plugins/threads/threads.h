/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* threads.h: what the files of this plugin share. threads.c says what it is for; task.c shows how a method runs. */
#ifndef THREADS_H
#define THREADS_H

#include <hearth/plugin.h>

#include "index.h"

#define THREADS_MAX_TASKS 1024u

typedef struct task   task;
typedef struct verify verify;
typedef struct sweep  sweep;

typedef struct threads {
    hearth_ctx *ctx;
    char        device[OP_NAME_MAX_BYTES + 1];
    index_db    ix;           /* the worker's */
    unsigned    generation;   /* of the index, as far as the loop heard */
    uint64_t    n_floor;      /* see index_db; carried over with each task */
    bool        is_caught_up; /* the index has what the logs had at some moment since it was opened */
    sweep      *sweep;        /* the catching-up under way */
    verify     *verifies;
    task       *first, *last; /* in the order in which they came */
    size_t      task_count;
} threads;

/* -- catchup.c: the index follows the logs. Thread: loop ------------------------------------------------------------------ */

typedef void (*verify_fn)(void *arg, hearth_code code, bool has_changed, const hearth_err *err);

/* Compares one thread with its logs and reads what is new; `done` comes later, always, unless the plugin is disposed.
 * Errors: those of the store, io, no_memory. */
void verify_thread(threads *t, const char *thread, verify_fn done, void *arg);
/* Makes sure that all threads are being compared; task_wake is called at the end. */
void catchup_need(threads *t);
/* To be told of the index's generation after each work: when it was lost, everything is read again. */
void catchup_saw(threads *t, unsigned generation);
void catchup_dispose(threads *t);

/* -- task.c: one call of a method, from its arguments to its answer ---------------------------------------------------------- */

/* How a method runs. `run` and `finish` are the worker's. */
typedef struct task_kind {
    const char *thread_key;         /* the argument that names the thread; NULL: the method is about no single one */
    bool        is_new_ok;          /* the thread may be null or left out: then a new one is made */
    bool        needs_all;          /* answers for all threads: waits until the index has caught up */
    bool        opens;              /* shows a thread: it is compared with its logs each time */
    hearth_code (*run)(task *k);    /* reads `result`, or puts operations */
    hearth_code (*finish)(task *k); /* NULL: a read. Once the operations are safe and applied: `result` and events */
} task_kind;

typedef enum task_state {
    TASK_INVALID = 0,
    TASK_WAITS_FOR_THREAD, /* another one writes to the same thread */
    TASK_WAITS_FOR_ALL,
    TASK_WORKS
} task_state;

struct task {
    threads         *t;
    task            *next, *prev;
    const task_kind *kind;
    task_state       state;
    hearth_req      *req;
    hearth_value    *params; /* our reference */
    char             thread[INDEX_ID_BYTES];
    bool             is_new; /* the thread is made by this task */
    bool             is_saved, is_stale;
    bool             has_changed; /* its logs had something that the index had not */
    unsigned         generation, tries;
    char             ids[2][INDEX_ID_BYTES]; /* messages that `run` made or chose, for `finish` */
    const char      *change;
    op_stamp         stamp;
    uint64_t         n_floor, offset;
    hearth_buf       line;
    hearth_value    *lines; /* to append */
    hearth_value    *result, *events;
    hearth_code      code;
    hearth_err       err;
};

/* Begins a task for a request. Thread: loop. */
void task_start(threads *t, hearth_req *req, const task_kind *kind);
/* Those that waited for all threads go on, or fail with `err`. Thread: loop. */
void task_wake(threads *t, hearth_code code, const hearth_err *err);
void task_dispose(threads *t);

/* Adds an operation to what the task will append; takes `v`. Thread: worker. Errors: too_large, no_memory. */
hearth_code task_put(task *k, op_kind kind, const char *entity, const char *field, hearth_value *v);
/* Says what changed, to be told once it is safe; takes both, `message` may be NULL. Thread: worker. */
void task_changed(task *k, const char *change, hearth_value *thread, hearth_value *message);
/* A new ULID. Thread: any. */
void threads_mint(threads *t, char out[INDEX_ID_BYTES]);

/* -- read.c, write.c, turn.c: the methods --------------------------------------------------------------------------------------- */

extern const task_kind task_list, task_get, task_search, task_running;
extern const task_kind task_create, task_update, task_delete, task_restore;
extern const task_kind task_message_add, task_message_update, task_message_delete;
extern const task_kind task_turn_begin, task_turn_end;

/* Shared by write.c and turn.c. Thread: worker. */
hearth_code write_thread(task *k, hearth_value **thread); /* the task's thread, not deleted */
hearth_code write_new_id(task *k, hearth_str wanted,
                         char out[INDEX_ID_BYTES]); /* of a message: the wanted one if free */
hearth_code write_parent(task *k, const hearth_value *from, const hearth_value *thread, hearth_value *message);
void        write_copy(hearth_value *to, const hearth_value *from, const char *const *fields, size_t n);

#endif
