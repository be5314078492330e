/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sample: what the kernel's counters say, parsed, and turned into shares between two moments. Pure.
 *
 * A counter that the system does not offer stays at its `unknown` value and is left out of replies, never guessed. */
#ifndef MONITOR_SAMPLE_H
#define MONITOR_SAMPLE_H

#include <hearth/kit.h>

enum { SAMPLE_MAX_CHILDREN = 64 };
#define SAMPLE_UNKNOWN UINT64_MAX

/* One process at one moment. */
typedef struct sample_process {
    int64_t  pid;
    uint64_t memory_bytes; /* resident */
    uint64_t ticks;        /* of CPU time, since it began */
    double   cpu;          /* share of the machine since the sample before, 0..1; negative: unknown */
    char     name[64];     /* what the process calls itself */
} sample_process;

/* Everything at one moment. */
typedef struct sample {
    uint64_t       at_ms; /* since 1970 */
    uint64_t       total_bytes, used_bytes;
    uint64_t       ticks, ticks_busy; /* of all cores together */
    double         cpu;               /* of the machine, 0..1; negative: unknown */
    double         load1;             /* negative: unknown */
    uint32_t       cores;
    sample_process self;
    sample_process children[SAMPLE_MAX_CHILDREN];
    uint32_t       child_count;
} sample;

/* A sample in which nothing is known. Owner: the caller's memory. Thread: any. */
void sample_init(sample *s);

/* Each reads one file of /proc as text and fills what it found. Thread: any. */
void sample_read_meminfo(sample *s, hearth_str text);
void sample_read_stat(sample *s, hearth_str text);
void sample_read_loadavg(sample *s, hearth_str text);
void sample_read_pid_stat(sample_process *p, hearth_str text);
void sample_read_statm(sample_process *p, hearth_str text, uint64_t page_bytes);
/* "12 13 14 " into pids; returns how many, at most `max`. */
size_t sample_read_pids(hearth_str text, int64_t *pids, size_t max);

/* Fills the shares of `now` from the ticks since `before`. A process is the same when its pid is. */
void sample_set_shares(sample *now, const sample *before);

/* What history keeps of a sample. */
typedef struct sample_point {
    uint64_t at_ms, used_bytes, hearth_bytes;
    float    cpu, hearth_cpu;
} sample_point;

sample_point sample_point_of(const sample *s);

/* The last `size` points. The memory is the caller's. Thread: one at a time. */
typedef struct sample_ring {
    sample_point *points;
    size_t        size, count, next;
} sample_ring;

void sample_ring_push(sample_ring *r, sample_point p);
/* 0 is the oldest. Borrowed; NULL beyond the end. */
const sample_point *sample_ring_at(const sample_ring *r, size_t i);

#endif
