# SPDX-License-Identifier: BSD-3-Clause
# Included by the top Makefile: tests under a kernel with SCTP. tests/sctp/NAME_guest.c is a program for them.
SCTP_GUESTS := $(patsubst tests/sctp/%.c,%,$(wildcard tests/sctp/*_guest.c))

define sctp_guest
$(OUT)/tests/$(1): tests/sctp/$(1).c tests/unit/unit.h $(LIBS)
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $(call pkg,$(PKG_test),--cflags) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(LIBS) -Wl,--end-group $(call pkg,$(PKG_test),--libs) -lm
endef
$(foreach g,$(SCTP_GUESTS),$(eval $(call sctp_guest,$(g))))

.PHONY: sctp-tests
sctp-tests: all $(addprefix $(OUT)/tests/,$(SCTP_GUESTS)) ## run tests/sctp/*_test.sh under a kernel with SCTP
	tests/sctp/run $(SCTP_TESTS)
