/* SPDX-License-Identifier: GPL-2.0-only */
/* One line on stderr for each thing that went wrong. */
#ifndef ERROR_H
#define ERROR_H

/* Prints "scoutbpf: OBJECT: MESSAGE". Only the layer that knows the object calls it. */
void complain(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As complain(), prefixed "warning: ": the command goes on. */
void warn(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
