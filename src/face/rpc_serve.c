/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Methods that the peer of a connection serves: after `rpc.serve {methods}` a call of one of them becomes a request on that
 * connection, and its answer becomes the call's. They are named ui.*, are described and registered like those of a plugin,
 * need the caller's permission of the same name (rpc.serve), and are gone with the connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "face/rpc_impl.h"
#include "face/rpc_text.h"
#include "kit/limits.h"

#define PERMISSION "rpc.serve"

enum { OFFER_MAX = 64, OFFERS_MAX = 16 };

/* What one rpc.serve registered. It is the `self` of its methods. */
typedef struct offer {
    list          node;
    rpc_session  *s;
    char          provider[40]; /* under which the registry knows them */
    hearth_value *spec;
} offer;

/* A call on its way to the peer. */
typedef struct served {
    list         node;
    rpc_session *s;
    hearth_req  *req;
    uint64_t     n; /* its id on the wire is "s<n>" */
} served;

/* -- calls to the peer ------------------------------------------------------------------------------------------ */

static void tell_cancel(void *arg)
{
    served     *v = arg;
    hearth_buf *out = rpc_begin(v->s);
    hearth_buf_printf(out, "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":\"s%llu\"}}",
                      (unsigned long long)v->n);
    rpc_send(v->s, RPC_REQUEST, HEARTH_OK);
}

/* The request does not know its method's name; every method of an offer has a function of its own otherwise. So each
 * registered name carries its own self. */
typedef struct offered_method {
    offer *of;
    char   name[LIMIT_METHOD_BYTES + 1];
} offered_method;

static void call_peer(hearth_req *req, void *self)
{
    const offered_method *m = self;
    rpc_session          *s = m->of->s;
    served               *v = calloc(1, sizeof *v);
    if (!v || s->is_gone) {
        free(v);
        hearth_fail(req, HEARTH_UNAVAILABLE, "the front end that serves %s is gone", m->name);
        return;
    }
    v->s = s;
    v->req = req;
    v->n = ++s->next_served;
    list_add(&s->served, &v->node);
    hearth_on_cancel(req, tell_cancel, v);
    hearth_buf *out = rpc_begin(s);
    hearth_buf_printf(
        out, "{\"jsonrpc\":\"2.0\",\"id\":\"s%llu\",\"method\":\"%s\",\"params\":", (unsigned long long)v->n, m->name);
    hearth_json_put_value(out, hearth_params(req));
    hearth_buf_putc(out, '}');
    rpc_send(s, RPC_REQUEST, HEARTH_OK);
}

static served *find_served(rpc_session *s, const hearth_value *id)
{
    hearth_str text = hearth_as_str(id);
    uint64_t   n = 0;
    if (text.n < 2 || text.p[0] != 's' || hearth_str_u64((hearth_str){ text.p + 1, text.n - 1 }, &n) < 0)
        return NULL;
    LIST_EACH (&s->served, node)
        if (LIST_ENTRY(node, served, node)->n == n)
            return LIST_ENTRY(node, served, node);
    return NULL;
}

bool rpc_serve_answer(rpc_session *s, const hearth_value *message)
{
    served *v = find_served(s, hearth_get(message, "id"));
    if (!v)
        return false;
    hearth_req         *req = v->req;
    const hearth_value *error = hearth_get(message, "error");
    list_remove(&v->node);
    free(v);
    if (!error) {
        hearth_reply(req, hearth_value_ref(hearth_get(message, "result")));
        return true;
    }
    hearth_code         code = hearth_code_of_rpc(hearth_get_i64(error, "code", 0));
    const hearth_value *data = hearth_get(error, "data");
    hearth_fail_detailed(req, code < 0 ? code : HEARTH_INTERNAL, hearth_get_str(error, "message"),
                         data ? hearth_value_ref(data) : NULL);
    return true;
}

bool rpc_serve_event(rpc_session *s, const hearth_value *params)
{
    served           *v = find_served(s, hearth_get(params, "id"));
    hearth_event_kind kind = rpc_text_kind_of(hearth_get_str(params, "kind"));
    if (!v || kind == HEARTH_EVENT_INVALID)
        return false;
    hearth_event e = { (uint32_t)kind,
                       0,
                       0,
                       hearth_get_str(params, "text"),
                       hearth_get_u64(params, "done", 0),
                       hearth_get_u64(params, "total", 0),
                       hearth_get(params, "data") };
    hearth_push(v->req, &e);
    return true;
}

/* -- offers ------------------------------------------------------------------------------------------------------- */

static bool name_is_good(hearth_str name)
{
    if (name.n < 4 || name.n > LIMIT_METHOD_BYTES || !hearth_str_starts(name, "ui.") || name.p[name.n - 1] == '.')
        return false;
    for (size_t i = 3; i < name.n; i++) {
        char c = name.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                        (c == '.' && name.p[i - 1] != '.');
        if (!is_plain)
            return false;
    }
    return true;
}

