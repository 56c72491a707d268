# SPDX-License-Identifier: BSD-3-Clause
"""configd without a system below it: its files are written under a folder, commands are logged, registrard is real."""
import os
import pathlib
import random
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from control import Control, ControlError, wait_until
from daemons import BIN, Daemon, Registrard, free_port

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdw4f0Qd1XgqDGlLRVOJBTsPVvWJyn9yNpZnGDvmvPb ann@desk"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


started = []


@pytest.fixture(autouse=True)
def nothing_left_over():
    """A test that fails leaves no daemon behind."""
    yield
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


class Configd(Daemon):
    def __init__(self, folder, registrard=None, state=None, system=("--no-system",), command=()):
        self.folder = pathlib.Path(folder)
        self.state = pathlib.Path(state or self.folder / "state")
        self.root = self.folder / "root"
        self.control = self.folder / "configd.sock"
        (self.root / "etc").mkdir(parents=True, exist_ok=True)
        (self.root / "dev").mkdir(exist_ok=True)
        (self.root / "dev/console").touch()
        super().__init__(folder, "configd", "--foreground", "--verbose", *system, "--state", self.state,
                         "--root", self.root, "--control", self.control, "--registrard",
                         registrard or self.folder / "registrard.sock",
                         command=[*command, str(BIN / "configd")] if command else None)
        started.append(self.process)
        wait_until(lambda: not self.alive() or self.call("system.get"), what=f"configd to serve\n{self.output()}")
        assert self.alive(), self.output()

    def call(self, method, **params):
        with Control(self.control) as c:
            return c.call(method, **params)

    def set(self, path, value):
        return self.call("config.set", path=path, value=value)

    def get(self, path):
        return self.call("config.get", path=path)["settings"].get(path)

    def file(self, path):
        return (self.root / path).read_text()

    def problems(self):
        return self.call("system.get")["problems"]


@pytest.fixture
def configd(tmp_path, nothing_left_over):
    daemon = Configd(tmp_path)
    yield daemon
    if daemon.alive():
        assert daemon.stop() == 0, daemon.output()


def restarted(daemon, how=signal.SIGTERM):
    daemon.stop(how)
    return Configd(daemon.folder, state=daemon.state)


def refused(call, *arguments, **params):
    with pytest.raises(ControlError) as caught:
        call(*arguments, **params)
    return str(caught.value)


# --- changes ---

