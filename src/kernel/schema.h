/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* schema.h: the one validator: arguments of methods and tools, settings, inputs of apps.
 *
 *     schema *s = schema_compile(spec, &err);
 *     hearth_code code = schema_check(s, params, &err, &path);
 *         // err.msg: "temperature" must be a number between 0 and 2, got "hot";  path: temperature
 *     schema_free(s); */
#ifndef HEARTH_KERNEL_SCHEMA_H
#define HEARTH_KERNEL_SCHEMA_H

#include <hearth/kit.h>

typedef struct schema schema;

/* Compiles JSON Schema 2020-12, this part of it: type properties required additionalProperties propertyNames items
 * prefixItems minItems maxItems uniqueItems minProperties maxProperties enum const minimum maximum exclusiveMinimum
 * exclusiveMaximum multipleOf minLength maxLength pattern oneOf anyOf allOf not $ref (within the document) $defs.
 * What only describes (title, default, format …) is let pass; other keywords that would check something are refused
 * rather than ignored. The document is kept by reference.
 * Owner: the caller, schema_free. Thread: any. NULL with `err` filled: invalid_argument, unsupported, too_large,
 * no_memory. */
schema *schema_compile(const hearth_value *json_schema, hearth_err *err);
void    schema_free(schema *s);

/* Whether `v` is as the schema says. `path` (may be NULL) receives where it is not: messages[2].role; of an unknown
 * or missing member, that member. Thread: any, one schema on many.
 * Errors: invalid_argument; too_large when the check would take too long. */
hearth_code schema_check(const schema *s, const hearth_value *v, hearth_err *err, hearth_buf *path);

#endif
