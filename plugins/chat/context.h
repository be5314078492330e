/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* context: what a model is told: the messages on the way from a thread's beginning to a question.
 *
 * Nothing is left out to make it fit. When the context is too small the engine says so, with both numbers, and the
 * turn fails: a model that silently forgets the beginning is worse than an error. */
#ifndef CHAT_CONTEXT_H
#define CHAT_CONTEXT_H

#include <hearth/plugin.h>

/* [{role, content}] from `messages` (of threads.get) along the parents of `leaf`, oldest first; `system`, when not
 * empty, comes before all. Messages without text (a failed answer, one that runs elsewhere) are left out; so is
 * reasoning. Owner: `out` is the caller's. Thread: any.
 * Errors: not_found (no such leaf), invalid_argument (nothing to say), no_memory. Since: 1.0 */
hearth_code context_build(hearth_ctx *ctx, const hearth_value *messages, hearth_str leaf, hearth_str system,
                          hearth_value **out, hearth_err *err);

#endif
