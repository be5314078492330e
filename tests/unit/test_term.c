/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Over a pseudo terminal, because what is left out depends on there being one. */
#define _GNU_SOURCE
#include "kernel_test.h"

#include <fcntl.h>
#include <unistd.h>

#include "cli/term.h"

static void written(const char *in, char *out, size_t size)
{
    int   master = posix_openpt(O_RDWR | O_NOCTTY);
    char *name = master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 ? ptsname(master) : NULL;
    FILE *f = name ? fopen(name, "w") : NULL;
    if (!f)
        fail_msg("no pseudo terminal");
    term_put(f, TERM_PLAIN, hearth_cstr(in));
    fflush(f);
    ssize_t n = in[0] ? read(master, out, size - 1) : 0;
    out[n > 0 ? n : 0] = 0;
    fclose(f);
    close(master);
}

static void controls_are_left_out(void **state)
{
    (void)state;
    char out[256];
    written("a\033]0;title\007b\033[2Jc", out, sizeof out);
    assert_string_equal(out, "a]0;titleb[2Jc");
    written("caf\303\251 \302\233x \177y", out, sizeof out); /* U+009B is a C1 control, é is not */
    assert_string_equal(out, "caf\303\251 x y");
    written("tab\there", out, sizeof out);
    assert_non_null(strchr(out, 't'));
}

static void a_pipe_gets_the_bytes(void **state)
{
    (void)state;
    int  ends[2];
    char out[32] = "";
    assert_int_equal(pipe(ends), 0);
    FILE *f = fdopen(ends[1], "w");
    term_put(f, TERM_RED, HEARTH_STR("a\033b"));
    fclose(f);
    assert_int_equal(read(ends[0], out, sizeof out), 3);
    assert_string_equal(out, "a\033b");
    close(ends[0]);
}

static void bytes(void **state)
{
    (void)state;
    char out[16];
    term_bytes(out, 0);
    assert_string_equal(out, "0 B");
    term_bytes(out, 1023);
    assert_string_equal(out, "1023 B");
    term_bytes(out, 7905280);
    assert_string_equal(out, "7.5 MiB");
    term_bytes(out, UINT64_MAX);
    assert_string_equal(out, "16384.0 PiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(controls_are_left_out),
                                        cmocka_unit_test(a_pipe_gets_the_bytes), cmocka_unit_test(bytes) };
    return cmocka_run_group_tests_name("term", tests, NULL, NULL);
}
