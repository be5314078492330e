/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* plugin.json from a stranger: read or refused, with words, and what was read can be described to the registry. */
#include <stdlib.h>

#include "kernel/manifest.h"
#include "kernel/registry.h"
#include "kit/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static schema *form;
    if (!form) {
        value_install();
        form = manifest_form(NULL);
    }
    hearth_err    err = { 0 };
    hearth_value *v = manifest_read(form, (hearth_str){ NULL, 0 }, (hearth_str){ (const char *)data, size }, &err);
    if (!v && err.msg[0] == 0)
        abort();
    if (v) {
        gate     *g = gate_new();
        registry *r = registry_new(g);
        registry_describe(r, hearth_get_str(v, "id"), v, NULL);
        registry_free(r);
        gate_free(g);
    }
    hearth_value_unref(v);
    return 0;
}
