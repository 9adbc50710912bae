# SPDX-License-Identifier: GPL-2.0-only
#
# make tests    build the test programs, run nothing
#
# All of it is native code under AddressSanitizer and UBSan, the library part of the user side
# included. It comes as an archive, so that a test may define a function of it anew.

T := $(B)/tests
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Iinclude -Iuser -I$(B) -Ibpf \
	-Itests/unit $(C_WARNINGS) -O1 -g $(SANITIZE)
TEST_LIBS = $(shell pkg-config --libs $(LIBS) cmocka)

TEST_LIBRARY := $(T)/libscoutbpf.a
TEST_OBJECTS := $(patsubst user/%.c,$(T)/obj/%.o,$(filter-out user/main.c,$(USER_SOURCES)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(T)/unit/%,$(wildcard tests/unit/test_*.c))
PACKET_SOURCES := $(wildcard tests/bpf/*.c)
PACKET_OBJECTS := $(PACKET_SOURCES:tests/bpf/%.c=$(T)/bpf/%.o)
PACKET_TESTS := $(if $(PACKET_SOURCES),$(T)/packets)

.PHONY: test
test:
	@scripts/setup build test
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) all tests
	@tests/run

.PHONY: tests
tests: $(UNIT_TESTS) $(PACKET_TESTS)

.PHONY: lint
lint:
	@scripts/setup build lint
	@$(MAKE) --no-print-directory $(B)/scoutbpf.skel.h
	@scripts/lint

$(T)/obj $(T)/unit $(T)/bpf:
	@mkdir -p $@

$(T)/obj/%.o: user/%.c $(B)/scoutbpf.skel.h | $(T)/obj
	$(call say,CC,$@) $(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

$(TEST_LIBRARY): $(TEST_OBJECTS)
	$(call say,AR,$@) rm -f $@ && $(AR) rcs $@ $^

$(T)/unit/%: tests/unit/%.c $(TEST_LIBRARY) $(B)/scoutbpf.skel.h | $(T)/unit
	$(call say,TEST,$@) $(CC) $(TEST_CFLAGS) -MMD -MP -MF $@.d -MT $@ $< $(TEST_LIBRARY) -o $@ \
		$(TEST_LIBS)

$(T)/bpf/%.o: tests/bpf/%.c $(B)/scoutbpf.skel.h | $(T)/bpf
	$(call say,CC,$@) $(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

$(T)/packets: $(PACKET_OBJECTS) $(TEST_LIBRARY)
	$(call say,TEST,$@) $(CC) $(SANITIZE) $^ -o $@ $(TEST_LIBS)

include tests/native.mk

-include $(wildcard $(T)/*/*.d)
