/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fakehost: a host for the tests of core plugins: real files in a folder, everything else in memory and in order.
 *
 *     fakehost *f = fakehost_new(NULL);                         // an empty folder of its own
 *     fakehost_load(f, "store-folder", hearth_entry_store_folder);
 *     fakehost_load(f, "threads", hearth_entry_threads);
 *     fake_call *c = fakehost_call(f, "threads.create", "{\"title\":\"a\"}");
 *     assert_int_equal(c->code, HEARTH_OK);
 *     fake_call_free(c);
 *     assert_int_equal(fakehost_free(f), 0);                    // bytes that a plugin kept
 *
 * One thread: callbacks, workers and timers run inside fakehost_run, one after the other, in the order in which they
 * came; so a test says when what happens. Time moves only by fakehost_advance and a little with each callback.
 * It validates no arguments and asks no gate: that is the kernel's. */
#ifndef TESTS_FAKEHOST_H
#define TESTS_FAKEHOST_H

#include <hearth/plugin.h>

typedef struct fakehost fakehost;

/* A call from outside. Everything in it is the call's. */
typedef struct fake_call {
    fakehost     *f;
    bool          is_done;
    hearth_id     id;
    hearth_code   code;
    hearth_value *value; /* the result, or details of the failure; may be NULL */
    hearth_err    err;
    hearth_value *events; /* [{kind, text, data}] */
} fake_call;

/* `folder` NULL: a new one that fakehost_free removes; else that one, which stays: for restarts. */
fakehost   *fakehost_new(const char *folder);
const char *fakehost_folder(const fakehost *f);
/* Unloads everything; returns the bytes and handles that plugins did not give back. */
size_t fakehost_free(fakehost *f);
/* Like a crash: nothing is disposed or finished, memory is given back. Files stay. */
void fakehost_crash(fakehost *f);

void fakehost_device(fakehost *f, const char *device);
void fakehost_load(fakehost *f, const char *id, hearth_plugin_entry_fn entry);
/* A method of the test itself, served like a plugin's. */
void fakehost_serve(fakehost *f, const char *method, hearth_method_fn fn, void *self);
void fakehost_set(fakehost *f, const char *setting, const char *json);

/* Runs whatever is due; true when nothing is left but timers. */
void fakehost_run(fakehost *f);
/* Runs one thing; false when there was nothing. */
bool fakehost_step(fakehost *f);
void fakehost_advance(fakehost *f, uint64_t ms);

fake_call *fakehost_start(fakehost *f, const char *method, const char *json);
/* The same, until nothing is left to do. */
fake_call *fakehost_call(fakehost *f, const char *method, const char *json);
void       fakehost_cancel(fake_call *c);
void       fake_call_free(fake_call *c);

/* What was emitted so far: [{topic, value}]. Borrowed until the next one. */
const hearth_value *fakehost_emitted(fakehost *f);

/* The next append fails; with `bytes` of its lines in the file, as a crash or a full disk leaves them. */
void fakehost_fail_append(fakehost *f, hearth_code code, size_t bytes);
/* How many appends reached a file. */
unsigned fakehost_appends(const fakehost *f);

/* Files of the folder, by relative name. */
void  fakehost_write(fakehost *f, const char *name, const char *text);
void  fakehost_append(fakehost *f, const char *name, const char *text);
char *fakehost_read(fakehost *f, const char *name); /* free(); NULL: none */
bool  fakehost_has(fakehost *f, const char *name);
void  fakehost_remove(fakehost *f, const char *name); /* also folders */

#endif
