/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The folder's two files of its own: hearth.json (format and id, written once, shared) and local/device.json.
 *
 * device.json is {device, fingerprint}: the fingerprint is a hash of the machine's id and the inode of local/. A folder that
 * was copied, restored or moved to another machine has another fingerprint, so it mints another device id and never appends
 * to files that another copy may append to as well. The old files stay as history. */
#include "kernel/folder.h"

#include <inttypes.h>
#include <stdlib.h>

#include "io/loop.h"

#define FORMAT 1

struct folder {
    file_root *root, *local;
    file_lock *lock;
    char       device[27], id[27];
};

static void mint(char out[27])
{
    uint8_t random[10];
    loop_random(random, sizeof random);
    hearth_ulid_make(out, loop_wall_ms(), random);
}

static hearth_code write_json(file_root *root, const char *name, hearth_value *v, uint32_t mode, hearth_err *err)
{
    size_t      n = 0;
    char       *text = hearth_write(v, &n);
    hearth_code code = HEARTH_NO_MEMORY;
    if (text)
        code = file_write(root, hearth_cstr(name), (hearth_str){ text, n }, mode, err);
    hearth_write_free(text);
    hearth_value_unref(v);
    return code;
}

/* NULL with *code HEARTH_OK: there is none. */
static hearth_value *read_json(file_root *root, const char *name, hearth_code *code, hearth_err *err)
{
    hearth_buf text;
    hearth_buf_init(&text, 1 << 16);
    *code = file_read(root, hearth_cstr(name), &text, NULL);
    hearth_value *v = *code < 0 ? NULL : hearth_parse(NULL, hearth_buf_str(&text), NULL);
    hearth_buf_deinit(&text);
    if (*code == HEARTH_NOT_FOUND)
        *code = HEARTH_OK;
    else if (*code < 0)
        hearth_err_set(err, *code, "folder", "%s/%s cannot be read", file_root_path(root), name);
    else if (!v)
        *code = HEARTH_DAMAGED; /* the caller decides whether that matters */
    return v;
}

static hearth_code open_format(folder *f, hearth_err *err)
{
    hearth_code   code;
    hearth_value *v = read_json(f->root, "hearth.json", &code, err);
    if (!v && code == HEARTH_DAMAGED)
        return hearth_err_set(err, code, "folder", "%s/hearth.json is damaged; restore it from a copy, or move it away to get a new one",
                              file_root_path(f->root));
    if (!v && code < 0)
        return code;
    if (!v) {
        mint(f->id);
        v = hearth_object(NULL);
        hearth_put_i64(v, "format", FORMAT);
        hearth_put_cstr(v, "id", f->id);
        return write_json(f->root, "hearth.json", v, 0644, err);
    }
    int64_t format = hearth_get_i64(v, "format", 0);
    hearth_str_copy(f->id, sizeof f->id, hearth_get_str(v, "id"));
    hearth_value_unref(v);
    if (format != FORMAT)
        return hearth_err_set(err, HEARTH_INCOMPATIBLE, "folder",
                              "the data folder %s has format %" PRId64 "; this Hearth reads format %d: use a newer Hearth or another --data",
                              file_root_path(f->root), format, FORMAT);
    return HEARTH_OK;
}

static void fingerprint(const folder *f, char out[17])
{
    static const char digits[] = "0123456789abcdef";
    hearth_buf        seed;
    hearth_buf_init(&seed, 4096);
    file_root *etc = file_root_open("/etc", false, NULL);
    if (etc)
        file_read(etc, HEARTH_STR("machine-id"), &seed, NULL);
    file_root_close(etc);
    uint64_t bytes = 0, changed = 0, inode = 0;
    file_size(f->root, HEARTH_STR("local"), &bytes, &changed, &inode, NULL);
    seed.failed = false;
    hearth_buf_printf(&seed, "|%" PRIu64, inode);
    uint64_t hash = hearth_hash(seed.p, seed.n);
    hearth_buf_deinit(&seed);
    for (int i = 15; i >= 0; i--, hash >>= 4)
        out[i] = digits[hash & 15];
    out[16] = 0;
}

static hearth_code open_device(folder *f, hearth_err *err)
{
    char print[17];
    fingerprint(f, print);
    hearth_code   code;
    hearth_value *v = read_json(f->local, "device.json", &code, err);
    if (!v && code < 0 && code != HEARTH_DAMAGED)
        return code;
    hearth_str device = hearth_get_str(v, "device");
    bool       is_ours = hearth_ulid_valid(device) && hearth_str_is(hearth_get_str(v, "fingerprint"), print);
    if (is_ours)
        hearth_str_copy(f->device, sizeof f->device, device);
    hearth_value_unref(v);
    if (is_ours)
        return HEARTH_OK;
    mint(f->device);
    v = hearth_object(NULL);
    hearth_put_cstr(v, "device", f->device);
    hearth_put_cstr(v, "fingerprint", print);
    return write_json(f->local, "device.json", v, 0600, err);
}

