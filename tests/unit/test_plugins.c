/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Core plugins from manifest to dispose, with plugins that behave badly. */
#define _GNU_SOURCE
#include "kernel_test.h"

#include <ftw.h>
#include <unistd.h>

#include "kernel/folder.h"
#include "kernel/plugins.h"

static loop   *l;
static kernel *k;
static char    dir[64], order[128], reports[2048];

/* -- plugins -------------------------------------------------------------------------------------------------------- */

typedef struct toy {
    hearth_ctx *ctx;
    char        name;
} toy;

static void note(char what, char who)
{
    size_t n = strlen(order);
    snprintf(order + n, sizeof order - n, "%c%c ", what, who);
}

static hearth_code load_toy(hearth_ctx *ctx, void **self, char name)
{
    toy *t = hearth_new(ctx, toy);
    t->ctx = ctx;
    t->name = name;
    *self = t;
    note('l', name);
    return HEARTH_OK;
}

static hearth_code load_a(hearth_ctx *ctx, void **self, hearth_err *err)
{
    (void)err;
    return load_toy(ctx, self, 'a');
}

static hearth_code load_b(hearth_ctx *ctx, void **self, hearth_err *err)
{
    (void)err;
    return load_toy(ctx, self, 'b');
}

static void say_ready(void *arg)
{
    hearth_ready(arg, HEARTH_OK, NULL);
}

static hearth_code load_late(hearth_ctx *ctx, void **self, hearth_err *err)
{
    (void)err;
    load_toy(ctx, self, 'c');
    hearth_timer(ctx, 1, 0, say_ready, ctx);
    return HEARTH_LATER;
}

static hearth_code load_bad(hearth_ctx *ctx, void **self, hearth_err *err)
{
    (void)ctx;
    (void)self;
    return hearth_err_set(err, HEARTH_IO, "bad.load", "the disk said no; look at its cable");
}

static hearth_code implement_quiet(hearth_ctx *ctx, void *self, hearth_err *err)
{
    (void)ctx;
    (void)err;
    note('i', ((toy *)self)->name);
    return HEARTH_OK;
}

