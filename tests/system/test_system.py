# SPDX-License-Identifier: BSD-3-Clause
"""The factory image, booted by its own boot loader beside a guest with rsplib, used as an operator, a pool element, a pool
user and a network management station use it. The tests of a class build on each other, in their order."""
import os
import re
import socket
import subprocess
import time

import pexpect
import pytest

from console import Console
from vm import TOP, VM, Board, Peer, Segment, Timeout

OPERATOR, PASSWORD = "admin", "correct-horse-battery"
ECHO_ELEMENT = 0x1A2B3C4D  # identifier of the pool element in EchoPool
NMS, AUTH_KEY, PRIVACY_KEY = "nms", "tangled-up-in-blue", "simple-twist-of-fate"
FACTORY = f"{TOP}/build/image/qemu-x86_64/disk.img"
LAB = f"{TOP}/build/image/qemu-x86_64/disk-lab.img"
FORWARD = {"ssh": ("tcp", 22), "snmp": ("udp", 161), "asap": ("tcp", 3863)}
BOOT = 120  # four times what it takes under TCG on a busy machine
CONFIGURATION = """
configure terminal
hostname reg-a
interface eth0
ip address dhcp
exit
interface eth1
ip address 10.1.0.1/24
exit
interface eth2
ip address 10.2.0.1/24
end
""".split("\n")[1:-1]
OPEN_SSH = ["configure terminal", "ssh server", "end"]
OPEN_SNMP = ["configure terminal", f"snmp-server user {NMS}", f"auth-key {AUTH_KEY}", f"privacy-key {PRIVACY_KEY}", "exit",
             "snmp-server", "end"]


def until(question, limit, step=0.5):
    """Asks until the answer is true; returns it. The last answer or error is in the failure."""
    end, answer = time.monotonic() + limit, None
    while time.monotonic() < end:
        try:
            answer = question()
            if answer:
                return answer
        except AssertionError as e:
            answer = e
        time.sleep(step)
    raise Timeout(f"not within {limit} s: {answer!r}")


def new_disk(source, path, megabytes=512):
    subprocess.run(["cp", "--sparse=always", source, path], check=True)
    os.truncate(path, megabytes << 20)
    return str(path)


# --- what the test does from the build host's side --------------------------------------------------------------------

