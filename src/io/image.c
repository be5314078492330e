/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "io/image.h"

#include <stdlib.h>

#include <uv.h>

struct image {
    uv_lib_t lib;
};

image *image_open(const char *path, hearth_err *err)
{
    image *i = calloc(1, sizeof *i);
    if (!i) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "image", "no memory to load %s", path);
        return NULL;
    }
    if (uv_dlopen(path, &i->lib) != 0) {
        hearth_err_set(err, HEARTH_INCOMPATIBLE, "image", "%s cannot be loaded: %s", path, uv_dlerror(&i->lib));
        image_close(i);
        return NULL;
    }
    return i;
}

void (*image_symbol(image *i, const char *name))(void)
{
    void *p = NULL;
    void (*fn)(void) = NULL;
    if (uv_dlsym(&i->lib, name, &p) == 0)
        memcpy(&fn, &p, sizeof fn); /* ISO C knows no conversion; POSIX does */
    return fn;
}

void image_close(image *i)
{
    if (!i)
        return;
    uv_dlclose(&i->lib);
    free(i);
}