static void hold(hearth_req *req, void *self)
{
    (void)req;
    (void)self;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void on_topic(void *self, hearth_str topic, const hearth_value *value)
{
    (void)self;
    (void)topic;
    (void)value;
}

static hearth_code implement_messy(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = { { "messy.hold", hold } };
    (void)self;
    hearth_alloc(ctx, 1000); /* never given back */
    hearth_alloc(ctx, 24);
    hearth_timer(ctx, 100000, 100000, nothing, NULL);
    hearth_subscribe(ctx, "t.*", on_topic, NULL);
    hearth_emit(ctx, "undeclared.topic", hearth_object(ctx));
    return hearth_serve(ctx, methods, 1, self, err);
}

static void dispose(void *self)
{
    toy *t = self;
    note('d', t->name);
    hearth_free(t->ctx, t);
}

/* Of a plugin whose thread posts until dispose has joined it. */
static void posted_late(void *arg)
{
    note('p', ((toy *)arg)->name);
}

static void dispose_posting(void *self)
{
    hearth_post(((toy *)self)->ctx, posted_late, self);
    dispose(self);
}

static void run_nothing(void *arg)
{
    (void)arg;
}

static void done_late(void *arg, void *self)
{
    (void)arg;
    note('w', ((toy *)self)->name);
}

static atomic_bool is_waited_for, may_finish;

static void wait_for(atomic_bool *flag)
{
    while (!atomic_load(flag))
        usleep(1000);
}

static void look_whether_it_ended(void *arg)
{
    const plugin *p = plugins_find(k->plugins, hearth_cstr(arg));
    if (p->ctx && p->ctx->has_ended)
        atomic_store(&is_waited_for, true);
}

/* Comes back while the last worker is waited for. */
static void work_late(void *arg)
{
    toy *t = arg;
    hearth_work(t->ctx, run_nothing, done_late, NULL, t);
    hearth_call_as_plugin(t->ctx, "system.info", NULL, NULL, NULL, NULL);
    hearth_subscribe(t->ctx, "plugins.*", on_topic, t);
    atomic_store(&may_finish, true);
}

static void work_and_post(void *arg)
{
    toy *t = arg;
    wait_for(&is_waited_for); /* as if slow: the drain is over by then */
    hearth_post(t->ctx, work_late, t);
    wait_for(&may_finish);
}

static void work_on_cancel(void *arg)
{
    hearth_req *req = arg;
    toy        *t = hearth_alloc(hearth_ctx_of(req), sizeof *t); /* of the work: taken back at the end */
    *t = (toy){ hearth_ctx_of(req), 'w' };
    hearth_work(t->ctx, work_and_post, done_late, t, t);
    hearth_fail(req, HEARTH_CANCELLED, "stopped");
}

static void hold_and_work(hearth_req *req, void *self)
{
    (void)self;
    hearth_on_cancel(req, work_on_cancel, req);
}

static hearth_code implement_working(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = { { "working.hold", hold_and_work } };
    return hearth_serve(ctx, methods, 1, self, err);
}

static hearth_code implement_curious(hearth_ctx *ctx, void *self, hearth_err *err)
{
    (void)err;
    note(hearth_subscribe(ctx, "a.open", on_topic, self) ? '+' : '-', 'o');
    note(hearth_subscribe(ctx, "a.secret", on_topic, self) ? '+' : '-', 's');
    note(hearth_subscribe(ctx, "a.*", on_topic, self) ? '+' : '-', '*');
    return HEARTH_OK;
}

#define TOY(id, load_fn, implement_fn) TOY_ENDING(id, load_fn, implement_fn, dispose)
#define TOY_ENDING(id, load_fn, implement_fn, dispose_fn)                                                     \
    static const hearth_plugin *entry_##id(const hearth_host_api *host)                                       \
    {                                                                                                         \
        static const hearth_plugin toy_plugin = { sizeof(hearth_plugin), HEARTH_ABI_MAJOR, HEARTH_ABI_MINOR,      \
                                              load_fn, implement_fn, dispose_fn };                             \
        return hearth_bind(host) < 0 ? NULL : &toy_plugin;                                                     \
    }
TOY(a, load_a, implement_quiet)
TOY(b, load_b, implement_quiet)
TOY(late, load_late, implement_quiet)
TOY(bad, load_bad, implement_quiet)
TOY(messy, load_a, implement_messy)
TOY(working, load_a, implement_working)
TOY(curious, load_b, implement_curious)
TOY_ENDING(posting, load_a, implement_quiet, dispose_posting)

/* -- house ------------------------------------------------------------------------------------------------------------- */

static void on_log(void *arg, hearth_level level, hearth_str who, hearth_str text)
{
    (void)arg;
    size_t n = strlen(reports);
    if (level >= HEARTH_LOG_WARN)
        snprintf(reports + n, sizeof reports - n, "%.*s: %.*s\n", HEARTH_FMT(who), HEARTH_FMT(text));
}

static int setup(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    order[0] = reports[0] = 0;
    l = loop_new(&err);
    strcpy(dir, "/tmp/hearth-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(l);
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void on_ready(void *arg, hearth_code code, const hearth_err *err)
{
    (void)err;
    assert_int_equal(code, HEARTH_OK);
    *(bool *)arg = true;
}

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static void start(const core_plugin *core)
{
    hearth_err     err = { 0 };
    bool           ready = false;
    kernel_options o = { .loop = l, .version = "test", .data_dir = dir, .share_dir = dir, .host_executable = "/none", .core = core,
                         .kernel_methods = "{\"methods\":{}}", .on_log = on_log };
    /* the kernel's own methods are not described here: it must say so, not fall over */
    k = kernel_new(&o, &err);
    assert_null(k);
    assert_non_null(strstr(err.msg, "system.info"));
    const char *source = getenv("HEARTH_SOURCE");
    char        path[512];
    hearth_buf  text;
    hearth_buf_init(&text, 1 << 20);
    snprintf(path, sizeof path, "%s/spec/methods", source ? source : ".");
    file_root *root = file_root_open(path, false, &err);
    if (!root || file_read(root, HEARTH_STR("kernel.json"), &text, &err) < 0)
        fail_msg("%s", err.msg);
    file_root_close(root);
    o.kernel_methods = text.p;
    err = (hearth_err){ 0 };
    k = kernel_new(&o, &err);
    if (!k)
        fail_msg("%s", err.msg);
    hearth_buf_deinit(&text);
    kernel_start(k, on_ready, &ready);
    run_until(l, &ready);
}

static void stop(void)
{
    bool done = false;
    kernel_stop(k, set_flag, &done);
    run_until(l, &done);
}

static const plugin *find(const char *id)
{
    const plugin *p = plugins_find(k->plugins, hearth_cstr(id));
    assert_non_null(p);
    return p;
}

/* -- tests --------------------------------------------------------------------------------------------------------------- */

static void plugins_start_after_what_they_need_and_end_before_it(void **state)
{
    (void)state;
    static const core_plugin core[] = {
        { "b", entry_b, "{\"id\":\"b\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\",\"dependencies\":{\"a\":\"^0.1\"}}", "" },
        { "late", entry_late, "{\"id\":\"late\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\",\"dependencies\":{\"b\":\"^0.1\"}}", "" },
        { "a", entry_a, "{\"id\":\"a\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\"}", "" },
        { NULL, NULL, NULL, NULL },
    };
    start(core);
    assert_string_equal(order, "la ia lb ib lc ic ");
    assert_int_equal(find("late")->state, PLUGIN_ACTIVE);
    order[0] = 0;
    stop();
    assert_string_equal(order, "dc db da ");
    kernel_free(k);
}

static void one_that_cannot_start_is_named_and_the_rest_goes_on(void **state)
{
    (void)state;
    static const core_plugin core[] = {
        { "bad", entry_bad, "{\"id\":\"bad\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\"}", "" },
        { "needs-bad", entry_b, "{\"id\":\"needs-bad\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\",\"dependencies\":{\"bad\":\"*\"}}", "" },
        { "round", entry_b, "{\"id\":\"round\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\",\"dependencies\":{\"trip\":\"*\"}}", "" },
        { "trip", entry_b, "{\"id\":\"trip\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\",\"dependencies\":{\"round\":\"*\"}}", "" },
        { "next-major", entry_b, "{\"id\":\"next-major\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^2\",\"version\":\"0.1.0\"}", "" },
        { "torn", entry_b, "{\"id\":\"torn\"", "" },
        { "liar", entry_b, "{\"id\":\"other\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\"}", "" },
        { "a", entry_a, "{\"id\":\"a\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\"}", "" },
        { NULL, NULL, NULL, NULL },
    };
    start(core);
    assert_int_equal(find("a")->state, PLUGIN_ACTIVE);
    assert_int_equal(find("bad")->state, PLUGIN_FAILED);
    assert_string_equal(find("bad")->err.msg, "the disk said no; look at its cable");
    assert_int_equal(find("needs-bad")->state, PLUGIN_INCOMPATIBLE);
    assert_int_equal(find("round")->state, PLUGIN_INCOMPATIBLE);
    assert_non_null(strstr(find("trip")->err.msg, "circle"));
    assert_int_equal(find("next-major")->state, PLUGIN_INCOMPATIBLE);
    assert_int_equal(find("torn")->state, PLUGIN_REJECTED);
    assert_int_equal(find("liar")->state, PLUGIN_REJECTED);
    assert_string_equal(order, "la ia ");
    stop();
    kernel_free(k);
}

static void ended(void *arg, const hearth_reply_view *r)
{
    *(hearth_code *)arg = r->code;
}

static void what_dispose_forgets_is_counted_reported_and_taken_back(void **state)
{
    (void)state;
    static const core_plugin core[] = {
        { "messy", entry_messy, "{\"id\":\"messy\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\",\"permissions\":[{\"name\":\"events.read\",\"reason\":\"to listen\"}]}",
          "{\"methods\":{\"messy.hold\":{\"summary\":\"Holds.\",\"params\":{\"type\":\"object\"},\"permission\":\"public\"}}}" },
        { NULL, NULL, NULL, NULL },
    };
    start(core);
    assert_non_null(strstr(reports, "undeclared.topic")); /* nobody was told, and it is said why */
    hearth_code      code = HEARTH_OK;
    principal       *owner = principal_new(k->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("messy.hold"), .done = ended, .arg = &code };
    kernel_call(k, &a);
    stop();
    assert_true(code == HEARTH_CANCELLED || code == HEARTH_UNAVAILABLE);
    const ctx_counters *n = &find("messy")->last;
    assert_int_equal(n->leaked_blocks, 2);
    assert_int_equal(n->leaked_bytes, 1024);
    assert_int_equal(n->leaked_timers, 1);
    assert_int_equal(n->leaked_subscriptions, 1);
    assert_int_equal(n->leaked_requests, 1);
    assert_non_null(strstr(reports, "2 blocks of memory (1024 bytes)"));
    assert_int_equal(find("messy")->state, PLUGIN_INACTIVE);
    principal_unref(owner);
    kernel_free(k);
}

#define TOY_MANIFEST(id, more) \
    "{\"id\":\"" id "\",\"title\":\"Toy\",\"runtime\":{\"kind\":\"native\",\"placement\":\"daemon\"},\"hearth\":\"^1\",\"version\":\"0.1.0\"" more "}"

static void what_was_posted_before_dispose_does_not_run_after_it(void **state)
{
    (void)state;
    static const core_plugin core[] = { { "posting", entry_posting, TOY_MANIFEST("posting", ""), "" }, { NULL, NULL, NULL, NULL } };
    start(core);
    stop();
    settle_loop(l);
    assert_string_equal(order, "la ia da ");
    kernel_free(k);
}

static void nothing_begins_while_the_last_worker_is_waited_for(void **state)
{
    (void)state;
    static const core_plugin core[] = {
        { "working", entry_working, TOY_MANIFEST("working", ",\"permissions\":[{\"name\":\"events.read\",\"reason\":\"to listen\"}]"),
          "{\"methods\":{\"working.hold\":{\"summary\":\"Holds.\",\"params\":{\"type\":\"object\"},\"permission\":\"public\"}}}" },
        { NULL, NULL, NULL, NULL },
    };
    start(core);
    hearth_code      code = HEARTH_OK;
    principal       *owner = principal_new(k->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("working.hold"), .done = ended, .arg = &code };
    kernel_call(k, &a);
    char        name[] = "working";
    loop_timer *look = loop_timer_start(l, 1, 1, look_whether_it_ended, name);
    stop();
    loop_timer_stop(look);
    settle_loop(l);
    assert_int_equal(code, HEARTH_CANCELLED);
    assert_string_equal(order, "la da ");
    principal_unref(owner);
    kernel_free(k);
}

static void a_protected_topic_needs_its_permission_whoever_listens(void **state)
{
    (void)state;
    static const core_plugin core[] = {
        { "a", entry_a, TOY_MANIFEST("a", ""),
          "{\"methods\":{},\"topics\":{\"a.open\":{\"summary\":\"Open.\",\"value\":{}},\"a.secret\":{\"summary\":\"Secret.\",\"value\":{},\"permission\":\"a.read\"}}}" },
        { "curious", entry_curious, TOY_MANIFEST("curious", ",\"permissions\":[{\"name\":\"events.read\",\"reason\":\"to listen\"}]"), "" },
        { NULL, NULL, NULL, NULL },
    };
    start(core);
    assert_string_equal(order, "la ia lb +o -s -* ");
    assert_non_null(strstr(reports, "a.read"));
    stop();
    kernel_free(k);
}

static void a_setting_that_is_being_written_at_the_end_harms_nobody(void **state)
{
    (void)state;
    static const core_plugin core[] = {
        { "a", entry_a, TOY_MANIFEST("a", ",\"contributes\":{\"settings\":{\"properties\":{\"a.n\":{\"type\":\"integer\",\"default\":1}}}}"), "" },
        { NULL, NULL, NULL, NULL },
    };
    start(core);
    hearth_code      code = HEARTH_OK;
    principal       *owner = principal_new(k->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("settings.set"), .params = json("{\"key\":\"a.n\",\"value\":7}"), .done = ended, .arg = &code };
    kernel_call(k, &a);
    bool closed = false; /* the kernel's own methods go while the line is on its way to the disk */
    ctx_close(k->self, 0, set_flag, &closed);
    run_until(l, &closed);
    assert_true(code == HEARTH_CANCELLED || code == HEARTH_UNAVAILABLE);
    stop();
    principal_unref(owner);
    kernel_free(k);
}

static int count_lines(const char *text, const char *with)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, with)); at++)
        n++;
    return n;
}

