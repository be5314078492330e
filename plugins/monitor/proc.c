/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _POSIX_C_SOURCE 200809L
#include "proc.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The beginning of a small file as text; empty when it cannot be read. */
static hearth_str read_text(const char *path, char *to, size_t size)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return (hearth_str){ NULL, 0 };
    size_t n = fread(to, 1, size, in);
    fclose(in);
    return (hearth_str){ to, n };
}

static void read_process(sample_process *p, int64_t pid)
{
    char path[64], text[1024];
    p->pid = pid;
    p->memory_bytes = p->ticks = SAMPLE_UNKNOWN;
    p->cpu = -1;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    sample_read_pid_stat(p, read_text(path, text, sizeof text));
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)pid);
    sample_read_statm(p, read_text(path, text, sizeof text), (uint64_t)sysconf(_SC_PAGESIZE));
}

static void add_child(sample *s, int64_t pid)
{
    for (uint32_t i = 0; i < s->child_count; i++)
        if (s->children[i].pid == pid)
            return;
    if (s->child_count == SAMPLE_MAX_CHILDREN)
        return;
    sample_process *p = &s->children[s->child_count];
    *p = (sample_process){ 0 };
    read_process(p, pid);
    if (p->ticks != SAMPLE_UNKNOWN) /* gone meanwhile, or hidden from us */
        s->child_count++;
}

/* The kernel keeps children per thread that made them, and only when it was built so. */
static void add_children(sample *s)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        return;
    for (const struct dirent *d; (d = readdir(tasks)) != NULL;) {
        char    path[320], text[1024];
        int64_t pids[SAMPLE_MAX_CHILDREN];
        if (d->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/children", d->d_name);
        size_t n = sample_read_pids(read_text(path, text, sizeof text), pids, SAMPLE_MAX_CHILDREN);
        for (size_t i = 0; i < n; i++)
            add_child(s, pids[i]);
    }
    closedir(tasks);
}

void proc_take(sample *s, const int64_t *known, size_t count)
{
    char            text[4096];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    s->at_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    sample_read_meminfo(s, read_text("/proc/meminfo", text, sizeof text));
    sample_read_stat(s, read_text("/proc/stat", text, sizeof text));
    sample_read_loadavg(s, read_text("/proc/loadavg", text, sizeof text));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    s->cores = cores > 0 ? (uint32_t)cores : 1;
    read_process(&s->self, (int64_t)getpid());
    add_children(s);
    for (size_t i = 0; i < count; i++)
        add_child(s, known[i]);
}
