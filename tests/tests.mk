# SPDX-License-Identifier: BSD-3-Clause
# Included by the top Makefile: everything that proves something. tests/README.md says what each kind is for.

PYTHON := /usr/bin/python3
PYTEST := $(PYTHON) -B -m pytest -p no:cacheprovider -q
UNIT   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))

define unit
$(OUT)/tests/$(1): tests/unit/$(1).c tests/unit/unit.h $(LIBS)
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $(call pkg,$(PKG_test),--cflags) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(LIBS) -Wl,--end-group $(call pkg,$(PKG_test),--libs) -lm
.PHONY: unit-$(patsubst %_test,%,$(1))
unit-$(patsubst %_test,%,$(1)): $(OUT)/tests/$(1)
	$$<
endef
$(foreach u,$(UNIT),$(eval $(call unit,$(u))))
-include $(wildcard $(OUT)/tests/*.d)

.PHONY: unit unit-programs valgrind integration system check test
unit-programs: $(addprefix $(OUT)/tests/,$(UNIT))
unit: unit-programs ## run the CUnit unit tests (SAN=1: with ASan and UBSan)
	@failed=0; for t in $(sort $(UNIT)); do $(OUT)/tests/$$t || failed=1; done; exit $$failed

valgrind: unit-programs ## run the unit tests under valgrind: leaks and uninitialised memory
	@failed=0; for t in $(sort $(UNIT)); do echo "valgrind $$t"; POOLWARD_TEST_QUICK=1 valgrind -q --leak-check=full \
	  --errors-for-leak-kinds=definite --error-exitcode=9 --child-silent-after-fork=yes $(OUT)/tests/$$t || failed=1; done; exit $$failed

integration: all ## run the tests of the programs on this host (TCP, no SCTP needed)
	$(PYTEST) tests/integration

system: image ## boot the image beside a guest with rsplib and check both
	$(PYTEST) -x tests/system

check: ## the quick part: builds everything, unit tests, sanitizers; under a minute once built
	@tests/run check
test: ## everything, on a fresh machine too
	@$(MAKE) --no-print-directory deps
	@tests/run test

-include $(wildcard tests/*/*.mk)

.PHONY: mib-check
mib-check: ## smilint, and every object of RSERPOOL-MIB against RFC 5525
	@mib/check
