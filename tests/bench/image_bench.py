#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-3-Clause
"""Sizes of the image, and where the time goes from power-on to "registrar ready" (QEMU, BIOS boot, factory disk)."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from vm import ACCEL, TOP, VM  # noqa: E402

IMAGE = os.path.join(TOP, "build/image/qemu-x86_64")


def size(name):
    path = os.path.join(IMAGE, name)
    status = os.stat(path)
    print(f"image        {name:24} {status.st_size / 1e6:8.1f} MB, {status.st_blocks * 512 / 1e6:.1f} MB on disk")


def boot():
    with tempfile.TemporaryDirectory(dir=os.path.join(TOP, "build")) as folder:
        disk = os.path.join(folder, "disk.img")
        shutil.copyfile(os.path.join(IMAGE, "disk.img"), disk)
        vm = VM("bench", disk=disk)
        try:
            vm.expect("booting slot", 60)
            grub = vm.age()
            ready = vm.expect(r"registrar ready after ([0-9.]+) s \(kernel ([0-9.]+) s, userspace ([0-9.]+) s\)", 300)
            total = vm.age()
        finally:
            vm.close()
    _, kernel, systemd = (float(group) for group in ready.groups())
    print(f"boot ({ACCEL})   power-on to registrar ready  {total:6.1f} s: firmware and GRUB {total - kernel - systemd:.1f} s "
          f"(GRUB's menu at {grub:.1f} s), kernel and initramfs {kernel:.1f} s, systemd and daemons {systemd:.1f} s")


for each in ("disk.img", "slot.squashfs", "initrd"):
    size(each)
boot()
