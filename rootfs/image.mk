# SPDX-License-Identifier: BSD-3-Clause
# Included by the top Makefile: packages of the build host, disk images, and the guest that runs them. README.md here
# says how an image is made; each step is a script that can be run by hand.

BOARD   ?= qemu-x86_64
IMG     := $(BUILD)/image/$(BOARD)
BOARD_DIR := board/$(BOARD)
IMG_PROGRAMS := $(addprefix $(BUILD)/host/bin/,registrard configd snmp-agent cli)
# root is needed to make files that belong to root; scripts that do not need it run without
SUDO    := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=SOURCE_DATE_EPOCH,TMPDIR)
STAGE   := @BUILD=$(BUILD) rootfs/stage
conf     = $(shell . ./$(BOARD_DIR)/board.conf && echo $$$(1))

.PHONY: deps image image-lab run run-reset
deps: ## install the Debian packages that the project needs
	@rootfs/deps

image: $(IMG)/disk.img ## make the disk image of BOARD (qemu-x86_64) in build/image/
image-lab: $(IMG)/disk-lab.img ## the same with the lab profile in its data partition

$(IMG)/userland.tar: rootfs/mkuserland rootfs/trim rootfs/apt-sources rootfs/packages.list
	@mkdir -p $(@D)
	$(STAGE) userland $(SUDO) rootfs/mkuserland $(call conf,ARCHITECTURE) $(abspath $@)
$(IMG)/kernel/version: rootfs/mkkernel $(BOARD_DIR)/board.conf $(BOARD_DIR)/modules.list
	@mkdir -p $(IMG)
	$(STAGE) kernel rootfs/mkkernel $(BOARD) $(abspath $(@D))
$(IMG)/initrd: $(IMG)/kernel/version rootfs/mkinitramfs rootfs/initramfs/init
	$(STAGE) initramfs rootfs/mkinitramfs $(IMG)/kernel/initramfs /bin/busybox rootfs/initramfs/init $@
$(IMG)/slot.squashfs: $(IMG)/userland.tar $(IMG)/initrd $(IMG_PROGRAMS) rootfs/mkslot rootfs/check-root rootfs/masked-units.list \
                      $(wildcard mib/*-MIB.txt) $(shell find rootfs/overlay -type f)
	$(STAGE) slot $(SUDO) rootfs/mkslot $(BOARD) $(abspath $(IMG)) $(abspath $(BUILD)/host/bin) $(VERSION)
$(IMG)/disk.img: $(IMG)/slot.squashfs rootfs/mkdisk rootfs/board.py $(BOARD_DIR)/grub.cfg $(BOARD_DIR)/board.conf
	$(STAGE) disk rootfs/mkdisk $(BOARD) $< $@
$(IMG)/disk-lab.img: $(IMG)/slot.squashfs rootfs/mkdisk rootfs/board.py $(BOARD_DIR)/grub.cfg $(BOARD_DIR)/board.conf $(shell find rootfs/lab -type f)
	@$(BUILD)/host/bin/configd --check rootfs/lab/config/startup.conf
	$(STAGE) disk-lab rootfs/mkdisk $(BOARD) $< $@ rootfs/lab

run: ## build all and boot the lab image here, console on this terminal (ACCEL=kvm, FIRMWARE=efi, RUN_SECONDS=n)
	@echo "Poolward: $(BOARD) in QEMU"
	$(STAGE) packages $(MAKE) --no-print-directory deps
	$(STAGE) programs $(MAKE) --no-print-directory -j$(shell nproc) all
	@$(MAKE) -s --no-print-directory image-lab
	@exec rootfs/run $(BOARD) $(BUILD)
run-reset: ## forget what was configured and saved in `make run`
	rm -rf $(BUILD)/run
