/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "name.h"

#include <cmocka.h> /* after host.h: its fail is a macro */

void value_install(void); /* of the kit: values without a host */

static void names_tell_stem_and_part(void **state)
{
    (void)state;
    static const struct {
        const char *path, *stem;
        uint32_t    part, of;
        bool        is_model;
    } cases[] = {
        { "/a/b/Some-7B.Q4_K_M.gguf", "Some-7B.Q4_K_M", 0, 0, true },
        { "big-00002-of-00003.gguf", "big", 2, 3, true },
        { "/x/big-00001-of-00001.GGUF", "big", 1, 1, true },
        { "odd-00004-of-00003.gguf", "odd-00004-of-00003", 0, 0, true },
        { "odd-00000-of-00003.gguf", "odd-00000-of-00003", 0, 0, true },
        { "odd-0000a-of-00003.gguf", "odd-0000a-of-00003", 0, 0, true },
        { "odd-99999-of-99999.gguf", "odd-99999-of-99999", 0, 0, true },
        { "-00001-of-00002.gguf", "-00001-of-00002", 0, 0, true },
        { "test.echo", "test", 0, 0, true },
        { ".gguf", ".gguf", 0, 0, false },
        { "/a/.gguf", "", 0, 0, false },
        { "notes.txt", "notes.txt", 0, 0, false },
        { "", "", 0, 0, false },
    };
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        name_parts n = name_split(hearth_cstr(cases[i].path));
        assert_int_equal(n.is_gguf || n.is_echo, cases[i].is_model);
        assert_true(hearth_str_is(n.stem, cases[i].stem));
        assert_int_equal(n.part, cases[i].part);
        assert_int_equal(n.of, cases[i].of);
    }
}

static void parts_know_their_siblings(void **state)
{
    (void)state;
    hearth_buf out;
    name_parts n = name_split(HEARTH_STR("/m/big-00002-of-00012.gguf"));
    hearth_buf_init(&out, 1000);
    assert_int_equal(name_of_part(&n, 11, &out), HEARTH_OK);
    assert_string_equal(out.p, "/m/big-00011-of-00012.gguf");
    hearth_buf_deinit(&out);
}

static void ids_are_unique_and_text(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    assert_non_null(catalog_add(c, HEARTH_STR("a")));
    assert_non_null(catalog_add(c, HEARTH_STR("a")));
    assert_non_null(catalog_add(c, HEARTH_STR("a")));
    assert_non_null(catalog_add(c, HEARTH_STR("bad\xff")));
    assert_true(hearth_str_is(c->models[1].id, "a-2"));
    assert_true(hearth_str_is(c->models[2].id, "a-3"));
    assert_true(hearth_utf8_valid(c->models[3].id));
    catalog_drop(c);
    assert_int_equal(c->count, 3);
    assert_ptr_equal(catalog_find(c, HEARTH_STR("a-3")), &c->models[2]);
    assert_null(catalog_find(c, HEARTH_STR("b")));
    assert_null(catalog_find(NULL, HEARTH_STR("a")));
    catalog_free(c);
}

static void a_catalogue_is_full_at_its_cap(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    char     id[16];
    for (unsigned i = 0; i < CATALOG_MAX_MODELS; i++) {
        snprintf(id, sizeof id, "m%u", i);
        assert_non_null(catalog_add(c, hearth_cstr(id)));
    }
    assert_null(catalog_add(c, HEARTH_STR("one more")));
    catalog_free(c);
}

static void differences_are_noticed(void **state)
{
    (void)state;
    catalog *a = catalog_new(), *b = catalog_new();
    catalog_add(a, HEARTH_STR("x"));
    assert_true(catalog_differs(a, b));
    assert_true(catalog_differs(NULL, b));
    catalog_add(b, HEARTH_STR("x"));
    assert_false(catalog_differs(a, b));
    b->models[0].stamp = 1;
    assert_true(catalog_differs(a, b));
    catalog_add(b, HEARTH_STR("y"));
    assert_int_equal(catalog_missing(b, a), 1);
    assert_int_equal(catalog_missing(a, b), 0);
    catalog_free(a);
    catalog_free(b);
}

static void paths_are_told_only_where_they_may(void **state)
{
    (void)state;
    catalog   *c = catalog_new();
    model     *m = catalog_add(c, HEARTH_STR("x"));
    hearth_str file = HEARTH_STR("/home/me/x.gguf");
    m->source = MODEL_PATH;
    m->title = m->id;
    m->engine = "engine-llama";
    m->files = &file;
    m->file_count = 1;
    m->code = HEARTH_DAMAGED;
    m->problem = HEARTH_STR("it is cut off");
    hearth_value *open = catalog_value(NULL, m, NULL, true), *closed = catalog_value(NULL, m, NULL, false);
    assert_true(hearth_str_equal(hearth_get_str(open, "path"), file));
    assert_int_equal(hearth_count(hearth_get(open, "files")), 1);
    assert_int_equal(hearth_kind_of(hearth_get(closed, "path")), HEARTH_NULL);
    assert_null(hearth_get(closed, "files"));
    assert_true(hearth_str_is(hearth_get_str(open, "state"), "failed"));
    assert_true(hearth_str_is(hearth_get_str(hearth_get(open, "error"), "name"), "damaged"));
    hearth_value *live =
        hearth_parse(NULL, HEARTH_STR("{\"model\":\"x\",\"state\":\"loading\",\"progress\":0.5}"), NULL);
    hearth_value *now = catalog_value(NULL, m, live, false);
    assert_true(hearth_str_is(hearth_get_str(now, "state"), "loading"));
    assert_true(hearth_get_f64(now, "progress", 0) > 0.4);
    hearth_value_unref(now);
    hearth_value_unref(live);
    hearth_value_unref(open);
    hearth_value_unref(closed);
    catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell_stem_and_part), cmocka_unit_test(parts_know_their_siblings),
        cmocka_unit_test(ids_are_unique_and_text),  cmocka_unit_test(a_catalogue_is_full_at_its_cap),
        cmocka_unit_test(differences_are_noticed),  cmocka_unit_test(paths_are_told_only_where_they_may),
    };
    value_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