def ssh_banner(port):
    """The first octets of the SSH server, or nothing. QEMU accepts a connection before the guest does."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            s.settimeout(2)
            return s.recv(64)
    except OSError:
        return b""


def snmp(vm, program, *oids):
    command = [program, "-v3", "-l", "authPriv", "-u", NMS, "-a", "SHA-256", "-A", AUTH_KEY, "-x", "AES", "-X", PRIVACY_KEY,
               "-t", "3", "-r", "2", "-m", "RSERPOOL-MIB", "-M", f"{TOP}/mib:{TOP}/mib/ietf", "-On", f"127.0.0.1:{vm.ports['snmp']}", *oids]
    environment = dict(os.environ, SNMP_PERSISTENT_DIR=vm.folder, SNMPCONFPATH=vm.folder)
    r = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout


def ssh(vm, command, name=OPERATOR, password=PASSWORD, limit=60):
    child = pexpect.spawn("ssh", ["-p", str(vm.ports["ssh"]), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                  "-o", "LogLevel=ERROR", "-o", "PreferredAuthentications=password",
                                  "-o", "NumberOfPasswordPrompts=1", f"{name}@127.0.0.1", command],
                          timeout=limit, encoding="utf-8", codec_errors="replace")
    child.expect("assword: ")
    child.sendline(password)
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before.replace("\r", "").strip()


@pytest.fixture(scope="class")
def world(tmp_path_factory):
    """An appliance from the factory and the guest with rsplib, joined by two segments."""
    folder = tmp_path_factory.mktemp("world")
    segments = [Segment(str(folder), name) for name in ("left", "right")]
    vms = []
    try:
        appliance = VM("appliance", disk=new_disk(FACTORY, folder / "disk.img"), forward=FORWARD, segments=segments, side=0)
        vms.append(appliance)
        peer = Peer(segments)
        vms.append(peer)
        yield type("World", (), {"appliance": appliance, "peer": peer, "console": Console(appliance), "folder": folder})
    finally:
        for vm in vms:
            vm.close()


def elements(console, pool):
    """PE identifiers that the CLI shows for a pool."""
    return sorted(int(x, 16) for x in re.findall(r"^\s*Pool element 0x([0-9a-f]{8})", console.command(f"show pools {pool}"), re.M))


class TestApplianceBesideRsplib:
    def test_the_factory_disk_boots_by_its_own_loader_until_it_serves(self, world):
        world.appliance.expect("Poolward: booting slot A", 60)
        world.appliance.expect(r"registrar ready after [0-9.]+ s \(kernel [0-9.]+ s, userspace [0-9.]+ s\)", BOOT)
        print(f"power-on to ready: {world.appliance.age():.1f} s")

    def test_the_first_login_sets_the_password_and_nothing_else_opens(self, world):
        mark = world.console.first_login(OPERATOR, PASSWORD)
        world.console.login(OPERATOR, PASSWORD, mark)
        assert world.console.prompt() == "registrar>"
        world.console.command("enable")
        assert world.console.prompt() == "registrar#"

    def test_the_operator_configures_and_saves(self, world):
        world.console.commands(*CONFIGURATION)
        assert world.console.prompt() == "reg-a#"
        assert "[OK]" in world.console.command("write memory")
        running = world.console.command("show running-config")
        for line in ("hostname reg-a", "interface eth1", "ip address 10.1.0.1/24"):
            assert line in running

    def test_ssh_and_snmp_are_closed_on_a_reachable_box_until_configured(self, world):
        def asap_answers():  # proves that the box is reachable this way: registrard keeps the connection
            with socket.create_connection(("127.0.0.1", world.appliance.ports["asap"]), 2) as s:
                s.settimeout(2)
                try:
                    return s.recv(1) != b""
                except TimeoutError:
                    return True
                except OSError:
                    return False
        until(asap_answers, 60)
        assert ssh_banner(world.appliance.ports["ssh"]) == b""
        with pytest.raises(AssertionError):
            snmp(world.appliance, "snmpget", ".1.3.6.1.2.1.1.5.0")

    def test_ssh_leads_to_the_cli_once_opened(self, world):
        world.console.commands(*OPEN_SSH)
        until(lambda: ssh_banner(world.appliance.ports["ssh"]).startswith(b"SSH-2.0-"), 60)
        code, output = ssh(world.appliance, "show version")
        assert code == 0 and "Poolward" in output and "qemu-x86_64" in output
        assert ssh(world.appliance, "show version", password="wrong")[0] == 255
        assert ssh(world.appliance, "show version", name="root")[0] == 255

    def test_a_pool_element_finds_the_registrar_by_multicast_and_registers(self, world):
        peer = world.peer
        peer.wait_ready(BOOT)
        assert "0% packet loss" in peer.run("ping -c 2 -W 5 10.1.0.1") and "0% packet loss" in peer.run("ping -c 2 -W 5 10.2.0.1")
        peer.start("echo", f"rspserver -echo -poolhandle=EchoPool -policy=LeastUsed -identifier=0x{ECHO_ELEMENT:x} -rereginterval=5000")
        until(lambda: elements(world.console, "EchoPool") == [ECHO_ELEMENT], 60)
        shown = world.console.command("show pools EchoPool")
        assert "LeastUsed" in shown and "10.1.0.2" in shown and "10.2.0.2" in shown

    def test_pool_users_resolve_the_pool_and_reach_the_element(self, world):
        peer = world.peer
        peer.start("pingpong", "rspserver -pingpong -poolhandle=PingPongPool -policy=RoundRobin")
        until(lambda: elements(world.console, "PingPongPool"), 60)
        peer.start("client", "pingpongclient -poolhandle=PingPongPool -interval=200")
        until(lambda: len(re.findall(r"Ack", peer.log("client"))) >= 5, 60)
        peer.stop("client")
        peer.start("calc", "rspserver -calcapp -poolhandle=CalcAppPool -policy=LeastUsed")
        until(lambda: elements(world.console, "CalcAppPool"), 60)

    def test_snmp_shows_the_element_to_the_management_station(self, world):
        world.console.commands(*OPEN_SNMP)
        until(lambda: snmp(world.appliance, "snmpget", ".1.3.6.1.2.1.1.5.0"), 90)
        walk = until(lambda: re.search("EchoPool", snmp(world.appliance, "snmpwalk", "rserpoolENRPPoolTable")), 60).string
        assert "EchoPool" in walk and "PingPongPool" in walk
        assert "reg-a" in snmp(world.appliance, "snmpget", ".1.3.6.1.2.1.1.5.0")
        assert snmp(world.appliance, "snmpwalk", "rserpoolENRPTable").strip()
        table = snmp(world.appliance, "snmpwalk", "rserpoolENRPPoolElementTable")
        for value in (f"{ECHO_ELEMENT:08x}", "40000001", '"LeastUsed"'):  # the MIB shows identifiers and policies in hexadecimal
            assert re.search(rf"\.1\.3\.6\.1\.3\.125\S* = \S+ {value}$", table, re.M), table

    def test_the_element_is_kept_alive_over_the_other_segment_when_one_is_cut(self, world):
        before = elements(world.console, "EchoPool")
        world.appliance.link("nic1", False)
        try:
            # keep-alive interval and time-out are 5 s each, re-registration comes each 5 s: three rounds
            end = time.monotonic() + 30
            while time.monotonic() < end:
                assert elements(world.console, "EchoPool") == before
                time.sleep(3)
            # both gone: now the registrar must notice, which proves that the second segment carried it
            world.appliance.link("nic2", False)
            until(lambda: not elements(world.console, "EchoPool"), 240, 3)
        finally:
            world.appliance.link("nic1", True)
            world.appliance.link("nic2", True)
        until(lambda: elements(world.console, "EchoPool") == before, 240, 3)

    def test_an_element_that_ends_deregisters(self, world):
        world.peer.stop("echo", "INT")
        until(lambda: not elements(world.console, "EchoPool"), 60)

    def test_an_element_that_is_killed_is_missed(self, world):
        world.peer.stop("calc", "KILL")
        until(lambda: not elements(world.console, "CalcAppPool"), 120)

    def test_what_was_saved_survives_a_power_cut(self, world):
        assert "[OK]" in world.console.command("write memory")
        world.appliance.power_cut()
        again = VM("appliance-again", disk=str(world.folder / "disk.img"), forward=FORWARD)
        try:
            again.expect("ready after", BOOT)
            until(lambda: ssh_banner(again.ports["ssh"]).startswith(b"SSH-2.0-"), 90)
            code, output = ssh(again, "show running-config")
            assert code == 0 and "hostname reg-a" in output and f"snmp-server user {NMS}" in output
            assert AUTH_KEY not in output
            until(lambda: "reg-a" in snmp(again, "snmpget", ".1.3.6.1.2.1.1.5.0"), 90)
        finally:
            again.close()


class TestFaults:
    def test_a_power_cut_while_saving_leaves_the_old_or_the_new(self, tmp_path):
        disk = new_disk(FACTORY, tmp_path / "disk.img")
        vm = VM("cut", disk=disk)
        saved, mark = [], None
        try:
            console = Console(vm)
            vm.expect("ready after", BOOT)
            mark = console.first_login(OPERATOR, PASSWORD)
            for round_, delay in enumerate((0.0, 0.03, 0.1, 0.3)):
                console.login(OPERATOR, PASSWORD, mark)
                console.commands("enable")
                if saved:
                    shown = re.search(r"description (round-\d)", console.command("show running-config"))
                    assert (shown[1] if shown else None) in saved[-2:], f"neither {saved[-2:]} but {shown}"
                    assert shown is None or shown[1] in console.command("show startup-config")
                    saved.append(shown[1] if shown else None)
                else:
                    saved.append(None)
                saved.append(f"round-{round_}")
                console.commands("configure terminal", "registrar", f"description round-{round_}", "end")
                vm.send("write memory\r")
                time.sleep(delay)
                vm.power_cut()
                vm = VM(f"cut-{round_}", disk=disk)
                console, mark = Console(vm), 0
                vm.expect("ready after", BOOT)
                assert "Operator name" not in vm.text()
            console.login(OPERATOR, PASSWORD)
        finally:
            vm.close()

    @pytest.fixture(scope="class")
    def maintained(self, tmp_path_factory):
        """A factory disk in a machine whose owner adds a root account by the firmware interface of the machine (systemd's
        credentials by fw_cfg): the only way in, and one that nobody but the owner of the hypervisor has."""
        folder = tmp_path_factory.mktemp("maintained")
        hashed = subprocess.run(["openssl", "passwd", "-6", "maintainer"], capture_output=True, text=True, check=True).stdout.strip()
        (folder / "extra").write_text(f"w+ /etc/passwd - - - - maintainer:{hashed}:0:0::/root:/bin/sh\\n\n")
        vm = VM("maintained", disk=new_disk(FACTORY, folder / "disk.img"),
                extra=["-fw_cfg", f"name=opt/io.systemd.credentials/tmpfiles.extra,file={folder}/extra"])
        try:
            vm.expect("ready after", BOOT)
            console = Console(vm)
            mark = console.answer("login: ", "maintainer", mark=console.first_login(OPERATOR, PASSWORD))
            mark = console.answer("Password: ", "maintainer", mark=mark)
            vm.expect(r"# $", 60, mark)
            yield vm
        finally:
            vm.close()

    @staticmethod
    def shell(vm, command, limit=60):
        mark = vm.mark()
        vm.send(f"{command}; echo ended-$?\r")
        match = vm.expect(r"ended-(\d+)\r?\n# $", limit, mark)
        return vm.buffer[mark:match.start()].decode(errors="replace").replace("\r", "").split("\n", 1)[-1].strip()

    @pytest.mark.parametrize("daemon", ["registrard", "configd"])
    def test_a_killed_daemon_is_restarted(self, maintained, daemon):
        def pid():
            return self.shell(maintained, f"systemctl show -P MainPID {daemon}")
        before = pid()
        assert before.isdigit() and before != "0"
        self.shell(maintained, f"kill -9 {before}")
        until(lambda: pid() not in (before, "0"), 60)
        until(lambda: self.shell(maintained, f"systemctl is-active {daemon}") == "active", 60)
        until(lambda: "serving" in self.shell(maintained, "cli -c 'show registrar'"), 60)
        until(lambda: "hostname" in self.shell(maintained, "cli -c 'show running-config all'"), 60)

    def test_a_registrar_that_hangs_is_restarted_by_the_watchdog(self, maintained):
        def pid():
            return self.shell(maintained, "systemctl show -P MainPID registrard")
        before = pid()
        self.shell(maintained, f"kill -STOP {before}")
        until(lambda: pid() not in (before, "0"), 240, 2)

    def test_the_root_is_read_only_and_forgets_and_data_stays(self, maintained):
        self.shell(maintained, "echo here >/etc/forgotten; echo here >/data/kept; sync")
        mark = maintained.mark()
        maintained.command("system_reset")
        maintained.expect("ready after", BOOT, mark)
        console = Console(maintained)
        mark = console.answer("login: ", "maintainer", mark=mark)
        mark = console.answer("Password: ", "maintainer", mark=mark)
        maintained.expect(r"# $", 60, mark)
        assert "No such file" in self.shell(maintained, "cat /etc/forgotten")
        assert self.shell(maintained, "cat /data/kept") == "here"

    def test_the_data_partition_has_grown_to_the_disk(self, maintained):
        size = int(self.shell(maintained, "df -m --output=size /data | tail -1"))
        assert size > 150, f"/data has {size} MiB on a disk of 512 MiB"

    def test_a_damaged_startup_file_does_not_stop_the_box(self, maintained):
        self.shell(maintained, "echo 'hostname = {' >/data/config/startup.conf; sync")
        mark = maintained.mark()
        maintained.command("system_reset")
        maintained.expect("ready after", BOOT, mark)
        console = Console(maintained)
        console.login(OPERATOR, PASSWORD, mark)  # of the newest good archive
        assert "startup.conf.bad-1" in maintained.text(mark), "the console does not say what happened"


class TestSlots:
    @staticmethod
    def grubenv(disk, *settings):
        """The boot loader's variables on a disk; with settings, after changing them."""
        esp = f"{disk}@@{Board('qemu-x86_64').partitions()['esp'].start}"
        copy = disk + ".grubenv"
        subprocess.run(["mcopy", "-n", "-o", "-i", esp, "::/grub/grubenv", copy], check=True)
        if settings:
            subprocess.run(["grub-editenv", copy, "set", *settings], check=True)
            subprocess.run(["mcopy", "-o", "-i", esp, copy, "::/grub/grubenv"], check=True)
        listed = subprocess.run(["grub-editenv", copy, "list"], capture_output=True, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in listed.splitlines())

    def test_a_slot_that_cannot_be_read_is_passed_over_and_the_other_confirms_itself(self, tmp_path):
        disk = new_disk(FACTORY, tmp_path / "disk.img")
        parts = Board("qemu-x86_64").partitions()
        with open(f"{os.path.dirname(FACTORY)}/slot.squashfs", "rb") as slot, open(disk, "r+b") as f:
            f.seek(parts["slot-B"].start)
            f.write(slot.read())
            f.seek(parts["slot-A"].start)
            f.write(bytes(4 << 20))
        assert self.grubenv(disk, "B_OK=1")["A_TRY"] == "0"
        vm = VM("slots", disk=disk)
        try:
            vm.expect("slot A cannot be read", 60)
            vm.expect("Poolward: booting slot B", 60)
            until(lambda: self.grubenv(disk)["B_TRY"] == "1", 30, 0.2)
            vm.expect("ready after", BOOT)
            until(lambda: self.grubenv(disk)["B_TRY"] == "0", 120, 1)
            assert self.grubenv(disk)["A_TRY"] == "1"
        finally:
            vm.close()


class TestLabProfile:
    def test_the_lab_disk_says_so_and_is_open(self, tmp_path):
        vm = VM("lab", disk=new_disk(LAB, tmp_path / "disk.img"), forward=FORWARD, firmware="efi")
        try:
            vm.expect("LAB PROFILE", BOOT)
            until(lambda: ssh_banner(vm.ports["ssh"]).startswith(b"SSH-2.0-"), 90)
        finally:
            vm.close()
