# SPDX-License-Identifier: BSD-3-Clause
# Included by tests/tests.mk: every tests/fuzz/NAME_fuzz.c is one libFuzzer target, linked with those rooms that need
# no event loop, compiled by clang with sanitizers into build/fuzz. `make fuzz` runs each for FUZZ_SECONDS, starting
# from tests/fuzz/corpus/NAME; what it finds is kept in build/fuzz/found/NAME, a crash in build/fuzz/crash-NAME-*.
FUZZ_SECONDS ?= 10
FUZZ_CC      ?= clang
FUZZ_OUT     := $(BUILD)/fuzz
FUZZ_SAN     := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_CFLAGS  := -std=gnu17 -O1 -g -fno-omit-frame-pointer $(FUZZ_SAN) -Wall -Wextra -MMD -MP
FUZZ_ROOMS   := $(filter %/base %/wire %/handlespace %/config cli,$(ROOMS))
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_PKGS     = $(sort $(foreach r,$(FUZZ_ROOMS),$(PKG_$(notdir $(r)))))
fuzz_obj      = $(patsubst %.c,$(FUZZ_OUT)/obj/%.o,$(1))

define fuzz_room
$(FUZZ_OUT)/obj/$(1)/%.o: $(1)/%.c
	@mkdir -p $$(@D)
	$$(FUZZ_CC) $$(CPPFLAGS) $$(call pkg,$$(PKG_$(notdir $(1))),--cflags) $$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $$@ $$<
$(FUZZ_OUT)/lib/lib$(notdir $(1)).a: $(call fuzz_obj,$(call srcs,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcsD $$@ $$^
endef
$(foreach r,$(FUZZ_ROOMS),$(eval $(call fuzz_room,$(r))))
FUZZ_LIBS := $(foreach r,$(FUZZ_ROOMS),$(if $(call srcs,$(r)),$(FUZZ_OUT)/lib/lib$(notdir $(r)).a))

$(FUZZ_OUT)/bin/%: tests/fuzz/%_fuzz.c $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CPPFLAGS) $(call pkg,$(FUZZ_PKGS),--cflags) $(FUZZ_CFLAGS) -MF $@.d -fsanitize=fuzzer -o $@ $< \
		-Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group -Wl,--as-needed $(call pkg,$(FUZZ_PKGS),--libs) -lm

.PHONY: fuzz $(addprefix fuzz-,$(FUZZ_TARGETS))
fuzz: $(addprefix fuzz-,$(FUZZ_TARGETS)) ## run each fuzz target for FUZZ_SECONDS (10)

$(addprefix fuzz-,$(FUZZ_TARGETS)): fuzz-%: $(FUZZ_OUT)/bin/%
	@mkdir -p $(FUZZ_OUT)/found/$*
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
		-artifact_prefix=$(FUZZ_OUT)/crash-$*- $(FUZZ_OUT)/found/$* $(wildcard tests/fuzz/corpus/$*) \
		>$(FUZZ_OUT)/$*.log 2>&1 || { cat $(FUZZ_OUT)/$*.log; exit 1; }
	@awk '/number_of_executed_units/ { runs = $$2 } / cov: / { for (i = 1; i < NF; i++) if ($$i == "cov:") cov = $$(i + 1) } \
		END { printf "fuzz %-14s %9d runs, %d edges covered, nothing found\n", "$*", runs, cov }' $(FUZZ_OUT)/$*.log

-include $(shell find $(FUZZ_OUT) -name '*.d' 2>/dev/null)