static void a_flood_of_denials_does_not_fill_the_disk(void **state)
{
    (void)state;
    static const core_plugin core[] = { { "a", entry_a, TOY_MANIFEST("a", ""), "" }, { NULL, NULL, NULL, NULL } };
    start(core);
    principal       *local = principal_new(k->gate, PRINCIPAL_LOCAL, HEARTH_STR(""));
    hearth_code      code = HEARTH_OK;
    kernel_call_args a = { .who = local, .method = HEARTH_STR("plugins.list"), .done = ended, .arg = &code };
    for (int i = 0; i < 1000; i++)
        kernel_call(k, &a);
    principal *owner = principal_new(k->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    a = (kernel_call_args){ .who = owner, .method = HEARTH_STR("settings.set"), .params = json("{\"key\":\"none\",\"value\":1}"), .done = ended, .arg = &code };
    kernel_call(k, &a);
    stop();
    hearth_buf text;
    hearth_buf_init(&text, 1 << 20);
    assert_int_equal(file_read(folder_root(k->folder), HEARTH_STR("local/audit/audit.jsonl"), &text, NULL), HEARTH_OK);
    hearth_buf_putc(&text, 0);
    assert_int_equal(count_lines(text.p, "\"plugins.list\""), 120);
    assert_int_equal(count_lines(text.p, "\"settings.set\""), 1); /* what was allowed is never left out */
    assert_int_equal(count_lines(text.p, "\"left_out\":880"), 1);
    hearth_buf_deinit(&text);
    principal_unref(local);
    principal_unref(owner);
    kernel_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plugins_start_after_what_they_need_and_end_before_it, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_cannot_start_is_named_and_the_rest_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_dispose_forgets_is_counted_reported_and_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_posted_before_dispose_does_not_run_after_it, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_begins_while_the_last_worker_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_protected_topic_needs_its_permission_whoever_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_denials_does_not_fill_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_setting_that_is_being_written_at_the_end_harms_nobody, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
