// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

static const __u8 mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool addr_is_v4(const union addr *addr)
{
	return !memcmp(addr->bytes, mapped_prefix, sizeof(mapped_prefix));
}

bool addr_is_zero(const union addr *addr)
{
	return !(addr->words[0] | addr->words[1] | addr->words[2] | addr->words[3]);
}

union addr addr_from_v4(__be32 v4)
{
	return (union addr){.words = {[2] = htonl(0xffff), [3] = v4}};
}

int addr_parse(const char *text, union addr *ret)
{
	union addr addr;

	if (inet_pton(AF_INET, text, &addr.words[3]) == 1)
		addr = addr_from_v4(addr.words[3]);
	else if (inet_pton(AF_INET6, text, addr.bytes) != 1)
		return -EINVAL;
	*ret = addr;
	return 0;
}

const char *addr_text(const union addr *addr, char *buffer, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (addr_is_v4(addr))
		inet_ntop(AF_INET, &addr->words[3], text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr->bytes, text, sizeof(text));
	snprintf(buffer, size, "%s", text);
	return buffer;
}

const char *endpoint_text(const union addr *addr, __be16 port, char *buffer, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	addr_text(addr, text, sizeof(text));
	snprintf(buffer, size, addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", text, ntohs(port));
	return buffer;
}
