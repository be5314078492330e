/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log_name.h"

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool log_name_is_good(hearth_str log)
{
    if (log.n == 0 || log.n > LOG_NAME_MAX_BYTES || hearth_str_starts(log, "local/"))
        return false;
    bool is_part_open = false;
    for (size_t i = 0; i < log.n; i++) {
        if (log.p[i] == '/') {
            if (!is_part_open)
                return false;
            is_part_open = false;
        } else if (is_name_byte(log.p[i])) {
            is_part_open = true;
        } else {
            return false;
        }
    }
    return is_part_open;
}

static size_t last_slash_end(hearth_str log)
{
    size_t n = log.n;
    while (n > 0 && log.p[n - 1] != '/')
        n--;
    return n;
}

hearth_str log_name_folder(hearth_str log)
{
    size_t end = last_slash_end(log);
    return (hearth_str){ log.p, end > 0 ? end - 1 : 0 };
}

hearth_str log_name_last(hearth_str log)
{
    size_t end = last_slash_end(log);
    return (hearth_str){ log.p + end, log.n - end };
}

hearth_str log_name_of_file(hearth_str file)
{
    const size_t ext = sizeof LOG_EXTENSION - 1;
    if (file.n <= ext || memcmp(file.p + file.n - ext, LOG_EXTENSION, ext) != 0)
        return (hearth_str){ NULL, 0 };
    size_t n = 0;
    while (n < file.n && file.p[n] != '.')
        n++;
    hearth_str log = { file.p, n };
    return log_name_is_good(log) ? log : (hearth_str){ NULL, 0 };
}
