# SPDX-License-Identifier: GPL-2.0-only
#
# The data path's own logic as native programs: tests/unit/native stands for the kernel, helpers and
# maps included. Each program takes what it tests of bpf/ as source.
#
# A packet ends at the end of a page here, so its headers lie anywhere: no alignment check. The data
# path is a system's header to this compiler: its warnings are the other one's.

NATIVE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -D__bpf__ -Itests/unit/native -Ivmlinux -Iinclude -Itests/bpf \
	-isystem bpf $(C_WARNINGS) -O1 -g $(SANITIZE) -fno-sanitize=alignment
NATIVE_PROGRAMS := $(wildcard tests/unit/native/test_*.c)
NATIVE_SOURCES := $(filter-out $(NATIVE_PROGRAMS),$(wildcard tests/unit/native/*.c))
NATIVE_OBJECTS := $(NATIVE_SOURCES:tests/unit/native/%.c=$(T)/native/%.o) $(T)/bpf/frame.o
NATIVE_TESTS := $(NATIVE_PROGRAMS:tests/unit/native/%.c=$(T)/native/%)

tests: $(NATIVE_TESTS)

$(T)/native:
	@mkdir -p $@

$(T)/native/%.o: tests/unit/native/%.c | $(T)/native
	$(call say,CC,$@) $(CC) $(NATIVE_CFLAGS) -MD -MP -c $< -o $@

$(T)/native/test_%: tests/unit/native/test_%.c $(NATIVE_OBJECTS) | $(T)/native
	$(call say,TEST,$@) $(CC) $(NATIVE_CFLAGS) -MD -MP -MF $@.d -MT $@ $< $(NATIVE_OBJECTS) \
		-o $@ $(shell pkg-config --libs cmocka)
