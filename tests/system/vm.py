# SPDX-License-Identifier: BSD-3-Clause
"""Guests of the system tests: start, console, monitor, power. Nothing here knows what is being tested."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../rootfs"))
from board import TOP, Board  # noqa: E402

LOGS = os.path.join(TOP, "build/test-logs")
ACCEL = "kvm" if os.environ.get("ACCEL") == "kvm" else "tcg"


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Timeout(AssertionError):
    pass


class Segment:
    """An Ethernet segment between two guests: two datagram sockets, the first guest holds side 0."""

    def __init__(self, folder, name):
        self.paths = [os.path.join(folder, f"{name}.{i}") for i in (0, 1)]

    def netdev(self, side):
        return f"dgram,local.type=unix,local.path={self.paths[side]},remote.type=unix,remote.path={self.paths[1 - side]}"


class VM:
    """One QEMU guest. `forward` maps a name to (protocol, port in the guest); .ports has the ports on 127.0.0.1."""

    def __init__(self, name, board="qemu-x86_64", disk=None, firmware="bios", kernel=None, initrd=None, append="",
                 segments=(), side=0, forward=None, memory=None, cpus=None, extra=()):
        self.name, self.buffer, self.started = name, b"", time.monotonic()
        self.folder = tempfile.mkdtemp(prefix=f"vm-{name}-")
        self.ports, self.lock = {}, threading.Condition()
        os.makedirs(LOGS, exist_ok=True)
        conf = Board(board)
        machine = conf["QEMU_MACHINE"].split()
        for option, value in (("-m", memory), ("-smp", cpus)):
            if value:
                machine[machine.index(option) + 1] = str(value)
        command = [conf["QEMU"], "-name", name, *machine,
                   "-accel", "kvm" if ACCEL == "kvm" else "tcg,thread=multi", "-cpu", "host" if ACCEL == "kvm" else "max",
                   "-chardev", f"socket,id=serial,path={self.folder}/serial,server=on,wait=on,logfile={LOGS}/{name}-console.log",
                   "-serial", "chardev:serial", "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
                   "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]
        if forward is not None:
            rules = ""
            for what, (protocol, port) in forward.items():
                self.ports[what] = free_port(socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
                rules += f",hostfwd={protocol}:127.0.0.1:{self.ports[what]}-:{port}"
            command += ["-netdev", f"user,id=net0{rules}", "-device", "virtio-net-pci,netdev=net0,id=nic0,romfile="]
        first = 1 if forward is not None else 0
        for i, segment in enumerate(segments, first):
            command += ["-netdev", f"{segment.netdev(side)},id=net{i}",
                        "-device", f"virtio-net-pci,netdev=net{i},id=nic{i},mac=52:54:00:00:{i:02x}:{side:02x},romfile="]
        if disk:
            command += ["-drive", f"if=none,id=disk,file={disk},format=raw", "-device", "virtio-blk-pci,drive=disk,bootindex=1"]
        if kernel:
            command += ["-kernel", kernel, "-initrd", initrd, "-append", append]
        elif firmware == "efi":
            shutil.copy(conf["QEMU_EFI_VARS"], self.folder + "/vars.fd")
            command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={conf['QEMU_EFI_CODE']}",
                        "-drive", f"if=pflash,unit=1,format=raw,file={self.folder}/vars.fd"]
        command += extra
        self.error_log = f"{LOGS}/{name}-qemu.log"
        with open(self.error_log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.serial = self._connect("serial")
        threading.Thread(target=self._read, daemon=True).start()
        self.qmp = self._connect("qmp").makefile("rwb", buffering=0)
        self._answer("QMP")
        self.command("qmp_capabilities")

    def _connect(self, name, limit=20):
        end = time.monotonic() + limit
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(f"{self.folder}/{name}")
                return s
            except OSError:
                s.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.error_log, errors="replace") as f:
                        raise RuntimeError(f"{self.name}: QEMU did not start: {f.read()}") from None
                time.sleep(0.05)

    def connect(self, name):
        """A socket to a chardev that the test added as path=FOLDER/name (see `extra` and .folder)."""
        return self._connect(name)

    def _read(self):
        while True:
            try:
                data = self.serial.recv(65536)
            except OSError:
                data = b""
            with self.lock:
                self.buffer += data
                self.lock.notify_all()
            if not data:
                return

    # --- console ---------------------------------------------------------------------------------------------------

    def mark(self):
        """Where the console's output ends now; hand it to expect() to look only at what comes later."""
        return len(self.buffer)

    def expect(self, pattern, limit, start=0):
        """Waits until the console showed pattern (a regular expression on text); returns the match."""
        pattern, end = re.compile(pattern.encode(), re.S | re.M), time.monotonic() + limit
        with self.lock:
            while True:
                match = pattern.search(self.buffer, start)
                if match:
                    return match
                rest = end - time.monotonic()
                if rest <= 0 or self.process.poll() is not None:
                    what = "is gone" if self.process.poll() is not None else f"did not show {pattern.pattern!r} in {limit} s"
                    raise Timeout(f"{self.name} {what}; its console ends:\n{self.text(start)[-1500:]}")
                self.lock.wait(min(rest, 0.5))

    def text(self, start=0):
        return self.buffer[start:].decode(errors="replace").replace("\r", "")

    def send(self, text):
        self.serial.sendall(text.encode())

    def age(self):
        return time.monotonic() - self.started

    # --- machine ---------------------------------------------------------------------------------------------------

    def _answer(self, key="return"):
        while True:
            line = self.qmp.readline()
            if not line:
                raise RuntimeError(f"{self.name}: QEMU closed its monitor")
            message = json.loads(line)
            if "error" in message:
                raise RuntimeError(f"{self.name}: {message['error']['desc']}")
            if key in message:
                return message[key]

    def command(self, execute, **arguments):
        self.qmp.write(json.dumps({"execute": execute, "arguments": arguments}).encode() + b"\n")
        return self._answer()

    def link(self, nic, up):
        self.command("set_link", name=nic, up=up)

    def power_cut(self):
        """The plug is pulled: QEMU dies in the middle of whatever the guest does."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.serial.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Peer(VM):
    """The guest with rsplib: its console is a shell."""

    def __init__(self, segments):
        image = os.path.join(TOP, "build/image")
        super().__init__("peer", kernel=f"{image}/qemu-x86_64/kernel/vmlinuz", initrd=f"{image}/peer.initrd",
                         append="console=ttyS0 net.ifnames=0 quiet loglevel=2 panic=10", segments=segments, side=1,
                         memory=256, cpus=1)
        self.counter = 0

    def wait_ready(self, limit=120):
        self.expect("peer ready", limit)

    def run(self, command, limit=60):
        """Runs a shell command; returns its output, after checking its exit code."""
        code, output = self.attempt(command, limit)
        if code != 0:
            raise AssertionError(f"{self.name}: `{command}` ended with {code}: {output}")
        return output

    def attempt(self, command, limit=60):
        self.counter += 1
        mark, tag = self.mark(), f"done-{self.counter}"
        self.send(f"{command}\nprintf '\\n{tag} %d\\n' $?\n")
        match = self.expect(rf"^{tag} (\d+)\r?$", limit, mark)
        return int(match[1]), self.buffer[mark:match.start()].decode(errors="replace").replace("\r", "")[:-1]

    def start(self, name, command):
        """Starts a program in the background; its output is read by log(name)."""
        self.run(f"{command} </dev/null >/tmp/{name}.log 2>&1 & echo $! >/tmp/{name}.pid")

    def log(self, name):
        """The last lines that it wrote."""
        return self.run(f"tail -n 30 /tmp/{name}.log")

    def stop(self, name, sig="TERM"):
        self.run(f"kill -{sig} $(cat /tmp/{name}.pid)")
