/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* params: the arguments of inference.* as an engine takes them. Pure; kinds and ranges were checked by the schemas of
 * methods.json before. */
#ifndef INFERENCE_PARAMS_H
#define INFERENCE_PARAMS_H

#include <hearth/host.h>

/* For engine.submit and engine.apply_template: sampling, tools and so on by reference; `stop` as an array;
 * `response_format` as json_schema; a `prompt` of numbers as tokens. `lane` is for whoever asks.
 * Owner: the caller. Errors: NULL with invalid_argument in `err` and the argument's name in *param. Thread: any. */
hearth_value *params_for_submit(hearth_ctx *ctx, const hearth_value *in, uint64_t lane, hearth_err *err,
                                const char **param);

/* What the request leaves open about sampling, the model's makers may have said: fills `params` of engine.submit from
 * `advice` ({temperature, top_k, …}, NULL: none). Whoever is asked first wins. Thread: any. */
void params_advise(hearth_value *params, const hearth_value *advice);

/* For engine.open: what a person set for all models, under what the call says of this one. Owner: the caller. */
hearth_value *params_for_open(hearth_ctx *ctx, const hearth_value *files, const hearth_value *settings,
                              const hearth_value *general);

/* Whether two sets of settings (NULL: none) say the same. Thread: any. */
bool params_same_settings(const hearth_value *a, const hearth_value *b);

#endif
