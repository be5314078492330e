/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* image: shared objects loaded at run time. */
#ifndef HEARTH_IO_IMAGE_H
#define HEARTH_IO_IMAGE_H

#include <hearth/kit.h>

typedef struct image image;

/* Loads it with its own symbols only, all resolved now. Owner: the caller. Thread: loop. Errors: incompatible, with the
 * loader's words. */
image *image_open(const char *path, hearth_err *err);
/* An exported function; NULL when there is none. */
void (*image_symbol(image *i, const char *name))(void);
void image_close(image *i); /* NULL is fine */

#endif
