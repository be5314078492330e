/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Packed events from a child: whatever it sends, reading ends, and what was read can be packed again. */
#include <stdlib.h>

#include "kernel/wire.h"
#include "kit/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    value_install();
    hearth_str   payload = { (const char *)data, size };
    size_t       at = 0;
    uint64_t     call;
    hearth_event event = { 0 };
    hearth_buf   again;
    hearth_buf_init(&again, 1 << 24);
    while (wire_next(payload, &at, &call, &event, NULL) == 1) {
        if (wire_put(&again, call, &event) < 0)
            break;
        hearth_value_unref((hearth_value *)(uintptr_t)event.data);
        event.data = NULL;
    }
    hearth_value_unref((hearth_value *)(uintptr_t)event.data);
    hearth_buf_deinit(&again);
    return 0;
}
