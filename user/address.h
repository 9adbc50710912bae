/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and endpoints as text. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <scoutbpf/flow.h>

/* Room for an address and the terminating zero. */
#define ADDRESS_SIZE 48

/* Room for "[IPv6]:port" and the terminating zero. */
#define ENDPOINT_SIZE 64

bool addr_is_v4(const union addr *addr);
bool addr_is_zero(const union addr *addr);

/* The IPv4 address (network order) as an IPv4-mapped one. */
union addr addr_from_v4(__be32 v4);

/* Reads "10.0.3.2" or "fe80::1". Returns 0 or -EINVAL, *RET untouched. */
int addr_parse(const char *text, union addr *ret);

/* Writes "10.0.3.2" or "fe80::1" into BUFFER of SIZE bytes and returns BUFFER. */
const char *addr_text(const union addr *addr, char *buffer, size_t size);

/* Writes "10.1.0.6:40000" or "[fe80::1]:40000"; PORT in network order. Returns BUFFER. */
const char *endpoint_text(const union addr *addr, __be16 port, char *buffer, size_t size);

#endif
