/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fake_host.h: an engine in this process, without a daemon.
 *
 *     fake_host *h = fake_host_new(hearth_entry_engine_llama, "/path/of/the/package");
 *     fake_call *c = fake_call_start(h, "engine.submit", "{\"prompt\":\"Once\"}");
 *     fake_host_wait(h, c);
 *     assert_int_equal(c->code, HEARTH_OK);
 *     fake_call_free(c);
 *     fake_host_free(h);                      // dispose; fails when memory was not given back
 *
 * It offers the part of hearth_host_api that an engine uses: values, memory, log, serve, reply, push, cancel, work,
 * post and paths. The test's thread is the loop: it runs only inside fake_host_* functions. Whatever the contract
 * forbids (a push after the answer, two answers) ends the test. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <hearth/plugin.h>

typedef struct fake_host fake_host;

/* One call and all that came of it. Fields are the test's to read once is_done, or under fake_host_until. */
typedef struct fake_call {
    struct fake_call *next;
    fake_host    *host;
    hearth_value *params;
    bool          is_done, is_cancelled;
    bool          is_held; /* set by a test: the third text or the first progress stops the engine until it is cancelled */
    unsigned      order; /* of its answer among all, from 1 */
    hearth_fn     on_cancel;
    void         *on_cancel_arg;

    hearth_code   code;
    char          message[400];
    hearth_value *value; /* the result, or the details of a failure */

    hearth_buf    text, reasoning; /* what was pushed */
    hearth_value *tool_calls, *logprobs; /* arrays of what was pushed */
    unsigned      texts, reasonings, progresses; /* events */
    uint64_t      done, total;                   /* the last progress */
} fake_call;

/* Owner: the caller. Ends the test when the plugin does not load. */
fake_host *fake_host_new(const hearth_plugin *(*entry)(const hearth_host_api *), const char *package);
void       fake_host_free(fake_host *h);

/* Owner: the caller, fake_call_free once it is done. `params` is JSON. */
fake_call *fake_call_start(fake_host *h, const char *method, const char *params);
fake_call *fake_call_start_value(fake_host *h, const char *method, hearth_value *params);
void       fake_call_cancel(fake_call *c);
void       fake_call_free(fake_call *c);

/* Runs the loop until the call is answered, or until `is_met(arg)`. */
void fake_host_wait(fake_host *h, fake_call *c);
void fake_host_until(fake_host *h, bool (*is_met)(void *arg), void *arg);
/* Starts a call and waits. */
fake_call *fake_host_call(fake_host *h, const char *method, const char *params);

/* Calls of hearth_push_many so far. */
unsigned fake_host_pushes(const fake_host *h);

#endif
