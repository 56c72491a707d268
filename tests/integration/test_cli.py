# SPDX-License-Identifier: BSD-3-Clause
"""The operator's shell over a real terminal (a pty), over pipes, and as the serial console's first program.

Transcripts in golden/cli/ are compared to the letter; POOLWARD_GOLDEN=write makes them anew.
"""
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

import pexpect
import pytest
from asap import Client
from cli_fake import Configuration, Fake, Refused, pool, registrard_methods
from control import wait_until
from daemons import BIN, Daemon, Registrard

CLI = BIN / "cli"
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden" / "cli"
PROMPT = re.compile(rb"(?:^|\n|\r {10}\r)([a-z0-9-]+(?:\([a-z-]+\))?[>#])$")


@pytest.fixture
def box(tmp_path):
    """Both daemons with answers that never vary."""
    return Box(tmp_path)


class Box:
    def __init__(self, folder):
        self.folder = folder
        self.registrard_path, self.configd_path = folder / "r.sock", folder / "c.sock"
        self.configuration = Configuration()
        self.configd_methods, self.registrard_methods = self.configuration.methods(), registrard_methods()
        self.registrard, self.configd = None, None
        self.start()

    def start(self):
        self.registrard = Fake(self.registrard_path, self.registrard_methods)
        self.configd = Fake(self.configd_path, self.configd_methods)

    def arguments(self, *more):
        return ["--registrard", str(self.registrard_path), "--configd", str(self.configd_path), *more]

    def shell(self, **more):
        return Shell(self.arguments(), **more)

    def run(self, *arguments, text=None):
        stdin = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run([str(CLI), *self.arguments(*arguments)], capture_output=True, timeout=30, **stdin)


class Shell:
    """An operator at a terminal; `seen` is all that the terminal showed."""

    def __init__(self, arguments, rows=200, columns=120, terminal="dumb", program=CLI):
        self.seen = b""
        self.child = pexpect.spawn(str(program), arguments, dimensions=(rows, columns), timeout=10, encoding=None,
                                   env=dict(os.environ, TERM=terminal, LC_ALL="C"))
        self.child.delaybeforesend = None
        self.prompt = None

    def expect(self, pattern):
        self.child.expect(pattern)
        self.seen += self.child.before + self.child.after
        return self.child.before.replace(b"\r\n", b"\n").rstrip(b"\r").decode()

    def wait_prompt(self):
        text = self.expect(PROMPT)
        self.prompt = self.child.match.group(1).decode()
        return text

    def send(self, octets):
        self.child.send(octets)

    def line(self, text):
        """Types a line; returns what it printed."""
        self.send(text.encode() + b"\r")
        return self.wait_prompt()

    def lines(self, *texts):
        for text in texts:
            self.line(text)

    def ask(self, text):
        """Types a line up to a ? and gives the line up; returns the help."""
        self.send(text.encode() + b"?")
        help_text = self.expect(re.escape(self.prompt.encode() + text.encode()) + b"$")
        self.send(b"\x03")
        self.wait_prompt()
        return help_text

    def end(self):
        self.child.expect(pexpect.EOF)
        self.seen += self.child.before
        self.child.close()
        return self.child.exitstatus

    def transcript(self):
        return self.seen.decode().replace("\r\n", "\n")


