/* SPDX-License-Identifier: GPL-2.0-only */
/* The fixed-width types and the assertion that both worlds share. */
#ifndef SCOUTBPF_BASE_H
#define SCOUTBPF_BASE_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

/* A map key or value is laid out alike by both compilers, or the build stops. */
#define ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " changed its size")

#endif
