/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Permissions are numbered on first use, and a principal carries two bit sets over those numbers: which verdicts are known,
 * and which of them allow. A check on the hot path is therefore a few bit tests; policies are asked once per revision. */
#include "kernel/gate.h"

#include <stdlib.h>

#include "kernel/table.h"

#define WORDS (GATE_MAX_PERMISSIONS / 64u)
#define MAX_POLICIES 8u

typedef struct permission {
    int  number;
    char name[]; /* NUL-terminated */
} permission;

struct gate {
    table          by_name;
    permission    *all[GATE_MAX_PERMISSIONS];
    int            count;
    uint64_t       revision;
    size_t         policies;
    gate_policy_fn policy[MAX_POLICIES];
    void          *policy_arg[MAX_POLICIES];
    gate_audit_fn  audit;
    void          *audit_arg;
};

typedef struct grant {
    struct grant *next;
    size_t        n;
    bool          is_prefix;
    char          name[];
} grant;

struct principal {
    gate          *g;
    uint32_t       refs;
    principal_kind kind;
    grant         *grants;
    uint64_t       revision; /* of the bits below */
    uint64_t       known[WORDS], allowed[WORDS];
    size_t         n;
    char           id[];
};

gate *gate_new(void)
{
    gate *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->revision = 1;
    if (gate_permission(g, HEARTH_STR("public")) != 0) {
        gate_free(g);
        return NULL;
    }
    return g;
}

void gate_free(gate *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->count; i++)
        free(g->all[i]);
    table_deinit(&g->by_name);
    free(g);
}

int gate_permission(gate *g, hearth_str name)
{
    if (name.n == 0)
        return HEARTH_INVALID_ARGUMENT;
    const permission *old = table_find(&g->by_name, name);
    if (old)
        return old->number;
    if (g->count == (int)GATE_MAX_PERMISSIONS)
        return HEARTH_TOO_LARGE;
    permission *p = malloc(sizeof *p + name.n + 1);
    if (!p)
        return HEARTH_NO_MEMORY;
    memcpy(p->name, name.p, name.n);
    p->name[name.n] = 0;
    p->number = g->count;
    if (table_put(&g->by_name, (hearth_str){ p->name, name.n }, p) < 0) {
        free(p);
        return HEARTH_NO_MEMORY;
    }
    g->all[g->count] = p;
    return g->count++;
}

hearth_str gate_permission_name(const gate *g, int number)
{
    return number >= 0 && number < g->count ? hearth_cstr(g->all[number]->name) : (hearth_str){ NULL, 0 };
}

principal *principal_new(gate *g, principal_kind kind, hearth_str id)
{
    principal *p = calloc(1, sizeof *p + id.n + 1);
    if (!p)
        return NULL;
    p->g = g;
    p->refs = 1;
    p->kind = kind;
    p->n = id.n;
    if (id.n)
        memcpy(p->id, id.p, id.n);
    return p;
}

principal *principal_ref(principal *p)
{
    p->refs++;
    return p;
}

void principal_unref(principal *p)
{
    if (!p || --p->refs)
        return;
    for (grant *next; p->grants; p->grants = next) {
        next = p->grants->next;
        free(p->grants);
    }
    free(p);
}

principal_kind principal_kind_of(const principal *p)
{
    return p->kind;
}

hearth_str principal_kind_name(const principal *p)
{
    static const char *const names[] = { "invalid", "owner", "local", "user", "key", "plugin", "host" };
    return hearth_cstr(names[p->kind]);
}

hearth_str principal_id(const principal *p)
{
    return (hearth_str){ p->id, p->n };
}

hearth_code principal_grant(principal *p, hearth_str name)
{
    bool is_prefix = name.n > 0 && name.p[name.n - 1] == '*';
    if (is_prefix)
        name.n--;
    grant *one = malloc(sizeof *one + name.n + 1);
    if (!one)
        return HEARTH_NO_MEMORY;
    if (name.n)
        memcpy(one->name, name.p, name.n);
    one->name[name.n] = 0;
    one->n = name.n;
    one->is_prefix = is_prefix;
    one->next = p->grants;
    p->grants = one;
    p->revision = 0; /* what was known before is stale */
    return HEARTH_OK;
}

