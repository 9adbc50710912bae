// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "error.h"

static void line(const char *kind, const char *object, const char *format, va_list args)
{
	fprintf(stderr, "scoutbpf: %s%s: ", kind, object);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("", object, format, args);
	va_end(args);
}

void warn(const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("warning: ", object, format, args);
	va_end(args);
}
