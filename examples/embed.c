/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A chat with a memory inside somebody else's program: attaches to the daemon that serves the folder, or starts one that ends
 * with this process.
 *
 *     cc embed.c $(pkg-config --cflags --libs hearth) -o embed && ./embed "hello" */
#include <hearth/hearth.h>

#include <stdio.h>

static void on_event(void *out, const hearth_event *e)
{
    if (e->kind == HEARTH_TEXT)
        fwrite(e->text.p, 1, e->text.n, out);
}

int main(int argc, char **argv)
{
    hearth_err err = { 0 };
    hearth    *h = hearth_open(&(hearth_options){ .size = sizeof(hearth_options), .data_dir = "./my-data" }, &err);
    if (!h) {
        fprintf(stderr, "%s: %s\n", err.where, err.msg);
        return 1;
    }

    hearth_value *params = hearth_object(NULL);
    hearth_put_null(params, "thread");
    hearth_put_cstr(params, "text", argc > 1 ? argv[1] : "hello");
    hearth_value *turn = hearth_call_value(h, "chat.send", params, on_event, stdout, NULL, &err);
    if (turn)
        putchar('\n');
    else
        fprintf(stderr, "%s: %s\n", err.where, err.msg);

    hearth_value_unref(turn);
    hearth_close(h);
    return err.code < 0;
}
