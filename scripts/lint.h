/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included ahead of each file of user/ while clang-tidy looks at it. A failure leaves an error number:
 * the analyser, which cannot know, would follow "return -errno;" as if it returned 0. It knows
 * nothing about a negated unknown either, so that the number has to be a definite one.
 */
#ifndef LINT_H
#define LINT_H

#include <errno.h>

static inline int *errno_of_a_failure(void)
{
	int *location = &errno;

	if (*location != ENOENT)
		*location = EIO;
	return location;
}

#undef errno
#define errno (*errno_of_a_failure())

#endif
