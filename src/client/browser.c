/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/browser.h"

extern char **environ;

void client_start_browser(const char *url)
{
    pid_t                      pid;
    posix_spawn_file_actions_t quiet;
    /* The shell ends at once and leaves the browser to init: nobody has to wait for it. */
    const char *argv[] = { "/bin/sh", "-c", "xdg-open \"$0\" >/dev/null 2>&1 &", url, NULL };
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (posix_spawn(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ) == 0)
        waitpid(pid, NULL, 0);
    posix_spawn_file_actions_destroy(&quiet);
}
