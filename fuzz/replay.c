/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A main for a fuzz target where there is no libFuzzer: runs the target once on
 * every regular file of the given folders and files, in name order, and once on
 * empty input. A finding is a crash or a sanitizer's report; an empty or missing
 * corpus is a failure too, since then nothing was proven.
 *
 * Owns nothing but one buffer at a time, sized to the file exactly, so that a
 * sanitizer sees a read past its end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX_BYTES = 16 * 1024 * 1024, PATH_MAX_BYTES = 4096 };

/* Returns 1 when the file was run, 0 when it could not be read. */
static int run_file(const char *path, size_t size)
{
    uint8_t *data = NULL;
    FILE *f = NULL;
    int ran = 0;

    if (size > FILE_MAX_BYTES) {
        fprintf(stderr, "%s: larger than %d bytes\n", path, FILE_MAX_BYTES);
        return 0;
    }
    data = malloc(size > 0 ? size : 1);
    f = fopen(path, "rb");
    if (data == NULL || f == NULL || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        goto out;
    }
    LLVMFuzzerTestOneInput(data, size);
    ran = 1;
out:
    if (f != NULL)
        fclose(f);
    free(data);
    return ran;
}

/* Runs a file, or the files of a folder; returns how many ran, -1 on one that could not be read. */
static long run_path(const char *path)
{
    struct stat st;
    struct dirent **names = NULL;
    long ran = 0;
    int count = 0;

    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: no such file or folder\n", path);
        return -1;
    }
    if (S_ISREG(st.st_mode))
        return run_file(path, (size_t)st.st_size) ? 1 : -1;

    count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char child[PATH_MAX_BYTES];
        int n = snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);

        if (ran >= 0 && n > 0 && (size_t)n < sizeof child && stat(child, &st) == 0 && S_ISREG(st.st_mode))
            ran = run_file(child, (size_t)st.st_size) ? ran + 1 : -1;
        free(names[i]);
    }
    free(names);
    return ran;
}

int main(int argc, char **argv)
{
    static const uint8_t nothing[1];
    long total = 0;

    for (int i = 1; i < argc; i++) {
        long ran = run_path(argv[i]);

        if (ran < 0)
            return EXIT_FAILURE;
        total += ran;
    }
    if (total == 0) {
        fprintf(stderr, "no corpus file was run: name a folder with at least one\n");
        return EXIT_FAILURE;
    }
    LLVMFuzzerTestOneInput(nothing, 0);
    printf("%ld files replayed\n", total);
    return EXIT_SUCCESS;
}
