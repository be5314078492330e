/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sample.h"

void sample_init(sample *s)
{
    memset(s, 0, sizeof *s);
    s->total_bytes = s->used_bytes = s->ticks = SAMPLE_UNKNOWN;
    s->cpu = s->load1 = -1;
    s->self.memory_bytes = s->self.ticks = SAMPLE_UNKNOWN;
    s->self.cpu = -1;
}

/* -- reading -------------------------------------------------------------------------------------------------------- */

static void skip_spaces(hearth_str *s)
{
    while (s->n > 0 && (*s->p == ' ' || *s->p == '\t'))
        s->p++, s->n--;
}

/* The next number of a line; false at anything else. */
static bool take_number(hearth_str *s, uint64_t *x)
{
    skip_spaces(s);
    size_t   digits = 0;
    uint64_t value = 0;
    for (; digits < s->n && digits < 19 && s->p[digits] >= '0' && s->p[digits] <= '9'; digits++)
        value = value * 10 + (uint64_t)(s->p[digits] - '0');
    s->p += digits, s->n -= digits;
    *x = value;
    return digits > 0;
}

/* The rest of the line that begins with `name`, or {NULL, 0}. */
static hearth_str line_of(hearth_str text, const char *name)
{
    while (text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t      n = end ? (size_t)(end - text.p) : text.n;
        hearth_str  line = { text.p, n };
        if (hearth_str_starts(line, name))
            return (hearth_str){ line.p + strlen(name), line.n - strlen(name) };
        n += end != NULL;
        text.p += n, text.n -= n;
    }
    return (hearth_str){ NULL, 0 };
}

void sample_read_meminfo(sample *s, hearth_str text)
{
    uint64_t   total = 0, available = 0;
    hearth_str a = line_of(text, "MemTotal:"), b = line_of(text, "MemAvailable:");
    if (!take_number(&a, &total) || total > SAMPLE_UNKNOWN / 2048)
        return;
    s->total_bytes = total * 1024;
    /* Total less available: what a new program could not have. Cache is not use. */
    if (take_number(&b, &available) && available <= total)
        s->used_bytes = (total - available) * 1024;
}

void sample_read_stat(sample *s, hearth_str text)
{
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8 }; /* user nice system idle iowait irq softirq steal */
    hearth_str line = line_of(text, "cpu ");
    uint64_t   all = 0, idle = 0, x;
    for (int i = 0; i < FIELDS && take_number(&line, &x); i++) {
        all += x;
        idle += i == IDLE || i == IOWAIT ? x : 0;
    }
    if (all > 0) {
        s->ticks = all;
        s->ticks_busy = all - idle;
    }
}

void sample_read_loadavg(sample *s, hearth_str text)
{
    uint64_t whole, cents;
    if (!take_number(&text, &whole) || text.n < 3 || *text.p != '.')
        return;
    text.p++, text.n--;
    if (take_number(&text, &cents))
        s->load1 = (double)whole + (double)cents / 100;
}

void sample_read_pid_stat(sample_process *p, hearth_str text)
{
    enum { UTIME = 14, STIME = 15 }; /* counted from 1, as proc(5) does */
    size_t open = 0, close = text.n;
    /* The name stands in parentheses and may hold any of them itself: the last one counts. */
    while (close > 0 && text.p[close - 1] != ')')
        close--;
    while (open < close && text.p[open] != '(')
        open++;
    if (close == 0 || open + 1 >= close)
        return;
    hearth_str_copy(p->name, sizeof p->name, (hearth_str){ text.p + open + 1, close - open - 2 });
    hearth_str rest = { text.p + close, text.n - close };
    skip_spaces(&rest);
    if (rest.n == 0)
        return;
    rest.p++, rest.n--; /* the state, a letter */
    uint64_t sum = 0;
    for (int field = 4; field <= STIME; field++) {
        uint64_t x;
        skip_spaces(&rest);
        if (rest.n > 0 && *rest.p == '-')
            rest.p++, rest.n--;
        if (!take_number(&rest, &x))
            return;
        sum += field >= UTIME ? x : 0;
    }
    p->ticks = sum;
}

void sample_read_statm(sample_process *p, hearth_str text, uint64_t page_bytes)
{
    uint64_t size, resident;
    if (take_number(&text, &size) && take_number(&text, &resident) && resident < SAMPLE_UNKNOWN / page_bytes)
        p->memory_bytes = resident * page_bytes;
}

size_t sample_read_pids(hearth_str text, int64_t *pids, size_t max)
{
    size_t   n = 0;
    uint64_t x;
    while (n < max && take_number(&text, &x))
        pids[n++] = (int64_t)x;
    return n;
}

/* -- shares --------------------------------------------------------------------------------------------------------- */

static double share(uint64_t now, uint64_t before, uint64_t all)
{
    if (now == SAMPLE_UNKNOWN || before == SAMPLE_UNKNOWN || now < before || all == 0)
        return -1;
    double x = (double)(now - before) / (double)all;
    return x > 1 ? 1 : x;
}

static const sample_process *find_child(const sample *s, int64_t pid)
{
    for (uint32_t i = 0; i < s->child_count; i++)
        if (s->children[i].pid == pid)
            return &s->children[i];
    return NULL;
}

void sample_set_shares(sample *now, const sample *before)
{
    if (now->ticks == SAMPLE_UNKNOWN || before->ticks == SAMPLE_UNKNOWN || now->ticks <= before->ticks)
        return;
    uint64_t all = now->ticks - before->ticks;
    now->cpu = share(now->ticks_busy, before->ticks_busy, all);
    now->self.cpu = share(now->self.ticks, before->self.ticks, all);
    for (uint32_t i = 0; i < now->child_count; i++) {
        const sample_process *same = find_child(before, now->children[i].pid);
        /* One that was not there before spent all its time since. */
        now->children[i].cpu = share(now->children[i].ticks, same ? same->ticks : 0, all);
    }
}

/* -- history -------------------------------------------------------------------------------------------------------- */

sample_point sample_point_of(const sample *s)
{
    sample_point p = { .at_ms = s->at_ms,
                       .used_bytes = s->used_bytes == SAMPLE_UNKNOWN ? 0 : s->used_bytes,
                       .cpu = (float)s->cpu,
                       .hearth_cpu = (float)s->self.cpu };
    p.hearth_bytes = s->self.memory_bytes == SAMPLE_UNKNOWN ? 0 : s->self.memory_bytes;
    for (uint32_t i = 0; i < s->child_count; i++) {
        p.hearth_bytes += s->children[i].memory_bytes == SAMPLE_UNKNOWN ? 0 : s->children[i].memory_bytes;
        if (s->children[i].cpu > 0)
            p.hearth_cpu = (p.hearth_cpu > 0 ? p.hearth_cpu : 0) + (float)s->children[i].cpu;
    }
    return p;
}

void sample_ring_push(sample_ring *r, sample_point p)
{
    r->points[r->next] = p;
    r->next = (r->next + 1) % r->size;
    if (r->count < r->size)
        r->count++;
}

const sample_point *sample_ring_at(const sample_ring *r, size_t i)
{
    return i < r->count ? &r->points[(r->next + r->size - r->count + i) % r->size] : NULL;
}
