# SPDX-License-Identifier: BSD-3-Clause
# The second guest of the system tests.
PEER := $(BUILD)/image/peer.initrd
$(PEER): tests/system/mkpeer tests/system/peer-init $(BUILD)/image/qemu-x86_64/kernel/version
	@BUILD=$(BUILD) rootfs/stage peer tests/system/mkpeer $(abspath $(BUILD))/image/qemu-x86_64/kernel/root $(abspath $@)
system: $(PEER) image-lab
