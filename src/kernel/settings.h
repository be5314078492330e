/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* settings: values that plugins declare and people change, kept as operations in log/settings/<device>.jsonl.
 *
 * The same lines as everywhere (DESIGN §6): {"h","d","n","o":"set","k":key,"v":value}; several devices' files merge by
 * (h, d, n), the last writer wins per key. Read once at start; small. */
#ifndef HEARTH_KERNEL_SETTINGS_H
#define HEARTH_KERNEL_SETTINGS_H

#include "io/append_log.h"
#include "kernel/bus.h"
#include "kernel/folder.h"

typedef struct settings settings;

/* Reads all devices' files. Owner: the caller. Thread: loop. */
settings *settings_open(folder *f, append_log *log, bus *b, hearth_err *err);
void      settings_close(settings *s);

/* Learns a plugin's contributes.settings: a JSON Schema object whose properties are the keys. Errors: conflict, … */
hearth_code settings_declare(settings *s, hearth_str plugin, const hearth_value *schema, hearth_err *err);

/* The value or the default, a new reference; NULL: nobody declared it. */
hearth_value *settings_get(const settings *s, hearth_str key);
/* {key, value, default, schema, title, plugin} of each declared key that begins with `prefix`, in order. */
void settings_each(const settings *s, hearth_str prefix, void (*each)(void *arg, hearth_value *one), void *arg);

/* Checks, appends, and once that is on the disk changes the value, emits settings.changed and calls done. NULL value: back
 * to the default. Errors through done: not_found, invalid_argument, disk_full … */
void settings_set(settings *s, hearth_str key, const hearth_value *value, void (*done)(void *arg, hearth_code code, const hearth_err *err), void *arg);

/* All values of keys that begin with `prefix`, for a child. */
hearth_value *settings_snapshot(const settings *s, hearth_str prefix);

#endif