def same_as_golden(name, text):
    file = GOLDEN / name
    if os.environ.get("POOLWARD_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"POOLWARD_GOLDEN=write pytest {__file__} accepts the new text"


# --- transcripts -------------------------------------------------------------------------------------------------


def test_show_commands_read_as_in_the_golden_transcript(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.lines("show version", "show registrar", "sh peers", "sh po", "show pools EchoPool", "show pools Nowhere",
                "show pools | include Round | exclude Calc", "show pools | count Pool", "show pools | json",
                "show peers | json", "show registrar | begin Handlespace", "show registrar | section ENRP",
                "show pools \"Calc Pool\" | json | include identifier", "show history", "show pools | include a(")
    shell.send(b"exit\r")
    assert shell.end() == 0
    same_as_golden("show.txt", shell.transcript())


def test_help_and_errors_read_as_in_the_golden_transcript(box):
    shell = box.shell()
    shell.wait_prompt()
    for text in ("", "s", "show ", "show p", "show pools ", "show pools | ", "terminal length ", "shwo ", "show p "):
        shell.ask(text)
    shell.lines("show polls", "show", "show p", "shwo pools", "terminal length 600", "configure terminal", "", "! comment",
                "help", "enable")
    for text in ("", "copy ", "write "):
        shell.ask(text)
    shell.line("conf t")
    for text in ("", "inter", "interface ", "no ", "hostname "):
        shell.ask(text)
    shell.line("interface eth1")
    for text in ("", "ip ", "ip address ", "mtu ", "no mtu "):
        shell.ask(text)
    shell.lines("mtu 1", "ip adress 10.1.0.1/24", "end", "logout now")
    shell.send(b"logout\r")
    assert shell.end() == 0
    same_as_golden("help.txt", shell.transcript())


def test_configuration_reads_as_in_the_golden_transcript(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.lines("enable", "configure terminal", "hostname reg7", "interface eth1", "description towards the elements",
                "ip address 10.1.0.1/24", "ip address 10.1.0.2 255.255.255.0", "mtu 1400", "mtu 1111", "no mtu", "shutdown",
                "no shutdown", "hostname reg8", "registrar", "asap port 4000", "no asap announce", "exit",
                "username ann privilege 15 password correcthorse", "no interface eth1", "ip route 10.2.0.0/16 10.1.0.254",
                "do show running-config", "end", "show running-config | json", "write memory",
                "copy running-config startup-config", "show startup-config | include hostname", "disable")
    shell.send(b"\x04")
    assert shell.end() == 0
    same_as_golden("configure.txt", shell.transcript())
    assert box.configuration.running == box.configuration.startup
    assert box.configuration.running["hostname"] == "reg8"
    assert "interfaces.eth1.mtu" not in box.configuration.running
    assert box.configd.asked("config.remove") == []
    assert {"path": "interfaces.eth1"} in box.configd.asked("config.unset")
    assert {"path": "registrar.asap.announce.enabled", "value": "false"} in box.configd.asked("config.set")


# --- keys --------------------------------------------------------------------------------------------------------


def test_tab_completes_words_and_live_pool_names(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.send(b"sh\tpool\tE\t\r")
    assert "Pool element 0x5562e917" in shell.wait_prompt()
    shell.send(b"show pools \t")
    shell.expect(rb"\"Calc Pool\"|Calc Pool")
    shell.expect(rb"EchoPool")
    shell.expect(rb"PingPongPool")
    shell.send(b"\x03")
    shell.wait_prompt()
    shell.send(b"show pools \"C\t| json\r")
    assert '"handle":"Calc Pool"' in shell.wait_prompt()


def test_tab_in_a_handlespace_of_10000_pools_is_bounded(box):
    box.registrard.stop()
    box.registrard_methods = registrard_methods([pool(i + 1, f"pool-{i:05d}") for i in range(10000)])
    box.registrard = Fake(box.registrard_path, box.registrard_methods)
    shell = box.shell()
    shell.wait_prompt()
    shell.send(b"show pools \t")
    shell.expect(rb"pool-")
    shell.send(b"0123\t")
    shell.expect(rb"\.\.\. and more|pool-01239")
    shell.send(b"\x03")
    shell.wait_prompt()
    assert shell.line("show pools | count pool-").strip().endswith("10000")


def test_ctrl_z_and_ctrl_d_leave_modes_and_ctrl_c_drops_the_line(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.lines("enable", "configure terminal", "interface eth1")
    assert shell.prompt == "registrar(config-if)#"
    shell.send(b"mtu 14\x03")
    shell.wait_prompt()
    assert shell.prompt == "registrar(config-if)#"
    assert box.configd.asked("config.set") == []
    shell.send(b"\x04")
    shell.wait_prompt()
    assert shell.prompt == "registrar(config)#"
    shell.line("interface eth1")
    shell.send(b"\x1a")
    shell.wait_prompt()
    assert shell.prompt == "registrar#"
    shell.send(b"\x04")
    assert shell.end() == 0


def test_pages_stop_at_the_terminals_length(box):
    shell = box.shell(rows=8, columns=80)
    shell.wait_prompt()
    shell.send(b"show registrar\r")
    shell.expect(rb" --More-- ")
    assert len(shell.seen.splitlines()) <= 10
    shell.send(b"\r")
    shell.expect(rb" --More-- ")
    shell.send(b" ")
    shell.expect(rb" --More-- ")
    shell.send(b"q")
    shell.wait_prompt()
    assert "Checksum" not in shell.transcript()
    shell.send(b"show registrar\r")
    shell.expect(rb" --More-- ")
    shell.send(b"\x03")
    shell.wait_prompt()
    assert "Checksum" in shell.line("show registrar | no-more")
    shell.line("terminal length 0")
    assert "Checksum" in shell.line("show registrar")


def test_ctrl_c_interrupts_a_daemon_that_hangs(box):
    released, asked = threading.Event(), threading.Event()

    def hang(_):
        asked.set()
        released.wait(30)
        return {"peers": []}

    box.registrard.methods["peers.list"] = hang
    shell = box.shell()
    shell.wait_prompt()
    shell.send(b"show peers\r")
    assert asked.wait(10)
    shell.send(b"\x03")
    assert "% Interrupted." in shell.wait_prompt()
    released.set()
    assert "EchoPool" in shell.line("show pools")


def test_history_is_recalled_and_holds_no_secret(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.lines("enable", "configure terminal", "username ann password correcthorse", "do show history")
    assert "correcthorse" not in shell.line("do show history")
    shell.line("hostname up")
    shell.send(b"\x10\r")
    shell.wait_prompt()
    assert [p["value"] for p in box.configd.asked("config.set") if p["path"] == "hostname"] == ["up", "up"]


def test_secrets_are_asked_twice_without_echo(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.lines("enable", "configure terminal", "username ann")
    for second, accepted in (("correcthorsf", False), ("correcthorse", True)):
        shell.send(b"password prompt\r")
        shell.expect(rb"\nNew password: ")
        shell.send(b"correcthorse\r")
        shell.expect(rb"Once more: New password: ")
        shell.send(second.encode() + b"\r")
        assert ("differ" in shell.wait_prompt()) is not accepted
        assert (box.configuration.running.get("users.ann.password") == "correcthorse") is accepted
    assert b"correcthors" not in shell.seen
    assert "correcthors" not in shell.line("do show running-config")


def test_a_pasted_configuration_loses_no_line(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.lines("enable", "configure terminal")
    wanted = [f"ip route 10.{i // 256}.{i % 256}.0/24 10.1.0.254" for i in range(500)]
    for part in range(0, 500, 100):
        shell.send("\r".join(wanted[part:part + 100]).encode() + b"\r")
    shell.send(b"hostname done\r")
    shell.expect(rb"\ndone\(config\)#$")
    assert [f"ip route {p['value']}" for p in box.configd.asked("config.add")] == wanted


# --- faults ------------------------------------------------------------------------------------------------------


def test_a_daemon_that_is_away_is_named_and_the_shell_goes_on(box):
    shell = box.shell()
    shell.wait_prompt()
    box.registrard.stop()
    text = shell.line("show pools")
    assert "registrard does not answer" in text and "try again" in text
    assert "Board: qemu-x86_64" in shell.line("show version")
    box.registrard = Fake(box.registrard_path, box.registrard_methods)
    assert "EchoPool" in shell.line("show pools")
    box.configd.stop()
    assert "configd does not answer" in shell.line("show version")
    shell.lines("enable", "configure terminal")
    assert "configd does not answer" in shell.line("hostname x")


def test_a_daemon_that_restarted_between_two_commands_is_not_noticed(box):
    shell = box.shell()
    shell.wait_prompt()
    shell.line("show pools")
    box.registrard.stop()
    box.registrard = Fake(box.registrard_path, box.registrard_methods)
    assert "EchoPool" in shell.line("show pools")


def test_what_configd_says_about_registrard_is_not_taken_for_configd_away(box):
    def refuse(_):
        raise Refused(-18, "the other end is gone", "registrard does not take the configuration", "look at its log")

    box.configd.methods["config.set"] = refuse
    done = box.run(text=b"configure terminal\nhostname x\n")
    assert done.returncode == 1
    assert b"registrard does not take the configuration" in done.stderr and b"configd does not answer" not in done.stderr
    assert len(box.configd.asked("config.set")) == 1


def test_an_account_that_may_only_look_is_told_so(box):
    def denied(_):
        raise Refused(-13, "not permitted", "setup.get", "log in as a user of a higher privilege level")

    box.configd.methods["setup.get"] = box.configd.methods["config.save"] = denied
    shell = box.shell()
    shell.wait_prompt()
    assert "Access denied" in shell.line("enable")
    assert shell.prompt == "registrar>"
    assert "EchoPool" in shell.line("show pools")
    done = box.run("-c", "write memory")
    assert done.returncode == 1 and b"not permitted" in done.stderr


def test_problems_of_the_startup_configuration_are_told_at_login(box):
    box.configuration.problems = ["startup.conf:12: registrar.asap.port: 0 is out of range; the archive 3 is used"]
    shell = box.shell()
    assert "% Startup configuration: startup.conf:12" in shell.wait_prompt()


def test_names_from_the_network_do_not_steer_the_terminal(box):
    box.registrard.stop()
    box.registrard = Fake(box.registrard_path, registrard_methods([pool(1, "a\x1b[2Jb\u009bc")]))
    shell = box.shell()
    shell.wait_prompt()
    assert "a\\x1b[2Jb\\x9bc" in shell.line("show pools")


@pytest.mark.parametrize("seed", range(4))
def test_any_keys_leave_the_shell_alive(box, seed):
    dice = random.Random(seed)
    shell = box.shell(rows=24, columns=80, terminal="vt220")
    shell.wait_prompt()
    # not Ctrl-D, exit, logout and quit, which leave; not the terminal's own flow control
    keys = [k for k in range(256) if k not in (0x04, 0x11, 0x13) and chr(k) not in "elqELQ"] + [0x09, 0x3f, 0x1b, 0x0d] * 8
    for _ in range(20):
        shell.send(bytes(dice.choice(keys) for _ in range(200)) + b"q\x03\r")
        shell.child.setwinsize(dice.randrange(1, 60), dice.randrange(1, 200))
        shell.child.expect([rb"[>#]", pexpect.TIMEOUT], timeout=1)
    shell.child.setwinsize(50, 200)
    shell.send(b"\x1a")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:  # give up whatever line, page or question is open
        shell.send(b"q\x03\x03\rterminal length 0\rshow registrar | begin Handlespace\r")
        if shell.child.expect([rb"Checksum +0x634d", pexpect.TIMEOUT], timeout=2) == 0:
            break
    assert shell.child.isalive() and shell.child.after != pexpect.TIMEOUT, shell.child.before


def test_an_overlong_line_is_refused_whole(box):
    shell = box.shell(terminal="vt220")
    shell.wait_prompt()
    shell.lines("enable", "configure terminal")
    shell.send(b"hostname " + b"x" * 5000 + b"\r")
    shell.expect(rb"% The line is too long: it was ignored\.")
    assert box.configd.asked("config.set") == []


def test_a_hang_up_ends_the_shell(box):
    shell = box.shell()
    shell.wait_prompt()
    pid = shell.child.pid
    os.close(shell.child.fileno())
    shell.child.closed = True
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, what="the shell to end")


# --- without a terminal ------------------------------------------------------------------------------------------


def test_one_command_as_sshd_calls_a_login_shell(box):
    done = box.run("-c", "show pools | include Echo")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout == b"EchoPool                          Least Used              SCTP              1          17\n"
    assert box.run("-c", "show running-config").returncode == 0
    wrong = box.run("-c", "show polls")
    assert wrong.returncode == 1 and wrong.stdout == b""
    assert wrong.stderr == b"show polls\n     ^\n% Invalid input detected at '^' marker.\n"
    assert box.run("-c", "/bin/sh -c id; show pools").returncode == 1


def test_commands_from_a_pipe_tell_the_line_that_failed(box):
    done = box.run(text=b"configure terminal\nhostname a1\n\n! note\nhostname\ninterface eth9\n bogus\n mtu 1400\nend\n"
                        b"show running-config")
    assert done.returncode == 1
    assert done.stdout == b"hostname a1\ninterfaces.eth9.mtu 1400\n"
    assert done.stderr == (b"% line 5: Incomplete command.\n bogus\n ^\n"
                           b"% line 7: Invalid input detected at '^' marker.\n")
    assert box.run(text=b"show pools | count\nexit\nbogus\n").returncode == 0


def test_any_octets_from_a_pipe_are_survived(box):
    dice = random.Random(7)
    noise = bytes(dice.randrange(256) for _ in range(100000)) + b"\n" + b"x" * 100000 + b"\nshow pools | count\n"
    done = box.run(text=noise.replace(b"\nexit", b"\n"))
    assert done.returncode == 1
    assert done.stdout.endswith(b"4\n")


def test_a_reader_that_goes_away_ends_the_output(box):
    box.registrard.stop()
    box.registrard = Fake(box.registrard_path, registrard_methods([pool(i + 1, f"pool-{i}") for i in range(20000)]))
    process = subprocess.Popen([str(CLI), *box.arguments("-c", "show pools")], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) in (0, 1)


# --- serial console ----------------------------------------------------------------------------------------------


def console(box, folder):
    login, banner = folder / "login", folder / "banner"
    login.write_text("#!/bin/sh\necho \"login runs: $#\"\n")
    login.chmod(0o755)
    banner.write_text("Board under test\n")
    return Shell(box.arguments("--console", "--banner", str(banner), "--login", str(login)))


def test_the_first_login_on_the_console_makes_the_operator(box, tmp_path):
    box.configuration.setup_needed = True
    shell = console(box, tmp_path)
    shell.expect(rb"Board under test\r\n.*Operator name \[admin\]: ")
    shell.send(b"Wrong Name\r")
    shell.expect(rb"% A name begins .*Operator name \[admin\]: ")
    shell.send(b"\r")
    for first, second, message in (("short", "short", rb"% The password must have at least 8 characters\."),
                                   ("correcthorse", "correcthorsf", rb"% The two differ"),
                                   ("correcthorse", "correcthorse", rb"Operator admin is set up and saved\. Log in now\.")):
        shell.expect(rb"New password: ")
        shell.send(first.encode() + b"\r")
        shell.expect(rb"Once more: New password: ")
        shell.send(second.encode() + b"\r")
        shell.expect(message)
    shell.expect(rb"login runs: 0")
    assert shell.end() == 0
    assert b"correcthors" not in shell.seen
    assert box.configd.asked("setup.operator") == [{"name": "admin", "password": "correcthorse"}]


def test_the_console_of_a_box_with_an_operator_goes_to_login(box, tmp_path):
    shell = console(box, tmp_path)
    shell.expect(rb"login runs: 0")
    assert shell.end() == 0
    assert b"Welcome" not in shell.seen


def test_the_console_waits_for_configd(box, tmp_path):
    box.configd.stop()
    shell = console(box, tmp_path)
    shell.expect(rb"Waiting for the configuration service")
    box.configd = Fake(box.configd_path, box.configd_methods)
    shell.expect(rb"login runs: 0")
    assert shell.end() == 0


# --- the real daemons --------------------------------------------------------------------------------------------


def test_a_registered_pool_element_is_shown_by_the_real_registrar(registrard, tmp_path):
    arguments = ["--registrard", str(registrard.control), "--configd", str(tmp_path / "none")]
    with Client("127.0.0.1", registrard.port) as client:
        client.register("EchoPool", 0x5562E917, life=60)
        shown = subprocess.run([str(CLI), *arguments, "-c", "show pools EchoPool"], capture_output=True, timeout=10)
    text = shown.stdout.decode()
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^Pool EchoPool$", text, re.M)
    assert re.search(r"^  Pool element 0x5562e917$", text, re.M)
    assert re.search(r"^    Registration life  60 s, (5[0-9]|60)\.[0-9] s remain$", text, re.M)


@pytest.fixture
def configd(tmp_path, registrard):
    if not (BIN / "configd").exists():
        pytest.skip("configd is not built")
    state, root = tmp_path / "state", tmp_path / "root"
    state.mkdir()
    root.mkdir()
    (state / "startup.conf").write_text(  # the ports of the fixture, so that tests beside this one don't meet
        "version = 1;\nregistrar = { asap = { port = %d; }; enrp = { enabled = false; }; };\n" % registrard.port)
    daemon = Daemon(tmp_path, "configd", "--foreground", "--state", state, "--root", root, "--control",
                    tmp_path / "configd.sock", "--registrard", registrard.control, "--no-system")
    wait_until(lambda: (tmp_path / "configd.sock").exists(), what=f"configd to serve\n{daemon.output()}")
    yield daemon
    daemon.stop()


def test_a_configuration_is_made_shown_saved_and_pasted_back(configd, registrard, tmp_path):
    shell = Shell(["--registrard", str(registrard.control), "--configd", str(tmp_path / "configd.sock")])
    shell.wait_prompt()
    assert shell.prompt == "registrar>"
    shell.lines("enable", "configure terminal")
    for line in ("hostname reg7", "interface eth1", "description towards the elements", "ip address 10.1.0.1/24",
                 "ip address 10.1.0.2 255.255.255.0", "no ip address 10.1.0.1/24", "registrar", "asap items 5",
                 "no asap announce", "username ann privilege 15 password correcthorse"):
        assert "%" not in shell.line(line), line
    assert shell.prompt == "reg7(config)#"
    assert "out of range" in shell.line("registrar description " + "x" * 300)
    shell.line("end")
    text = shell.line("show running-config").split("\n", 1)[1]
    for part in ("hostname reg7", "interface eth1", " description towards the elements", " ip address 10.1.0.2/24",
                 " asap items 5", " no asap announce", "username ann"):
        assert part in text.splitlines(), text
    assert "10.1.0.1/24" not in text and "correcthorse" not in text
    assert "[OK]" in shell.line("write memory")
    assert shell.line("show startup-config").split("\n", 1)[1] == text
    # no change but those that the masked secrets refuse
    script = "configure terminal\n" + "\n".join(x for x in text.splitlines() if "*****" not in x) + "\nend\nshow running-config\n"
    pasted = subprocess.run([str(CLI), "--registrard", str(registrard.control), "--configd", str(tmp_path / "configd.sock")],
                            input=script.encode(), capture_output=True, timeout=20)
    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout.decode().strip() == text.strip()
    assert configd.alive() and registrard.alive()


def test_the_configuration_outlives_a_killed_configd(configd, registrard, tmp_path):
    shell = Shell(["--registrard", str(registrard.control), "--configd", str(tmp_path / "configd.sock")])
    shell.wait_prompt()
    shell.lines("enable", "configure terminal", "hostname reg9", "end", "write memory")
    configd.stop(signal.SIGKILL)
    assert "configd does not answer" in shell.line("show running-config")
    again = Daemon(tmp_path, "configd", *configd.command[1:])
    wait_until(lambda: "hostname reg9" in shell.line("show running-config"), what=f"configd again\n{again.output()}")
    again.stop()
