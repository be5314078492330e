/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any JSON as the body of an OpenAI request; the first byte chooses the endpoint. A refusal must name a sentence, an
 * accepted request must give arguments for each of its choices. */
#include "api-openai/openai_request.h"

#include <stdlib.h>

void value_install(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const openai_kind kinds[] = { OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_EMBEDDING };
    openai_request           r;
    openai_problem           problem;
    value_install();
    if (size < 1)
        return 0;
    openai_kind   kind = kinds[data[0] % HEARTH_COUNT(kinds)];
    hearth_value *body = hearth_parse(NULL, (hearth_str){ (const char *)data + 1, size - 1 }, NULL);
    if (!body)
        return 0;
    hearth_code code = openai_request_read(NULL, kind, body, &r, &problem);
    if (code < 0 &&
        (problem.err.code != code || !problem.err.msg[0] || !hearth_utf8_valid(hearth_cstr(problem.err.msg))))
        abort();
    for (uint32_t i = 0; code >= 0 && i < r.n; i++) {
        hearth_value *choice = openai_request_choice(NULL, &r, i);
        if (!choice || r.n > OPENAI_MAX_CHOICES)
            abort();
        hearth_value_unref(choice);
    }
    openai_request_deinit(&r);
    hearth_value_unref(body);
    return 0;
}
