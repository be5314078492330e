/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* name: what the name of a model file says. Pure. */
#ifndef MODELS_NAME_H
#define MODELS_NAME_H

#include <hearth/kit.h>

enum { NAME_MAX_PARTS = 999 };

typedef struct name_parts {
    hearth_str stem;             /* without folder, ending and part number */
    hearth_str head;             /* everything before "-00001-of-00003.gguf", or before the ending */
    uint32_t   part, of;         /* 0, 0: the file is whole */
    bool       is_gguf, is_echo; /* neither: no model */
} name_parts;

/* Borrows from `path`, a name with or without folders. Thread: any. */
name_parts name_split(hearth_str path);
/* Writes the path of another part into `out`, which is reset. */
hearth_code name_of_part(const name_parts *n, uint32_t part, hearth_buf *out);

#endif
