/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Generated from spec/errors.json by tools/gen.py; do not edit. */
#ifndef HEARTH_ERRORS_H
#define HEARTH_ERRORS_H

#include <stdint.h>

/* XX(NAME, name, code, http status, json-rpc code, text) */
#define HEARTH_ERRORS(XX) \
    XX(NO_MEMORY, no_memory, -1, 503, 5001, "out of memory") \
    XX(INVALID_ARGUMENT, invalid_argument, -2, 400, -32602, "an argument is wrong") \
    XX(NOT_FOUND, not_found, -3, 404, 4004, "not found") \
    XX(DENIED, denied, -4, 403, 4003, "not allowed") \
    XX(UNAUTHENTICATED, unauthenticated, -5, 401, 4001, "no valid credential") \
    XX(CONFLICT, conflict, -6, 409, 4009, "in conflict with the present state") \
    XX(TOO_LARGE, too_large, -7, 413, 4013, "over a size limit") \
    XX(BUSY, busy, -8, 429, 4029, "too many requests; retry later") \
    XX(UNAVAILABLE, unavailable, -9, 503, 5030, "not available at the moment") \
    XX(CANCELLED, cancelled, -10, 499, 4990, "cancelled") \
    XX(DEADLINE, deadline, -11, 504, 5040, "took longer than allowed") \
    XX(IO, io, -12, 500, 5000, "reading or writing failed") \
    XX(DISK_FULL, disk_full, -13, 507, 5070, "the disk is full") \
    XX(READ_ONLY, read_only, -14, 507, 5071, "the data folder cannot be written") \
    XX(DAMAGED, damaged, -15, 422, 4022, "the data is damaged") \
    XX(INCOMPATIBLE, incompatible, -16, 422, 5050, "made for another version") \
    XX(UNSUPPORTED, unsupported, -17, 501, 5010, "not supported here") \
    XX(CRASHED, crashed, -18, 502, 5020, "the process that served this ended unexpectedly") \
    XX(CONTEXT_OVERFLOW, context_overflow, -19, 400, 4014, "longer than the model's context") \
    XX(PARSE, parse, -20, 400, -32700, "not valid JSON") \
    XX(INVALID_REQUEST, invalid_request, -21, 400, -32600, "not a valid request") \
    XX(UNKNOWN_METHOD, unknown_method, -22, 404, -32601, "no such method") \
    XX(LOADING, loading, -23, 503, 5031, "still loading; retry in a moment") \
    XX(INTERNAL, internal, -24, 500, -32603, "an internal error")

/* What a function returns: 0 or more is good, negative says what failed. */
typedef enum hearth_code {
    HEARTH_OK = 0,
#define XX(NAME, name, code, http, rpc, text) HEARTH_##NAME = (code),
    HEARTH_ERRORS(XX)
#undef XX
    HEARTH_CODE_FORCE_INT32 = INT32_MAX
} hearth_code;

#endif
