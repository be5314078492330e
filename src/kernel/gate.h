/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* gate: the one place where every call, subscription and attachment is allowed or refused.
 *
 * Who: a principal (owner, local, user, key, plugin). On whose behalf: the plugins through which the call came; a call
 * needs the rights of all of them. When: at call, subscribe and attach, never per event. Verdicts are bits, computed
 * once per principal and policy revision. Accounts and policy engines plug in as a policy function. */
#ifndef HEARTH_KERNEL_GATE_H
#define HEARTH_KERNEL_GATE_H

#include <hearth/kit.h>

typedef struct gate      gate;
typedef struct principal principal;

#define GATE_MAX_PERMISSIONS 512u

typedef enum principal_kind {
    PRINCIPAL_INVALID = 0,
    PRINCIPAL_OWNER,  /* same user on the unix socket, or the install token */
    PRINCIPAL_LOCAL,  /* loopback without a credential */
    PRINCIPAL_USER,
    PRINCIPAL_KEY,
    PRINCIPAL_PLUGIN,
    PRINCIPAL_HOST    /* the daemon itself, inside a child: it has checked already */
} principal_kind;

/* Owner: the caller. Thread: loop, as everything here. */
gate *gate_new(void);
void  gate_free(gate *g);

/* The number of a permission's name ("threads.read"), made on first use; negative when there are too many. "public" is
 * 0: everybody. */
int gate_permission(gate *g, hearth_str name);
hearth_str gate_permission_name(const gate *g, int permission);

principal     *principal_new(gate *g, principal_kind kind, hearth_str id); /* one reference */
principal     *principal_ref(principal *p);
void           principal_unref(principal *p); /* NULL is fine */
principal_kind principal_kind_of(const principal *p);
hearth_str     principal_kind_name(const principal *p);
hearth_str     principal_id(const principal *p);
/* What a plugin's manifest asks for and the owner granted. A name ending in * grants a prefix. */
hearth_code principal_grant(principal *p, hearth_str permission);

/* The seam for accounts and policies: asked when a verdict is not known yet. */
typedef enum gate_verdict { GATE_NO_OPINION = 0, GATE_ALLOW, GATE_DENY } gate_verdict;
typedef gate_verdict (*gate_policy_fn)(void *arg, const principal *who, hearth_str permission);
hearth_code gate_add_policy(gate *g, gate_policy_fn fn, void *arg); /* deny wins over allow */
void        gate_new_revision(gate *g);                              /* forget all verdicts */
uint64_t    gate_revision(const gate *g);

/* May `who`, through the `n` plugins in `via`, use `permission`? Errors: denied, unauthenticated (a local principal that a
 * credential would help), with a sentence that names who lacks what. */
hearth_code gate_check(gate *g, principal *who, principal *const *via, size_t n, int permission, hearth_str what, hearth_err *err);

/* Every denial, and every call of a method marked `audit`. */
typedef void (*gate_audit_fn)(void *arg, const principal *who, hearth_str what, hearth_str permission, hearth_code code);
void gate_on_audit(gate *g, gate_audit_fn fn, void *arg);
void gate_audit(gate *g, const principal *who, hearth_str what, int permission, hearth_code code);

#endif