hearth_code gate_add_policy(gate *g, gate_policy_fn fn, void *arg)
{
    if (g->policies == MAX_POLICIES)
        return HEARTH_TOO_LARGE;
    g->policy[g->policies] = fn;
    g->policy_arg[g->policies++] = arg;
    gate_new_revision(g);
    return HEARTH_OK;
}

void gate_new_revision(gate *g)
{
    g->revision++;
}

uint64_t gate_revision(const gate *g)
{
    return g->revision;
}

static bool is_granted(const principal *p, hearth_str name)
{
    for (const grant *g = p->grants; g; g = g->next)
        if (g->is_prefix ? name.n >= g->n && memcmp(name.p, g->name, g->n) == 0
                         : name.n == g->n && memcmp(name.p, g->name, g->n) == 0)
            return true;
    return false;
}

/* What a principal may do before any policy was asked. Loopback alone proves nothing: `local` may use models, no data. */
static bool is_allowed_by_kind(const principal *p, hearth_str name)
{
    switch (p->kind) {
    case PRINCIPAL_OWNER:
    case PRINCIPAL_HOST: return true;
    case PRINCIPAL_LOCAL: return hearth_str_is(name, "inference.use") || hearth_str_is(name, "models.list");
    case PRINCIPAL_USER:
    case PRINCIPAL_KEY:
    case PRINCIPAL_PLUGIN: return is_granted(p, name);
    default: return false;
    }
}

static bool decide(gate *g, const principal *p, hearth_str name)
{
    bool allowed = is_allowed_by_kind(p, name);
    for (size_t i = 0; i < g->policies; i++) {
        gate_verdict v = g->policy[i](g->policy_arg[i], p, name);
        if (v == GATE_DENY)
            return false;
        if (v == GATE_ALLOW)
            allowed = true;
    }
    return allowed;
}

static bool may(gate *g, principal *p, int number)
{
    if (number <= 0)
        return number == 0; /* the name of a permission that got no number: nobody has it */
    if (p->revision != g->revision) {
        memset(p->known, 0, sizeof p->known);
        memset(p->allowed, 0, sizeof p->allowed);
        p->revision = g->revision;
    }
    unsigned word = (unsigned)number / 64u;
    uint64_t bit = 1ull << ((unsigned)number % 64u);
    if (!(p->known[word] & bit)) {
        p->known[word] |= bit;
        if (decide(g, p, gate_permission_name(g, number)))
            p->allowed[word] |= bit;
    }
    return p->allowed[word] & bit;
}

static hearth_code refuse(gate *g, const principal *who, const principal *lacks, int number, hearth_str what, hearth_err *err)
{
    hearth_str  name = gate_permission_name(g, number);
    hearth_code code = lacks->kind == PRINCIPAL_LOCAL ? HEARTH_UNAUTHENTICATED : HEARTH_DENIED;
    gate_audit(g, who, what, number, code);
    if (lacks->kind == PRINCIPAL_LOCAL)
        return hearth_err_set(err, code, "gate",
                              "%.*s needs %.*s; send the install token as Authorization: Bearer, or open the page with `hearth open`",
                              HEARTH_FMT(what), HEARTH_FMT(name));
    if (lacks->kind == PRINCIPAL_PLUGIN)
        return hearth_err_set(err, code, "gate", "the plugin %s may not %.*s for %.*s; its plugin.json must ask for it under permissions",
                              lacks->id, HEARTH_FMT(name), HEARTH_FMT(what));
    hearth_str kind = principal_kind_name(lacks);
    return hearth_err_set(err, code, "gate", "%.*s %s has no right to %.*s, which %.*s needs", HEARTH_FMT(kind), lacks->id,
                          HEARTH_FMT(name), HEARTH_FMT(what));
}

hearth_code gate_check(gate *g, principal *who, principal *const *via, size_t n, int number, hearth_str what, hearth_err *err)
{
    if (!may(g, who, number))
        return refuse(g, who, who, number, what, err);
    for (size_t i = 0; i < n; i++)
        if (!may(g, via[i], number))
            return refuse(g, who, via[i], number, what, err);
    return HEARTH_OK;
}

void gate_on_audit(gate *g, gate_audit_fn fn, void *arg)
{
    g->audit = fn;
    g->audit_arg = arg;
}

void gate_audit(gate *g, const principal *who, hearth_str what, int number, hearth_code code)
{
    if (g->audit)
        g->audit(g->audit_arg, who, what, gate_permission_name(g, number), code);
}
