# SPDX-License-Identifier: BSD-3-Clause
"""ASAP over MPTCP: two hosts (network namespaces) joined by two links, of which one is cut while requests run."""
import os
import subprocess

import pytest
from control import Control, wait_until
from daemons import BIN, Daemon

REGISTRAR, PEER = ("10.77.1.1", "10.77.2.1"), ("10.77.1.2", "10.77.2.2")


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, **more)


def must(*command):
    done = run(*command)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def unsupported():
    if os.geteuid() != 0:
        return "network namespaces need root"
    if run("sysctl", "-n", "net.mptcp.enabled").stdout.strip() != "1":
        return "this kernel has no MPTCP"
    return None


class Hosts:
    """The registrar's host and its client's, with links 1 and 2 between them."""

    def __init__(self):
        self.registrar, self.client = (f"poolward{os.getpid()}{side}" for side in "rc")
        for host in self.registrar, self.client:
            must("ip", "netns", "add", host)
            must("ip", "-n", host, "link", "set", "lo", "up")
        for i in (1, 2):
            must("ip", "-n", self.registrar, "link", "add", f"link{i}", "type", "veth", "peer", "name", f"link{i}",
                 "netns", self.client)
            for host, addresses in (self.registrar, REGISTRAR), (self.client, PEER):
                must("ip", "-n", host, "addr", "add", f"{addresses[i - 1]}/24", "dev", f"link{i}")
                must("ip", "-n", host, "link", "set", f"link{i}", "up")
        must("ip", "-n", self.registrar, "mptcp", "endpoint", "add", REGISTRAR[1], "dev", "link2", "signal")
        must("ip", "-n", self.client, "mptcp", "limits", "set", "add_addr_accepted", "2", "subflow", "2")

    def on(self, host, *command):
        return ["ip", "netns", "exec", host, *command]

    def subflows(self, port):
        """The registrar's side of all established connections to its port."""
        return must(*self.on(self.registrar, "ss", "-Htn", "state", "established", f"sport = :{port}")).splitlines()

    def remove(self):
        for host in self.registrar, self.client:
            run("ip", "netns", "del", host)


@pytest.fixture
def hosts():
    reason = unsupported()
    if reason:
        pytest.skip(reason)
    made = Hosts()
    yield made
    made.remove()


@pytest.fixture
def serve(hosts, tmp_path):
    """Starts registrard in its host; returns its control socket."""
    daemons = []

    def start(settings=""):
        config, control = tmp_path / "registrard.conf", tmp_path / "registrard.sock"
        config.write_text("version = 1;\nregistrar = {\n  asap = { announce = { enabled = false; };"
                          " keep-alive = { interval = 300; timeout = 3000; }; %s };\n"
                          "  enrp = { enabled = false; };\n};\n" % settings)
        daemons.append(Daemon(tmp_path, "registrard", "--foreground", "--config", config, "--control", control,
                              command=hosts.on(hosts.registrar, BIN / "registrard")))
        wait_until(lambda: Control(control).call("registrar.get"), what=f"registrard\n{daemons[-1].output()}")
        return control

    yield start
    for daemon in daemons:
        assert daemon.stop() == 0, daemon.output()


def pooltool(hosts, folder, name, *arguments):
    return Daemon(folder, name, arguments[0], "--registrar", REGISTRAR[0], *arguments[1:],
                  command=hosts.on(hosts.client, BIN / "pooltool"))


def elements(control, pool):
    return Control(control).call("pool.get", handle=pool)["elements"]


def test_requests_and_keep_alives_survive_the_cut_of_a_link(hosts, serve, tmp_path):
    control = serve()
    pe = pooltool(hosts, tmp_path, "pe", "register", "--mptcp", "--pool", "Two", "--id", "0x21", "--user",
                  f"tcp:{PEER[0]}:7")
    wait_until(lambda: elements(control, "Two"), what="the registration")
    pu = pooltool(hosts, tmp_path, "pu", "resolve", "--mptcp", "--count", "200", "--interval", "50", "--timeout", "20",
                  "Two")
    wait_until(lambda: len(hosts.subflows(3863)) == 4, what="two subflows for each of two clients")
    wait_until(lambda: pu.output().count("resolved") >= 20, what="requests over both links")
    must("ip", "-n", hosts.registrar, "link", "set", "link1", "down")
    assert pu.process.wait(60) == 0, pu.output()
    assert "resolved=200" in pu.output() and "failed=0" in pu.output(), pu.output()[-500:]
    assert [e["identifier"] for e in elements(control, "Two")] == [0x21], "the element's keep-alives were answered"
    assert pe.alive()
    pe.stop()


def test_the_addresses_of_all_subflows_are_the_elements_own(hosts, serve, tmp_path):
    control = serve()
    pe = pooltool(hosts, tmp_path, "pe", "register", "--mptcp", "--pool", "Own", "--id", "1", "--interval", "100",
                  "--user", f"udp:{PEER[0]},{PEER[1]}:7")

    def addresses():
        return [a for e in elements(control, "Own") for a in e["user"]["addresses"]]

    wait_until(lambda: addresses() == list(PEER), what=f"both addresses: {pe.output()}")
    pe.stop()
    alone = run(*hosts.on(hosts.client, BIN / "pooltool", "register", "--tcp", "--registrar", REGISTRAR[0], "--pool", "One",
                          "--id", "2", "--user", f"udp:{PEER[1]}:7", "--for", "1"))
    assert alone.returncode == 1, "by plain TCP the other link's address is none of the element's"


def test_plain_tcp_is_served_on_the_same_port(hosts, serve, tmp_path):
    control = serve()
    pe = pooltool(hosts, tmp_path, "pe", "register", "--tcp", "--pool", "Plain", "--id", "1", "--user", f"tcp:{PEER[0]}:7")
    wait_until(lambda: elements(control, "Plain"), what="the registration")
    done = run(*hosts.on(hosts.client, BIN / "pooltool", "resolve", "--mptcp", "--registrar", REGISTRAR[0], "Plain"))
    assert done.returncode == 0, done.stderr
    pe.stop()


@pytest.mark.parametrize("settings,without", [("mptcp = false;", None), ("", "registrar"), ("", "client")])
def test_without_mptcp_at_one_end_it_is_tcp(hosts, serve, tmp_path, settings, without):
    if without:
        must(*hosts.on(getattr(hosts, without), "sysctl", "-qw", "net.mptcp.enabled=0"))
    control = serve(settings)
    pe = pooltool(hosts, tmp_path, "pe", "register", "--mptcp", "--pool", "Back", "--id", "1", "--user", f"tcp:{PEER[0]}:7")
    wait_until(lambda: elements(control, "Back"), what="the registration")
    assert len(hosts.subflows(3863)) == 1
    pe.stop()
