/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* limits.h: the caps on everything that comes from outside, in one place, so that a reader can check that there is
 * one for each door. Whoever enforces a cap answers too_large (or busy for a queue) and names the limit; nobody
 * copies a number from here into a file. A limit that a person may change is a setting and has its default here. */
#ifndef KIT_LIMITS_H
#define KIT_LIMITS_H

#define LIMIT_KIB(n) ((size_t)(n) << 10)
#define LIMIT_MIB(n) ((size_t)(n) << 20)

/* JSON, whoever sent it. Values: a text of "[[],[],…" costs 16 times its size in memory. */
#define LIMIT_JSON_BYTES       LIMIT_MIB(64)
#define LIMIT_JSON_VALUES      ((size_t)4 << 20)
#define LIMIT_JSON_WRITE_BYTES LIMIT_MIB(256) /* one value may be shared many times within another */
enum { LIMIT_JSON_DEPTH = 128 };

/* HTTP. Times in ms. */
#define LIMIT_HTTP_HEAD_BYTES  LIMIT_KIB(16)
#define LIMIT_HTTP_BODY_BYTES  LIMIT_MIB(32)
#define LIMIT_HTTP_QUEUE_BYTES LIMIT_MIB(1) /* that wait for a slow reader */
#define LIMIT_WS_MESSAGE_BYTES LIMIT_MIB(32)
#define LIMIT_WS_QUEUE_BYTES   LIMIT_MIB(4)
enum {
    LIMIT_HTTP_HEADERS = 100,
    LIMIT_HTTP_CONNECTIONS = 20000,
    LIMIT_HTTP_HEAD_MS = 10000,
    LIMIT_HTTP_IDLE_MS = 60000,
    LIMIT_HTTP_BODY_MS = 30000 /* without a byte of an announced body */
};

/* JSON-RPC: the unix socket, children, batches. */
#define LIMIT_LINE_BYTES        LIMIT_MIB(32)
#define LIMIT_LINE_QUEUE_BYTES  LIMIT_MIB(16)
#define LIMIT_FRAME_BYTES       LIMIT_MIB(8)
#define LIMIT_FRAME_QUEUE_BYTES LIMIT_MIB(64)
#define LIMIT_CHILD_LINE_BYTES  LIMIT_KIB(4)  /* one line of a child's stdout or stderr */
#define LIMIT_CHILD_LOG_RATE    LIMIT_KIB(64) /* bytes a second of it that are kept */
enum {
    LIMIT_RPC_BATCH = 64,
    LIMIT_RPC_ID_BYTES = 128,
    LIMIT_METHOD_BYTES = 128,
    LIMIT_TOPIC_BYTES = 128,
    LIMIT_CALLS_PER_PEER = 256, /* under way at once on one connection */
    LIMIT_CALL_DEPTH = 32       /* a call made while serving a call made while … */
};

/* Files and folders. */
#define LIMIT_LOG_LINE_BYTES LIMIT_MIB(16)
#define LIMIT_APPEND_BYTES   LIMIT_MIB(64)
#define LIMIT_FILE_BYTES     LIMIT_MIB(64) /* a file that is read whole */
enum { LIMIT_PATH_BYTES = 4096, LIMIT_DIR_ENTRIES = 1 << 20 };

/* Plugins. */
#define LIMIT_MANIFEST_BYTES LIMIT_KIB(256)
#define LIMIT_METHODS_BYTES  LIMIT_MIB(1)
enum { LIMIT_PLUGINS = 512, LIMIT_PLUGIN_METHODS = 512, LIMIT_PLUGIN_TOPICS = 128, LIMIT_PLUGIN_HANDLES = 16384 };

/* Schemas: of the text once compiled, and of the work that one check may cost. */
enum {
    LIMIT_SCHEMA_NODES = 16384,
    LIMIT_SCHEMA_DEPTH = 64,
    LIMIT_SCHEMA_PATTERN = 512,   /* characters of one pattern */
    LIMIT_SCHEMA_STEPS = 4000000, /* per check: a chat of 32 MiB needs about a tenth */
    LIMIT_SCHEMA_UNIQUE = 65536   /* elements that uniqueItems compares */
};

/* Jobs. */
enum { LIMIT_JOBS = 4096, LIMIT_JOB_RING = 4096, LIMIT_JOB_KEEP_MS = 300000 };

/* Model files: GGUF metadata (the tensors themselves are mapped, never counted here). */
#define LIMIT_GGUF_STRING_BYTES LIMIT_MIB(16)
#define LIMIT_GGUF_HEAD_BYTES   LIMIT_MIB(512)
enum { LIMIT_GGUF_PAIRS = 65536, LIMIT_GGUF_TENSORS = 65536, LIMIT_GGUF_DIMENSIONS = 8, LIMIT_GGUF_ARRAY = 16 << 20 };

/* What an engine is asked. */
enum {
    LIMIT_ENGINE_STOPS = 64,
    LIMIT_ENGINE_STOP_BYTES = 1024,
    LIMIT_ENGINE_TOKENS = 8 << 20,
    LIMIT_ENGINE_FILES = 256,
    LIMIT_ENGINE_INPUTS = 2048, /* texts of one embed or rerank */
    LIMIT_ENGINE_PROBS = 20
};

#endif
