# SPDX-License-Identifier: BSD-3-Clause
# Included by the top Makefile: benchmarks.
BENCH := $(patsubst tests/bench/%_bench.c,%,$(wildcard tests/bench/*_bench.c))
define bench
$(OUT)/bench/$(1): tests/bench/$(1)_bench.c $(LIBS)
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $(call pkg,$(PKG_test),--cflags) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(LIBS) -Wl,--end-group $(call pkg,$(PKG_test),--libs) -lm
.PHONY: bench-$(1)
bench-$(1): $(OUT)/bench/$(1)
	$$<
endef
$(foreach b,$(BENCH),$(eval $(call bench,$(b))))

.PHONY: bench-instructions
bench-instructions: all
	@tests/sctp/vm -t 900 -m 2048 tests/bench/instructions_guest.sh

.PHONY: bench-image bench
bench-image: image
	@tests/bench/image_bench.py
bench: bench-handlespace bench-instructions bench-image ## print the figures, beside rsplib's where it can do the same