def test_the_host_name_is_set_in_its_files(configd):
    (configd.root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\told\n10.0.0.9\tnms\n")
    configd.set("hostname", "reg7.example.net")
    assert configd.file("etc/hostname") == "reg7.example.net\n"
    assert configd.file("etc/hosts") == "127.0.0.1\tlocalhost\n10.0.0.9\tnms\n127.0.1.1\treg7.example.net reg7\n"
    assert configd.call("system.get")["hostname"] == "reg7.example.net"


def test_interfaces_become_networkd_files_and_only_what_changed_is_touched(configd):
    network = configd.root / "run/systemd/network"
    configd.call("config.add", path="interfaces.eth1.addresses", value="10.1.0.1 255.255.255.0")
    configd.call("config.add", path="routes", value="10.2.0.0/16 10.1.0.254")
    configd.set("interfaces.eth2*2e100.dhcp", "true")
    eth1 = network / "50-poolward-eth1.network"
    assert "Name=eth1\n" in eth1.read_text() and "Address=10.1.0.1/24\n" in eth1.read_text()
    assert "[Route]\nDestination=10.2.0.0/16\nGateway=10.1.0.254\n" in eth1.read_text()
    assert "DHCP=yes" in (network / "50-poolward-eth2.100.network").read_text()
    before = eth1.stat().st_ino, configd.output().count("networkctl reload")
    configd.set("interfaces.eth2*2e100.mtu", "1400")
    assert eth1.stat().st_ino == before[0]
    assert configd.output().count("networkctl reload") == before[1] + 1
    assert configd.output().endswith("networkctl reconfigure eth2.100\n") or "reconfigure eth2.100" in configd.output()
    configd.set("interfaces.eth1.shutdown", "true")
    assert "ActivationPolicy=always-down" in eth1.read_text()
    configd.call("config.unset", path="interfaces.eth1")
    assert not eth1.exists()


def test_users_become_accounts_and_go_without_a_trace(configd):
    etc = configd.root / "etc"
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n")
    (etc / "shadow").write_text("root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n")
    (etc / "group").write_text("root:x:0:\npoolward-read:x:902:registrard\n")
    (etc / "shadow").chmod(0o640)
    configd.set("users.ann.password", "correct horse battery")
    configd.set("users.ann.level", "15")
    configd.call("config.add", path="users.bob.ssh-keys", value=KEY)
    passwd, shadow, group = (configd.file(f"etc/{name}").splitlines() for name in ("passwd", "shadow", "group"))
    assert any(line.startswith("ann:x:2000:901:") and line.endswith(":/usr/bin/cli") for line in passwd)
    assert any(line.startswith("bob:x:2001:902:") for line in passwd) and passwd[0].startswith("root:")
    assert any(line.startswith("ann:$y$") for line in shadow) and any(line.startswith("bob:*:") for line in shadow)
    assert "poolward-admin:x:901:ann" in group and "poolward-read:x:902:registrard,bob" in group
    assert stat.S_IMODE((etc / "shadow").stat().st_mode) == 0o640
    keys = configd.root / "run/poolward/ssh-keys/bob"
    assert keys.read_text() == KEY + "\n"
    subprocess.run(["ssh-keygen", "-l", "-f", keys], check=True, capture_output=True)
    message = refused(configd.set, "users.daemon.level", "15")
    assert "daemon is an account of the system" in message
    configd.call("config.unset", path="users.bob")
    configd.call("config.unset", path="users.ann")
    assert configd.file("etc/passwd").splitlines() == [line for line in passwd if line[:3] in ("roo", "dae")]
    assert not keys.exists() and "ann" not in configd.file("etc/shadow") + configd.file("etc/group")


def test_ssh_and_snmp_are_closed_until_configured(configd):
    assert "systemctl" not in configd.output()
    configd.set("ssh.enabled", "true")
    configd.set("ssh.port", "2222")
    assert configd.output().count("would run: systemctl restart ssh.service") == 2
    assert "Port 2222\n" in configd.file("run/poolward/sshd.conf")
    configd.set("snmp.enabled", "true")
    assert "would run: systemctl start snmpd.service" in configd.output()
    configd.set("snmp.enabled", "false")
    assert not (configd.root / "run/poolward/snmpd.conf").exists()
    configd.call("config.unset", path="ssh.enabled")
    assert "would run: systemctl stop ssh.service" in configd.output()
    assert not (configd.root / "run/poolward/sshd.conf").exists()


@pytest.mark.skipif(not shutil.which("snmpd", path="/usr/sbin"), reason="needs snmpd")
@pytest.mark.parametrize("auth,privacy", [("sha-256", "aes-128"), ("sha-512", "aes-256")])
def test_a_real_snmpd_serves_the_users_of_the_configuration(configd, auth, privacy):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    persistent = configd.root / "data/snmp"
    persistent.mkdir(parents=True)
    (persistent / "snmpd.conf").write_text("engineBoots 7\nusmUser 1 3 0x80 \"gone\" \"gone\" NULL .1.3.6.1 0x .1.3.6.1 0x \"\"\n")
    for path, value in (("auth", auth), ("privacy", privacy), ("auth-key", "a \"quoted\\ key"), ("privacy-key", "tangled up")):
        configd.set(f"snmp.users.nms.{path}", value)
    configd.set("snmp.users.half.auth-key", "only one key")
    configd.set("snmp.port", str(port))
    configd.set("snmp.location", "Hall 3, rack 12")
    configd.set("hostname", "reg7")
    configd.set("snmp.enabled", "true")
    conf = configd.root / "run/poolward/snmpd.conf"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600 and "half" not in conf.read_text()
    assert (persistent / "snmpd.conf").read_text() == "engineBoots 7\n"
    env = dict(os.environ, SNMP_PERSISTENT_DIR=str(persistent), MIBS="")
    snmpd = subprocess.Popen(["/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", conf], env=env, stdin=subprocess.DEVNULL,
                             stdout=open(configd.folder / "snmpd.log", "wb"), stderr=subprocess.STDOUT)
    names = {"sha-256": "SHA-256", "sha-512": "SHA-512", "aes-128": "AES", "aes-256": "AES-256"}

    def ask(*arguments):
        return subprocess.run(["snmpget", "-Oqv", "-r", "0", "-t", "2", "-v3", *arguments, f"127.0.0.1:{port}",
                               ".1.3.6.1.2.1.1.6.0", ".1.3.6.1.2.1.1.5.0"], env=env, capture_output=True, text=True)
    user = ["-u", "nms", "-a", names[auth], "-A", "a \"quoted\\ key"]
    try:
        full = [*user, "-l", "authPriv", "-x", names[privacy], "-X", "tangled up"]
        answer = wait_until(lambda: (a := ask(*full)).returncode == 0 and a, what="snmpd to answer")
        assert answer.stdout.splitlines() == ["Hall 3, rack 12", "reg7"] or "Hall 3, rack 12" in answer.stdout
        assert "reg7" in answer.stdout
        assert ask(*user, "-l", "authNoPriv").returncode != 0, "authentication alone reads nothing"
        assert subprocess.run(["snmpget", "-r", "0", "-t", "1", "-v2c", "-c", "public", f"127.0.0.1:{port}",
                               ".1.3.6.1.2.1.1.5.0"], env=env, capture_output=True).returncode != 0
    finally:
        snmpd.terminate()
        snmpd.wait(10)
    # snmpd has written down the user's keys; a new key must not meet the old one
    assert "usmUser" in (persistent / "snmpd.conf").read_text()
    configd.set("snmp.users.nms.auth-key", "a new passphrase")
    assert "usmUser" not in (persistent / "snmpd.conf").read_text()
    assert "engineBoots" in (persistent / "snmpd.conf").read_text()


def test_what_is_refused_changes_nothing(configd):
    before = configd.call("config.render")["text"]
    assert "interfaces.eth1.mtu: '99999' is out of range 68..9216" in refused(configd.set, "interfaces.eth1.mtu", "99999")
    assert "there is no such setting" in refused(configd.set, "colour", "blue")
    assert "there is no such entry" in refused(configd.call, "config.unset", path="interfaces.eth9")
    assert "a text is needed" in refused(configd.call, "config.set", path="hostname", value=5)
    assert "a text is needed" in refused(configd.call, "config.set", path="hostname")
    assert "is not a configuration command" in refused(configd.call, "config.command", path="", line="reboot")
    assert "no such mode" in refused(configd.call, "config.command", path="x" * 5000, line="mtu 1500")
    assert "no such setting" in refused(configd.set, "x" * 5000, "y")
    configd.call("config.add", path="interfaces.eth1.addresses", value="10.1.0.1/24")
    assert "is an address of" in refused(configd.call, "config.add", path="interfaces.eth2.addresses", value="10.1.0.1/24")
    configd.call("config.unset", path="interfaces.eth1")
    assert configd.call("config.render")["text"] == before


def test_what_an_applier_cannot_do_is_taken_back(configd):
    configd.set("hostname", "before")
    network = configd.root / "run/systemd/network"
    network.mkdir(parents=True)
    (network / "50-poolward-eth1.network.new").mkdir()  # the temporary file cannot be made
    message = refused(configd.call, "config.add", path="interfaces.eth1.addresses", value="10.1.0.1/24")
    assert "50-poolward-eth1.network" in message
    assert "interfaces" not in configd.call("config.render")["text"]
    assert not (network / "50-poolward-eth1.network").exists()
    (network / "50-poolward-eth1.network.new").rmdir()
    configd.call("config.add", path="interfaces.eth1.addresses", value="10.1.0.1/24")


def test_commands_paste_back_what_render_shows(configd, tmp_path):
    for path, value in (("users.ann.password", "correct horse"), ("snmp.users.nms.auth-key", "tangled up"),
                        ("interfaces.eth1*2e100.description", "two  words"), ("registrar.asap.port", "4000")):
        configd.set(path, value)
    text = configd.call("config.render", secrets=True)["text"]
    assert "*****" in configd.call("config.render")["text"] and "tangled" not in configd.call("config.render")["text"]
    (tmp_path / "other").mkdir()
    other = Configd(tmp_path / "other")
    path = ""
    for line in text.splitlines():
        path = other.call("config.command", path=path, line=line)["path"]
    assert other.call("config.render", secrets=True)["text"] == text
    assert other.stop() == 0


def test_the_feed_tells_each_change_without_its_value(configd):
    with Control(configd.control) as c:
        c.call("feed.subscribe")
        configd.set("users.ann.password", "correct horse battery")
        events = [c.event(), c.event()]
    assert [e["path"] for e in events] == ["users.ann", "users.ann.password"]
    assert events[0]["user"] and "correct" not in str(events)
    assert "correct" not in configd.output() and "$y$" not in configd.output()
    assert configd.call("config.get")["settings"]["users.ann.password"] == "*****"


def test_the_first_operator_is_made_once(configd):
    assert configd.call("setup.get") == {"needed": True}
    assert "octets" in refused(configd.call, "setup.operator", name="ann", password="short")
    assert "small letters" in refused(configd.call, "setup.operator", name="Ann", password="correct horse")
    assert configd.call("setup.get") == {"needed": True}
    configd.call("setup.operator", name="ann", password="correct horse")
    assert configd.call("setup.get") == {"needed": False}
    assert "already" in refused(configd.call, "setup.operator", name="bob", password="correct horse")
    again = restarted(configd, signal.SIGKILL)
    assert again.call("setup.get") == {"needed": False} and again.get("users.ann.level") == "15"
    assert again.stop() == 0


@root_only
def test_a_service_that_does_not_start_is_reported_and_taken_back(tmp_path):
    """Commands are run for once: a host name of its own, and a systemctl that fails while a file says so."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("systemctl", "networkctl"):
        (tools / name).write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/{name}.log\n'
                                  f'[ ! -e {tmp_path}/fail ] || {{ echo "Job for $2 failed."; exit 1; }}\n')
        (tools / name).chmod(0o755)
    daemon = Configd(tmp_path, system=(), command=("env", f"PATH={tools}:{os.environ['PATH']}", "unshare", "--uts", "--"))
    daemon.set("hostname", "guinea")
    assert socket.gethostname() != "guinea"
    daemon.set("ssh.enabled", "true")
    (tmp_path / "fail").touch()
    message = refused(daemon.set, "ssh.port", "2222")
    assert "systemctl restart failed: Job for ssh.service failed." in message
    assert daemon.get("ssh.port") == "22" and daemon.file("run/poolward/sshd.conf").endswith("Port 22\n")
    message = refused(daemon.call, "config.add", path="interfaces.eth1.addresses", value="10.1.0.1/24")
    assert "networkctl reload failed" in message and "interface" not in daemon.call("config.render")["text"]
    (tmp_path / "fail").unlink()
    daemon.set("ssh.port", "2222")
    assert (tmp_path / "systemctl.log").read_text().splitlines()[-1] == "restart ssh.service"
    assert daemon.stop() == 0


# --- startup, archives, faults ---

def test_what_is_saved_comes_back_and_what_is_not_does_not(configd):
    configd.set("hostname", "saved")
    configd.set("users.ann.password", "correct horse")
    assert configd.call("system.get")["unsaved"] is True
    assert configd.call("config.save") == {"archive": 1}
    assert configd.call("system.get")["unsaved"] is False
    configd.set("hostname", "lost")
    assert 'hostname lost' in configd.call("config.render")["text"]
    assert 'hostname saved' in configd.call("config.render", which="startup")["text"]
    for name in ("secrets.conf", "archive/0001.secrets.conf"):
        assert stat.S_IMODE((configd.state / name).stat().st_mode) == 0o600
    assert "$y$" not in (configd.state / "startup.conf").read_text()
    again = restarted(configd)
    assert again.get("hostname") == "saved" and again.get("users.ann.password") == "*****"
    assert again.problems() == [] and again.call("system.get")["unsaved"] is False
    assert again.stop() == 0


def test_the_last_twenty_archives_are_kept(configd):
    for n in range(25):
        configd.set("hostname", f"n{n}")
        assert configd.call("config.save") == {"archive": n + 1}
    names = sorted(p.name for p in (configd.state / "archive").iterdir())
    assert len(names) == 40 and names[0] == "0006.conf" and names[-1] == "0025.secrets.conf"


def damage_empty(text):
    return b""


def damage_cut(text):
    return text[:len(text) // 2]


def damage_zeros(text):
    return bytes(len(text))


def damage_newer(text):
    return text.replace(b"version = 1", b"version = 2")


def damage_value(text):
    return text.replace(b"mtu = 1400", b"mtu = 99999")


@pytest.mark.parametrize("damage,says", [(damage_empty, "cut short"), (damage_cut, "startup.conf"), (damage_zeros, "zero octets"),
                                         (damage_newer, "version 2, this firmware knows up to 1"),
                                         (damage_value, "interfaces.eth1.mtu: '99999' is out of range")])
def test_a_bad_startup_file_never_stops_the_box(configd, damage, says):
    configd.set("hostname", "older")
    configd.set("interfaces.eth1.mtu", "1400")
    configd.call("config.save")
    configd.set("hostname", "newer")
    configd.call("config.save")
    configd.stop()
    startup = configd.state / "startup.conf"
    bad = damage(startup.read_bytes())
    startup.write_bytes(bad)
    again = Configd(configd.folder)
    assert again.get("hostname") == "newer", "the newest archive is the same configuration"
    assert len(again.problems()) == 1 and says in again.problems()[0] and "startup.conf.bad-1" in again.problems()[0]
    assert again.problems()[0] in again.file("dev/console") and says in again.output()
    assert (again.state / "startup.conf.bad-1").read_bytes() == bad and not startup.exists()
    assert again.call("system.get")["unsaved"] is True
    archive = again.state / "archive/0002.conf"
    archive.write_bytes(damage(archive.read_bytes()))
    third = restarted(again)  # now the newest archive is bad as well
    assert third.get("hostname") == "older" and "startup.conf is missing" in third.problems()[0]
    third.call("config.save")
    assert third.problems() == []
    last = restarted(third)
    assert last.get("hostname") == "older" and last.problems() == []
    assert last.stop() == 0


def test_without_any_good_file_the_factory_configuration_is_used(configd):
    configd.stop()
    factory = configd.root / "usr/lib/poolward/factory.conf"
    factory.parent.mkdir(parents=True)
    factory.write_text('hostname = "fresh";\nversion = 1;\n')
    (configd.state / "startup.conf").write_text("nonsense")
    again = Configd(configd.folder)
    assert again.get("hostname") == "fresh" and "no archive is good" in again.problems()[0]
    factory.write_text("nonsense")
    third = restarted(again)
    assert third.get("hostname") == "registrar" and "factory" in third.problems()[0]
    assert third.stop() == 0


def test_secrets_of_another_archive_are_not_mixed_in(configd):
    """A power cut between the two renames: startup.conf is new, secrets.conf is old."""
    configd.set("users.ann.password", "the first password")
    configd.call("config.save")
    old = (configd.state / "secrets.conf").read_bytes()
    configd.set("users.ann.password", "the second password")
    configd.call("config.save")
    second = configd.call("config.render", secrets=True)["text"]
    configd.stop()
    (configd.state / "secrets.conf").write_bytes(old)
    again = Configd(configd.folder)
    assert again.call("config.render", secrets=True)["text"] == second and again.problems() == []
    again.stop()
    (configd.state / "secrets.conf").unlink()
    (configd.state / "archive/0002.secrets.conf").unlink()
    third = Configd(configd.folder)
    assert "secrets" in third.problems()[0]
    assert third.call("setup.get") == {"needed": True} or third.get("users.ann.password") == "*****"
    assert third.stop() == 0


def test_fifty_kills_while_saving_leave_the_old_or_the_new(configd):
    """Every value is of one generation: three settings and a secret are changed, then saved, and the kill falls anywhere."""
    chance = random.Random(5355)
    daemon, saved, answered = configd, None, 0
    begin = time.monotonic()
    daemon.call("config.save")
    span = 1.5 * (time.monotonic() - begin)
    for n in range(50):
        for path in ("hostname", "snmp.location", "snmp.users.nms.auth-key"):
            daemon.set(path, f"generation-{n}")
        with Control(daemon.control) as c:
            c.sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"config.save","params":{}}\n')
            time.sleep(chance.random() * span)  # the moment of the kill, not a wait
            daemon.process.kill()
            try:
                done = b'"result"' in c.sock.recv(4096)
            except OSError:
                done = False
        daemon.process.wait()
        daemon = Configd(daemon.folder)
        text = daemon.call("config.render", secrets=True)["text"]
        found = {line.split("generation-")[1] for line in text.splitlines() if "generation-" in line}
        assert daemon.problems() == [] and len(found) <= 1, text
        now = int(found.pop()) if found else None
        assert now in (saved, n), f"after kill {n}: generation {now}, saved was {saved}"
        assert not done or now == n, "an answered save was lost"
        saved = now
        answered += done
    assert 0 < answered < 50, "the kills came all before or all after"
    assert daemon.stop() == 0


@root_only
def test_a_full_disk_refuses_to_save_and_keeps_what_was_saved(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", state], check=True)
    try:
        daemon = Configd(tmp_path)
        daemon.set("hostname", "saved")
        daemon.call("config.save")
        with open(state / "filler", "wb", buffering=0) as f, pytest.raises(OSError):
            while True:
                f.write(bytes(4096))
        daemon.set("hostname", "new")
        message = refused(daemon.call, "config.save")
        assert "No space left on device" in message
        again = restarted(daemon, signal.SIGKILL)
        assert again.get("hostname") == "saved"
        (state / "filler").unlink()
        again.set("hostname", "new")
        again.call("config.save")
        assert again.stop() == 0
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_a_state_folder_that_cannot_be_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    out = subprocess.run([str(BIN / "configd"), "--foreground", "--no-system", "--state",
                          tmp_path / "file/state", "--root", tmp_path, "--control", tmp_path / "c.sock"],
                         capture_output=True, text=True, timeout=20)
    assert out.returncode == 1 and "Not a directory" in out.stderr and "free space under /data" in out.stderr


# --- registrard ---

def seeded(folder, registrard):
    """configd with a saved configuration that keeps off the standard ports, which this host may use."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    (state / "startup.conf").write_text("registrar = { asap = { port = %d; }; enrp = { enabled = false; }; };\nversion = 1;\n"
                                        % registrard.port)
    return Configd(folder, registrard.control)


