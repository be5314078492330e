/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hash.h: a keyed hash, for tables whose keys come from outside. */
#ifndef KIT_HASH_H
#define KIT_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 (Aumasson and Bernstein 2012, with the rounds that hash tables use): without the key nobody can
 * choose texts that collide. Thread: any. */
uint64_t hash_keyed(const uint64_t key[2], const void *bytes, size_t n);

#endif
