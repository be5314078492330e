/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel/wire.h"

static void put16(uint8_t *p, uint16_t x)
{
    p[0] = (uint8_t)x;
    p[1] = (uint8_t)(x >> 8);
}
static void put32(uint8_t *p, uint32_t x)
{
    put16(p, (uint16_t)x);
    put16(p + 2, (uint16_t)(x >> 16));
}
static void put64(uint8_t *p, uint64_t x)
{
    put32(p, (uint32_t)x);
    put32(p + 4, (uint32_t)(x >> 32));
}
static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}
static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static bool is_text(uint32_t kind)
{
    return kind == HEARTH_TEXT || kind == HEARTH_REASONING;
}

hearth_code wire_put(hearth_buf *out, uint64_t call, const hearth_event *event)
{
    uint8_t header[WIRE_HEADER + 16] = { 0 };
    size_t  at = out->n, head = WIRE_HEADER;
    put64(header, call);
    put16(header + 8, (uint16_t)event->kind);
    put16(header + 10, (uint16_t)event->flags);
    if (event->kind == HEARTH_PROGRESS) {
        put64(header + WIRE_HEADER, event->done);
        put64(header + WIRE_HEADER + 8, event->total);
        head += 16;
    }
    HEARTH_TRY(hearth_buf_append(out, header, head));
    if (is_text(event->kind) || event->kind == HEARTH_PROGRESS)
        hearth_buf_put(out, event->text);
    else if (event->data)
        hearth_json_put_value(out, event->data);
    if (out->failed)
        return HEARTH_TOO_LARGE;
    put32((uint8_t *)out->p + at + 12, (uint32_t)(out->n - at - WIRE_HEADER));
    return HEARTH_OK;
}

static hearth_code read_body(hearth_event *event, const uint8_t *p, size_t n, hearth_err *err)
{
    if (is_text(event->kind)) {
        event->text = (hearth_str){ (const char *)p, n };
        return HEARTH_OK;
    }
    if (event->kind == HEARTH_PROGRESS) {
        if (n < 16)
            return hearth_err_set(err, HEARTH_DAMAGED, "wire", "a progress event of %zu bytes", n);
        event->done = get64(p);
        event->total = get64(p + 8);
        event->text = (hearth_str){ (const char *)p + 16, n - 16 };
        return HEARTH_OK;
    }
    if (n == 0)
        return HEARTH_OK;
    event->data = hearth_parse(NULL, (hearth_str){ (const char *)p, n }, err);
    return event->data ? HEARTH_OK : HEARTH_DAMAGED;
}

int wire_next(hearth_str payload, size_t *at, uint64_t *call, hearth_event *event, hearth_err *err)
{
    if (*at == payload.n)
        return 0;
    const uint8_t *p = (const uint8_t *)payload.p + *at;
    size_t         left = payload.n - *at;
    if (left < WIRE_HEADER || get32(p + 12) > left - WIRE_HEADER)
        return hearth_err_set(err, HEARTH_DAMAGED, "wire", "an event is cut short");
    uint32_t n = get32(p + 12);
    *call = get64(p);
    *event = (hearth_event){ .kind = get16(p + 8), .flags = get16(p + 10) };
    if (event->kind == HEARTH_EVENT_INVALID || event->kind >= HEARTH_EVENT_KINDS)
        return hearth_err_set(err, HEARTH_DAMAGED, "wire", "an event of unknown kind %u", event->kind);
    *at += WIRE_HEADER + n;
    hearth_code code = read_body(event, p + WIRE_HEADER, n, err);
    return code < 0 ? (int)code : 1;
}
