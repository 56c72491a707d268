# SPDX-License-Identifier: BSD-3-Clause
"""Starts and ends the host's programs, each with its output in a file that a failing test can show."""
import os
import pathlib
import signal
import socket
import subprocess

from control import Control, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("POOLWARD_BIN", ROOT / "build/host/bin"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """A program of build/host/bin, or any other command, that runs until stop()."""

    def __init__(self, folder, name, *arguments, command=None):
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.command = [str(a) for a in [*(command or [BIN / name]), *arguments]]
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, cwd=folder)

    def output(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def stop(self, how=signal.SIGTERM, timeout=20):
        if self.alive():
            self.process.send_signal(how)
        return self.process.wait(timeout)


class Registrard(Daemon):
    """registrard on free ports of this host, with its control socket in the folder."""

    def __init__(self, folder, settings="", **more):
        self.port = more.pop("port", None) or free_port()
        self.control = pathlib.Path(folder) / "registrard.sock"
        config = pathlib.Path(folder) / "registrard.conf"
        config.write_text("version = 1;\nregistrar = {\n  asap = { port = %d; %s };\n  enrp = { enabled = false; };\n};\n"
                          % (self.port, settings))
        super().__init__(folder, "registrard", "--foreground", "--config", config, "--control", self.control, **more)
        wait_until(lambda: self.call("registrar.get"), what=f"registrard to serve\n{self.output()}")

    def call(self, method, **params):
        with Control(self.control) as c:
            return c.call(method, **params)

    def element(self, pool, number):
        """One pool element as the control socket shows it, None when it is not there."""
        found = self.call("pool.get", handle=pool)["elements"]
        return next((e for e in found if e["identifier"] == number), None)