/* A methods.json for the names: any object in, anything out. */
static hearth_value *describe(const hearth_value *names)
{
    hearth_value *spec = hearth_object(NULL), *methods = hearth_object(NULL);
    for (size_t i = 0; i < hearth_count(names); i++) {
        hearth_value *m = hearth_object(NULL), *params = hearth_object(NULL);
        hearth_put_cstr(params, "type", "object");
        hearth_put_cstr(m, "summary", "Served by a front end that is connected now.");
        hearth_put(m, "params", params);
        hearth_put(m, "result", hearth_object(NULL));
        hearth_put_cstr(m, "permission", PERMISSION);
        hearth_put_bool(m, "stream", true);
        hearth_put_cstr(m, "since", "0.1");
        hearth_values()->put(methods, hearth_as_str(hearth_at(names, i)), m);
    }
    hearth_put(spec, "methods", methods);
    return spec;
}

static void tell_change(rpc *r)
{
    if (r->on_change)
        r->on_change(r->on_change_arg);
}

static void withdraw(offer *o)
{
    registry *reg = kernel_registry(o->s->r->k);
    registry_forget(reg, hearth_cstr(o->provider));
    tell_change(o->s->r);
    list_remove(&o->node);
    hearth_value_unref(o->spec);
    free(o);
}

static hearth_code serve_names(rpc_session *s, offer *o, offered_method *room, const hearth_value *names,
                               hearth_err *err)
{
    registry *reg = kernel_registry(s->r->k);
    o->spec = describe(names);
    if (hearth_is_bad(o->spec))
        return hearth_err_set(err, HEARTH_NO_MEMORY, "rpc.serve", "no memory to serve methods");
    HEARTH_TRY(registry_describe(reg, hearth_cstr(o->provider), o->spec, err));
    for (size_t i = 0; i < hearth_count(names); i++) {
        room[i].of = o;
        hearth_str_copy(room[i].name, sizeof room[i].name, hearth_as_str(hearth_at(names, i)));
        hearth_method m = { room[i].name, call_peer };
        HEARTH_TRY(registry_serve(reg, s->r->face, hearth_cstr(o->provider), &m, &room[i], err));
    }
    return HEARTH_OK;
}

static hearth_code check_offer(rpc_session *s, const hearth_value *names, hearth_err *err)
{
    gate *g = kernel_gate(s->r->k);
    if (!s->sink.has_calls)
        return hearth_err_set(err, HEARTH_UNSUPPORTED, "rpc.serve",
                              "rpc.serve needs a connection that stays: a WebSocket on /rpc or the unix socket");
    HEARTH_TRY(
        gate_check(g, s->who, NULL, 0, gate_permission(g, HEARTH_STR(PERMISSION)), HEARTH_STR("rpc.serve"), err));
    size_t n = hearth_kind_of(names) == HEARTH_ARRAY ? hearth_count(names) : 0;
    if (n == 0 || n > OFFER_MAX)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "rpc.serve", "methods must be an array of 1 to %d names",
                              OFFER_MAX);
    if (list_count(&s->offered) >= OFFERS_MAX)
        return hearth_err_set(err, HEARTH_BUSY, "rpc.serve",
                              "this connection has offered methods %d times; offer more of them at once", OFFERS_MAX);
    for (size_t i = 0; i < n; i++) {
        hearth_str name = hearth_as_str(hearth_at(names, i));
        if (!name_is_good(name))
            return hearth_err_set(
                err, HEARTH_INVALID_ARGUMENT, "rpc.serve",
                "\"%.*s\" cannot be served: the names of a front end begin with ui. and hold a-z 0-9 _ - .",
                (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    }
    return HEARTH_OK;
}

hearth_code rpc_serve_offer(rpc_session *s, const hearth_value *params, hearth_err *err)
{
    const hearth_value *names = hearth_get(params, "methods");
    HEARTH_TRY(check_offer(s, names, err));
    /* The selves of the methods lie behind their offer, so that one free ends all. */
    offer *o = calloc(1, sizeof *o + hearth_count(names) * sizeof(offered_method));
    if (!o)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "rpc.serve", "no memory to serve methods");
    list_init(&o->node);
    o->s = s;
    snprintf(o->provider, sizeof o->provider, "front-end-%llu", (unsigned long long)++s->r->next_offer);
    hearth_code code = serve_names(s, o, (offered_method *)(void *)(o + 1), names, err);
    if (code < 0)
        withdraw(o);
    else
        list_add(&s->offered, &o->node);
    tell_change(s->r);
    return code;
}

void rpc_serve_end(rpc_session *s)
{
    LIST_EACH_SAFE (&s->offered, node, next)
        withdraw(LIST_ENTRY(node, offer, node));
    while (!list_is_empty(&s->served)) {
        served     *v = LIST_ENTRY(s->served.next, served, node);
        hearth_req *req = v->req;
        list_remove(&v->node);
        free(v);
        hearth_on_cancel(req, NULL, NULL);
        hearth_fail(req, HEARTH_UNAVAILABLE, "the front end that served this has closed its connection");
    }
}
