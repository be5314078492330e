/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bind.c: the two tables of this image. A plugin gets both from its host (hearth_bind); the daemon, the plugin host
 * and the client library install the values of their own (value_install), or get them with the first value when
 * nobody did: a program may build arguments before it opened anything. Set before there are threads, then only read.
 * The reference to value.c is weak: a shared object that is a plugin carries no values of its own. */
#include <hearth/plugin.h>

#include "kit/value.h"

/* What every host of this major has: up to the last member of 1.0. Later members are asked for with HEARTH_HAS. */
#define HOST_BASE   (offsetof(hearth_host_api, child_pid) + sizeof(((hearth_host_api *)0)->child_pid))
#define VALUES_BASE (offsetof(hearth_value_api, write_free) + sizeof(((hearth_value_api *)0)->write_free))

const hearth_host_api         *hearth_host_table;
static const hearth_value_api *values;

#pragma weak value_table
#pragma weak value_install

hearth_code hearth_bind(const hearth_host_api *host)
{
    if (!host || host->abi_major != HEARTH_ABI_MAJOR || host->size < HOST_BASE)
        return HEARTH_INCOMPATIBLE;
    if (!host->values || host->values->size < VALUES_BASE)
        return HEARTH_INCOMPATIBLE;
    hearth_host_table = host;
    values = host->values;
    return HEARTH_OK;
}

void value_use(const hearth_value_api *table) { values = table; }

const hearth_value_api *hearth_values(void)
{
    if (!values && value_table)
        value_install();
    return values;
}
