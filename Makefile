# SPDX-License-Identifier: BSD-3-Clause
#
# Poolward. `make help` lists what can be done; README.md is the tour.
#
# A room is a folder of C files. All of a room but its main.c becomes one static library, main.c becomes the
# room's program. Everything that is built lands in build/.

BUILD   ?= build
SAN     ?=
CC      ?= gcc
VERSION := 0.1.0

ifneq ($(SAN),)
OUT     := $(BUILD)/san
OPT     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
else
OUT     := $(BUILD)/host
OPT     := -O2 -g -D_FORTIFY_SOURCE=2
endif

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
           -Wvla -Wconversion -Wno-sign-conversion -Werror
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS  += -std=gnu17 $(OPT) $(HARDEN) $(WARN) -MMD -MP
CPPFLAGS += -D_GNU_SOURCE -Ifirmware -I. -DPOOLWARD_VERSION='"$(VERSION)"'
LDFLAGS += -pie -Wl,-z,relro,-z,now,--as-needed $(if $(SAN),-fsanitize=address$(comma)undefined)
comma   := ,

# room             its pkg-config packages
PKG_base        := libsystemd
PKG_wire        :=
PKG_handlespace :=
PKG_transport   := libevent libsctp
PKG_asap        := libevent
PKG_enrp        := libevent
PKG_config      := libconfig jansson libcrypt
PKG_control     := libevent jansson libbsd
PKG_endpoint    := libevent libsctp jansson libbsd
PKG_registrard  := libevent libsctp jansson libbsd libsystemd libconfig libcrypt
PKG_configd     := libevent jansson libbsd libconfig libsystemd libcrypt
PKG_snmp-agent  := netsnmp-agent libevent jansson libbsd libsystemd
PKG_cli         := libedit libevent jansson libbsd libconfig libcrypt libsystemd
PKG_test        := $(sort $(foreach v,base transport config control endpoint snmp-agent cli,$(PKG_$(v)))) cunit

ROOMS    := $(addprefix firmware/,base wire handlespace transport asap enrp config control endpoint registrard configd) \
            snmp-agent cli
# program          the room that holds its main.c
PROG_registrard := firmware/registrard
PROG_configd    := firmware/configd
PROG_snmp-agent := snmp-agent
PROG_cli        := cli
PROG_pooltool   := firmware/endpoint
PROGRAMS := $(foreach p,registrard configd snmp-agent cli pooltool,$(if $(wildcard $(PROG_$(p))/main.c),$(p)))

# lksctp-tools ships no .pc file
pkg      = $(if $(strip $(filter-out libsctp,$(1))),$(shell pkg-config $(2) $(filter-out libsctp,$(1)) 2>/dev/null)) \
           $(if $(filter libsctp,$(1)),$(if $(filter --libs,$(2)),-lsctp))
needs   := $(sort $(filter-out libsctp,$(foreach r,base $(notdir $(ROOMS)),$(PKG_$(r)))) cunit)
ifneq ($(filter-out deps help clean format run run-reset test,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(needs) 2>/dev/null && echo found),found)
$(error development packages are missing (one of: $(needs)); `make deps` installs them)
endif
endif
srcs     = $(filter-out $(1)/main.c,$(wildcard $(1)/*.c))
obj      = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
LIBS    := $(foreach r,$(ROOMS),$(if $(call srcs,$(r)),$(OUT)/lib/lib$(notdir $(r)).a))

.PHONY: all help
all: $(addprefix $(OUT)/bin/,$(PROGRAMS)) ## build the programs for this host into build/host/bin

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

define room
$(OUT)/obj/$(1)/%.o: $(1)/%.c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $(call pkg,$(PKG_$(notdir $(1))),--cflags) $$(CFLAGS) -c -o $$@ $$<
$(OUT)/lib/lib$(notdir $(1)).a: $(call obj,$(call srcs,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcsD $$@ $$^
.PHONY: room-$(notdir $(1))
room-$(notdir $(1)): $(OUT)/lib/lib$(notdir $(1)).a
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

# A program takes its own room and those rooms that are no program's.
shared   = $(filter-out %/libregistrard.a %/libconfigd.a %/libsnmp-agent.a %/libcli.a,$(LIBS))
proglibs = $(sort $(filter %/lib$(notdir $(PROG_$(1))).a,$(LIBS)) $(shared))
define program
$(OUT)/bin/$(1): $(OUT)/obj/$(PROG_$(1))/main.o $(call proglibs,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(call proglibs,$(1)) -Wl,--end-group $(call pkg,$(PKG_$(notdir $(PROG_$(1)))) $(PKG_base),--libs)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

include tests/tests.mk
-include $(wildcard rootfs/image.mk)

.PHONY: clean format
clean: ## remove build/
	rm -rf $(BUILD)
format: ## lay out every C file by .clang-format
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
