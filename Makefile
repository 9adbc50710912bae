# SPDX-License-Identifier: GPL-2.0-only
#
# make          build build/scoutbpf (packages: scripts/setup build)
# make demo     install what is missing, build, show the main job on a real VPN
# make test     install what is missing, build, run every test
# make bench    install what is missing, build, measure beside the peers
# make lint     formatting and static analysis; warnings are errors
# make install  DESTDIR= PREFIX=/usr

PREFIX ?= /usr
DESTDIR ?=
V ?= 0

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
STRIP ?= llvm-strip
BPFTOOL ?= $(or $(shell PATH=$$PATH:/usr/sbin command -v bpftool),bpftool)

VERSION := 0.1
B := build
LIBS := libbpf inih json-c libmnl

# What a distribution passes in CFLAGS and LDFLAGS comes after our own.
WARNINGS := -Wall -Wextra -Wshadow -Werror
C_WARNINGS := $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Iinclude -Iuser -I$(B) \
	$(C_WARNINGS) -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(LDFLAGS)
LDLIBS = $(shell pkg-config --libs $(LIBS))

# One instruction set for all kernels from 5.10 on, whatever the compiler's default is.
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v2 -Ivmlinux -Iinclude -Ibpf $(WARNINGS) -Wno-gnu

ifeq ($(V),0)
say = @printf '  %-8s %s\n' $(1) $(2);
else
say =
endif

USER_SOURCES := $(wildcard user/*.c)
USER_OBJECTS := $(USER_SOURCES:user/%.c=$(B)/user/%.o)
LIBRARY_OBJECTS := $(filter-out $(B)/user/main.o,$(USER_OBJECTS))
SHARED_HEADERS := $(wildcard include/scoutbpf/*.h)

.PHONY: all
all: $(B)/scoutbpf

$(B)/user $(B)/tests:
	@mkdir -p $@

$(B)/scoutbpf.bpf.o: bpf/scoutbpf.bpf.c $(wildcard bpf/*.h) $(SHARED_HEADERS) vmlinux/vmlinux.h \
		| $(B)/user
	$(call say,CLANG,$@) $(CLANG) $(BPF_CFLAGS) -c $< -o $@ && $(STRIP) -g $@

$(B)/scoutbpf.skel.h: $(B)/scoutbpf.bpf.o
	$(call say,SKEL,$@) $(BPFTOOL) gen skeleton $< name scoutbpf_bpf > $@

$(B)/user/%.o: user/%.c $(wildcard user/*.h) $(SHARED_HEADERS) $(B)/scoutbpf.skel.h | $(B)/user
	$(call say,CC,$@) $(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/scoutbpf: $(USER_OBJECTS)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) $^ -o $@ $(LDLIBS)

include scripts/install.mk
include tests/tests.mk
include scripts/bench.mk

.PHONY: demo
demo:
	@scripts/setup build demo
	@$(MAKE) --no-print-directory all
	@SCOUTBPF=$(abspath $(B)/scoutbpf) scripts/demo

.PHONY: clean
clean:
	rm -rf $(B)

.PHONY: help
help:
	@sed -n 's/^# \(make.*\)/\1/p' Makefile

.DELETE_ON_ERROR:
