// SPDX-License-Identifier: GPL-2.0-only
/*
 * LD_PRELOADed: the process dies by SIGKILL before the bpf() system call number DIE_AT, counted
 * from 1. With DIE_COUNT, it lives and writes their number into the file of that name. Of the
 * many calls that read or write one element of a map only some count.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>

#define ELEMENTS 64

static long moments;

static int is_moment(long command)
{
	static int elements;

	if (command > BPF_MAP_GET_NEXT_KEY || command == BPF_MAP_CREATE)
		return 1;
	return elements++ % ELEMENTS == 0;
}

long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	const char *die_at = getenv("DIE_AT");
	long words[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		words[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf && is_moment(words[0]) && ++moments == (die_at ? atol(die_at) : 0))
		kill(getpid(), SIGKILL);
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("DIE_COUNT");
	FILE *file = path && moments ? fopen(path, "w") : NULL;

	if (file) {
		fprintf(file, "%ld\n", moments);
		fclose(file);
	}
}