/* Tells the usual sync tools to leave local/ alone. */
static void write_ignore_files(folder *f)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        { ".stignore", "local\n" },
        { ".rsync-filter", "- /local/\n" },
        { ".gitignore", "/local/\n" },
    };
    uint64_t bytes, changed, inode;
    for (size_t i = 0; i < HEARTH_COUNT(files); i++)
        if (file_size(f->root, hearth_cstr(files[i].name), &bytes, &changed, &inode, NULL) == HEARTH_NOT_FOUND)
            file_write(f->root, hearth_cstr(files[i].name), hearth_cstr(files[i].text), 0644, NULL);
}

/* What may lie in a folder that becomes a data folder: models that somebody put there first, what a sync tool brought. */
static hearth_code each_stranger(void *arg, const hearth_dir_entry *entry)
{
    static const char *const ours[] = { "hearth.json", "threads", "log", "assistants", "prompts", "themes", "apps", "documents", "models",
                                        "local", ".stignore", ".rsync-filter", ".gitignore" };
    for (size_t i = 0; i < HEARTH_COUNT(ours); i++)
        if (hearth_str_is(entry->name, ours[i]))
            return HEARTH_OK;
    hearth_str_copy(arg, 256, entry->name);
    return HEARTH_CONFLICT;
}

/* A mistyped --data must not make a data folder of somebody's home. */
static hearth_code refuse_foreign(const folder *f, hearth_err *err)
{
    char     stranger[256] = "";
    uint64_t bytes, changed, inode;
    if (file_size(f->root, HEARTH_STR("hearth.json"), &bytes, &changed, &inode, NULL) >= 0)
        return HEARTH_OK;
    hearth_code code = file_list(f->root, (hearth_str){ NULL, 0 }, each_stranger, stranger, NULL);
    if (code != HEARTH_CONFLICT)
        return HEARTH_OK; /* what cannot be listed is told of where it is needed */
    return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "folder",
                          "%s is no data folder of Hearth and holds other things (\"%s\"); choose an empty or a new one with --data",
                          file_root_path(f->root), stranger);
}

folder *folder_open(const char *absolute, hearth_err *err)
{
    folder *f = calloc(1, sizeof *f);
    if (!f) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "folder", "no memory");
        return NULL;
    }
    static const char *const dirs[] = { "local", "local/index", "local/jobs", "local/logs", "local/audit", "local/kv", "threads", "models" };
    int64_t                  pid = 0;
    f->root = file_root_open(absolute, true, err);
    hearth_code code = f->root ? refuse_foreign(f, err) : HEARTH_IO;
    for (size_t i = 0; i < HEARTH_COUNT(dirs) && code >= 0; i++)
        code = file_make_dirs(f->root, hearth_cstr(dirs[i]), err);
    if (code >= 0) {
        hearth_err inner = { 0 };
        f->lock = file_lock_take(f->root, HEARTH_STR("local/lock"), &pid, &inner);
        if (!f->lock && inner.code == HEARTH_CONFLICT)
            hearth_err_set(err, HEARTH_CONFLICT, "folder",
                           "the data folder %s is in use by another hearth (pid %" PRId64 "); stop that one, or choose another with --data",
                           absolute, pid);
        else if (!f->lock)
            hearth_err_set(err, inner.code, "folder", "%s", inner.msg);
        code = f->lock ? HEARTH_OK : HEARTH_CONFLICT;
    }
    if (code >= 0) {
        hearth_buf local;
        hearth_buf_init(&local, 8192);
        hearth_buf_printf(&local, "%s/local", file_root_path(f->root));
        f->local = local.failed ? NULL : file_root_open(local.p, false, err);
        hearth_buf_deinit(&local);
        code = f->local ? HEARTH_OK : HEARTH_IO;
    }
    if (code >= 0)
        code = open_format(f, err);
    if (code >= 0)
        code = open_device(f, err);
    if (code < 0) {
        folder_close(f);
        return NULL;
    }
    write_ignore_files(f);
    return f;
}

void folder_close(folder *f)
{
    if (!f)
        return;
    file_root_close(f->local);
    file_unlock(f->lock);
    file_root_close(f->root);
    free(f);
}

file_root *folder_root(const folder *f)
{
    return f->root;
}

file_root *folder_local(const folder *f)
{
    return f->local;
}

const char *folder_path(const folder *f)
{
    return file_root_path(f->root);
}

const char *folder_device(const folder *f)
{
    return f->device;
}

const char *folder_id(const folder *f)
{
    return f->id;
}
