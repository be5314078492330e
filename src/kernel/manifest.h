/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* manifest: plugin.json, read and checked against spec/plugin.schema.json before anything else is believed of it. */
#ifndef HEARTH_KERNEL_MANIFEST_H
#define HEARTH_KERNEL_MANIFEST_H

#include <hearth/kit.h>

#include "kernel/schema.h"

/* The compiled form of spec/plugin.schema.json, which is part of this library. Owner: the caller, schema_free. */
schema *manifest_form(hearth_err *err);

/* Reads and checks a manifest. `folder` is the name it must have (empty: any). Owner: the caller, hearth_value_unref.
 * NULL with `err` filled: parse, too_large, invalid_argument (which member, and why), incompatible (another major). Thread: any. */
hearth_value *manifest_read(const schema *form, hearth_str folder, hearth_str text, hearth_err *err);

/* "daemon" or "child": where it runs; children are the rule. */
bool manifest_is_in_daemon(const hearth_value *manifest);

#endif