def test_registrard_gets_the_configuration_at_once_and_again_after_its_restart(tmp_path):
    registrard = Registrard(tmp_path)
    started.append(registrard.process)
    configd = seeded(tmp_path, registrard)
    identifier = wait_until(lambda: int((configd.state / "identifier").read_text(), 16), what="an identifier")
    wait_until(lambda: registrard.call("registrar.get")["identifier"] == identifier, what="registrard to be configured")
    port = free_port()
    configd.set("registrar.asap.port", str(port))
    configd.set("registrar.description", "North site")
    shown = registrard.call("registrar.get")
    assert (shown["asap_port"], shown["description"]) == (port, "North site")
    registrard.stop(signal.SIGKILL)
    configd.set("registrar.description", "North site, rebuilt")  # while it is away
    again = Registrard(tmp_path)
    started.append(again.process)
    wait_until(lambda: again.call("registrar.get")["description"] == "North site, rebuilt", what="the configuration again")
    assert again.call("registrar.get")["identifier"] == identifier
    assert again.stop() == 0 and configd.stop() == 0


def test_ready_is_said_when_registrard_has_its_configuration(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(1)
        with monkeypatch.context() as m:
            m.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            configd = Configd(tmp_path)
        with pytest.raises(TimeoutError):
            systemd.recv(100)
        registrard = Registrard(tmp_path)
        started.append(registrard.process)
        systemd.settimeout(10)
        assert systemd.recv(100) == b"READY=1"
        assert registrard.call("registrar.get")["identifier"] == int((configd.state / "identifier").read_text(), 16)
        configd.stop(), registrard.stop()


def test_what_registrard_refuses_is_taken_back(tmp_path):
    registrard = Registrard(tmp_path)
    started.append(registrard.process)
    configd = seeded(tmp_path, registrard)
    good = free_port()
    configd.set("registrar.asap.port", str(good))
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        taken_port = taken.getsockname()[1]
        message = refused(configd.set, "registrar.asap.port", str(taken_port))
    assert message.count("taken") == 1 and str(taken_port) in message
    assert configd.get("registrar.asap.port") == str(good)
    assert registrard.call("registrar.get")["asap_port"] == good
    assert configd.stop() == 0 and registrard.stop() == 0


def test_a_registrard_that_does_not_answer_does_not_hold_up_the_others(tmp_path):
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "registrard.sock"))
        deaf.listen()
        configd = Configd(tmp_path)
        connection, _ = deaf.accept()
        with Control(configd.control, timeout=30) as c:
            c.sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"config.set","params":'
                           b'{"path":"registrar.description","value":"x"}}\n')
            assert configd.call("system.get")["hostname"] == "registrar"  # answered meanwhile
            answer = c.sock.recv(4096)
            assert b"registrard does not answer" in answer
        assert configd.get("registrar.description") is None
        connection.close()
        assert configd.stop() == 0
