# SPDX-License-Identifier: GPL-2.0-only
#
# make bench    install what is missing, build, measure packets per second beside the peers

BENCH := $(B)/bench
BENCH_TOOLS := $(BENCH)/generate $(BENCH)/attach $(BENCH)/redirect.bpf.o $(BENCH)/sink.bpf.o

.PHONY: bench
bench:
	@scripts/setup build test
	@$(MAKE) --no-print-directory all $(BENCH_TOOLS)
	@SCOUTBPF=$(abspath $(B)/scoutbpf) TOOLS=$(abspath $(BENCH)) scripts/bench

$(BENCH):
	@mkdir -p $@

$(BENCH)/generate: scripts/bench.d/generate.c | $(BENCH)
	$(call say,CC,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $< -o $@

# The gateway's own hook is under every BPF program: the figures compare the programs alone.
$(BENCH)/attach: scripts/bench.d/attach.c $(B)/user/hook.o $(B)/user/pins.o $(B)/user/error.o | $(BENCH)
	$(call say,CC,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -o $@ $(LDLIBS)

$(BENCH)/%.bpf.o: scripts/bench.d/%.bpf.c vmlinux/vmlinux.h | $(BENCH)
	$(call say,CLANG,$@) $(CLANG) $(BPF_CFLAGS) -c $< -o $@ && $(STRIP) -g $@
