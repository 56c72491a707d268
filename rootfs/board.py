# SPDX-License-Identifier: BSD-3-Clause
"""What the Python scripts of rootfs/ and tests/system/ know of a board: board.conf and the disk layout it describes."""
import collections
import os
import shlex

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIB = 1 << 20
SECTOR = 512

Partition = collections.namedtuple("Partition", "number name start size")  # octets


class Board:
    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(TOP, "board", name)
        path = os.path.join(self.folder, "board.conf")
        try:
            with open(path, encoding="utf-8") as f:
                words = shlex.split(f.read(), comments=True)
        except OSError as e:
            raise SystemExit(f"{path}: {e.strerror}; boards are: {', '.join(sorted(os.listdir(TOP + '/board')))}")
        self.conf = dict(word.split("=", 1) for word in words)

    def __getitem__(self, key):
        return self.conf[key]

    def partitions(self):
        """ESP, slots and data, each on a MiB; the BIOS boot partition fills the first MiB behind the table."""
        esp, slot, data = (int(self[k]) * MIB for k in ("ESP_MB", "SLOT_MB", "DATA_MB"))
        layout, start = [Partition(5, "bios", 34 * SECTOR, MIB - 34 * SECTOR)], MIB
        for number, (name, size) in enumerate((("esp", esp), ("slot-A", slot), ("slot-B", slot), ("data", data)), 1):
            layout.append(Partition(number, name, start, size))
            start += size
        return {p.name: p for p in layout}
