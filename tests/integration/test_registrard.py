# SPDX-License-Identifier: BSD-3-Clause
"""registrard over TCP, spoken to by a client that shares no code with it (tests/lib/asap.py)."""
import signal
import socket
import struct
import subprocess
import threading
import time

import asap
from control import Control, wait_until
from daemons import BIN, Daemon, Registrard, free_port

LOCAL = "127.0.0.1"


def test_a_pool_element_registers_is_resolved_and_deregisters(registrard):
    with asap.Client(LOCAL, registrard.port) as pe, asap.Client(LOCAL, registrard.port) as pu:
        assert pe.register("Echo", 0x11223344) == (0, [])
        assert pu.resolve("Echo") == ([0x11223344], [])
        shown = registrard.element("Echo", 0x11223344)
        assert shown["policy_name"] == "Round Robin" or shown["policy"] == asap.RR
        assert shown["user"]["addresses"] == [LOCAL] and shown["user"]["protocol"] == 6
        assert pe.deregister("Echo", 0x11223344) == (0, [])
        assert pu.resolve("Echo") == ([], [0x9])
    assert registrard.call("pools.list")["pools"] == []


def test_round_robin_takes_turns(registrard):
    with asap.Client(LOCAL, registrard.port) as c:
        for number in (1, 2, 3, 4, 5):
            assert c.register("Turns", number) == (0, [])
        chosen = [c.resolve("Turns", 1)[0][0] for _ in range(15)]
        assert sorted(chosen[:5]) == [1, 2, 3, 4, 5]
        assert chosen[:5] == chosen[5:10] == chosen[10:15]
        every, _ = c.resolve("Turns", 0xFFFFFFFF)
        assert sorted(every) == [1, 2, 3, 4, 5]


def test_least_used_follows_the_load(registrard):
    with asap.Client(LOCAL, registrard.port) as c:
        for number, load in ((1, 0x80000000), (2, 0x10000000), (3, 0x40000000)):
            assert c.register("Load", number, asap.policy(asap.LU, load)) == (0, [])
        assert c.resolve("Load", 3)[0] == [2, 3, 1]
        assert c.register("Load", 2, asap.policy(asap.LU, 0xF0000000)) == (0, [])
        assert c.resolve("Load", 3)[0] == [3, 1, 2]


def test_what_does_not_fit_is_rejected_with_its_cause(registrard):
    with asap.Client(LOCAL, registrard.port) as c:
        assert c.register("Fit", 1) == (0, [])
        flags, causes = c.register("Fit", 2, asap.policy(asap.LU, 0))
        assert flags & 1 and causes == [0x5], "inconsistent pool policy"
        flags, causes = c.register("Fit", 3, address="192.0.2.1")
        assert flags & 1 and causes, "an address that is not the association's"
        flags, causes = c.register("x" * 4000, 4)
        assert flags & 1 and causes, "a pool handle over the limit"
        assert c.resolve("Fit")[0] == [1]


def test_a_silent_pool_element_is_removed(registrard):
    pe = asap.Client(LOCAL, registrard.port)
    assert pe.register("Silent", 7) == (0, [])
    pe.expect(asap.KEEP_ALIVE)  # acknowledges none but those before it
    wait_until(lambda: not registrard.call("pools.list")["pools"], 10, "the silent element's removal")
    pe.close()


def test_an_answering_pool_element_stays(registrard):
    with asap.Client(LOCAL, registrard.port) as pe:
        assert pe.register("Alive", 8) == (0, [])
        for _ in range(5):
            _, values = pe.expect(asap.KEEP_ALIVE)
            pe.acknowledge(values, 8)
        assert registrard.element("Alive", 8)


def test_registration_life_ends(registrard):
    with asap.Client(LOCAL, registrard.port) as pe:
        assert pe.register("Brief", 9, life=1) == (0, [])
        stop = threading.Event()

        def answer():
            while not stop.is_set():
                try:
                    kind, _, values = pe.receive(0.2)
                    if kind == asap.KEEP_ALIVE:
                        pe.acknowledge(values, 9)
                except OSError:
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            wait_until(lambda: not registrard.call("pools.list")["pools"], 10, "the end of the registration life")
        finally:
            stop.set()
            thread.join()


def test_malformed_messages_cost_nothing(registrard):
    with asap.Client(LOCAL, registrard.port) as c:
        assert c.register("Safe", 1) == (0, [])
        for bad in (
            asap.message(asap.REGISTRATION),
            asap.message(asap.HANDLE_RESOLUTION, asap.parameter(9, b"")),
            asap.message(asap.REGISTRATION, asap.handle("Safe"), asap.parameter(10, b"\0" * 8)),
            asap.message(asap.HANDLE_RESOLUTION, struct.pack("!HH", 9, 2)),
            asap.message(0x7F),
            asap.message(asap.KEEP_ALIVE_ACK, asap.handle("Nobody"), asap.identifier(5)),
            asap.message(asap.UNREACHABLE, asap.handle("Nobody"), asap.identifier(5)),
        ):
            c.send(bad)
        assert c.resolve("Safe")[0] == [1]
        counters = registrard.call("statistics.get")["asap"]
        assert counters["malformed"] >= 3


def test_a_stream_that_cannot_be_framed_is_closed_alone(registrard):
    with asap.Client(LOCAL, registrard.port) as good, socket.create_connection((LOCAL, registrard.port)) as bad:
        assert good.register("Good", 1) == (0, [])
        bad.sendall(b"\x05\x00\x00\x00")  # a length below the header's own
        bad.settimeout(5)
        assert bad.recv(4096) == b""
        assert good.resolve("Good")[0] == [1]


def test_messages_in_one_segment_and_in_single_octets(registrard):
    with asap.Client(LOCAL, registrard.port) as c:
        assert c.register("Frame", 1) == (0, [])
        one = asap.message(asap.HANDLE_RESOLUTION, asap.handle("Frame"))
        c.send(one * 100)
        for _ in range(100):
            c.expect(asap.HANDLE_RESOLUTION_RESPONSE)
        for octet in one:
            c.send(bytes([octet]))
        c.expect(asap.HANDLE_RESOLUTION_RESPONSE)


def test_the_feed_begins_with_a_snapshot_and_has_no_gap(registrard):
    with asap.Client(LOCAL, registrard.port) as c, Control(registrard.control) as feed:
        assert c.register("Before", 1) == (0, [])
        feed.call("feed.subscribe")
        events = []
        while not events or events[-1]["kind"] != "snapshot-end":
            events.append(feed.event())
        assert events[0]["kind"] == "snapshot-begin"
        assert [e["element"]["identifier"] for e in events if e["kind"] == "element"] == [1]
        assert c.register("After", 2) == (0, [])
        assert c.deregister("After", 2) == (0, [])
        while events[-1]["kind"] != "pool-removed":
            events.append(feed.event())
        assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
        assert any(e["kind"] == "element" and e["element"]["identifier"] == 2 for e in events)


def test_a_subscriber_is_told_of_changes_until_it_leaves(registrard):
    with asap.Client(LOCAL, registrard.port) as pe, asap.Client(LOCAL, registrard.port) as pu:
        assert pe.register("Watched", 1) == (0, [])
        pu.send(asap.message(asap.HANDLE_RESOLUTION, asap.handle("Watched"), flags=1))
        flags, _ = pu.expect(asap.HANDLE_RESOLUTION_RESPONSE)
        assert flags == 1, "the A bit"
        assert pe.register("Watched", 2) == (0, [])
        flags, values = pu.expect(asap.HANDLE_RESOLUTION_RESPONSE)
        assert flags == 1 and [k for k, _ in values].count(asap.PARAMETERS["element"]) == 2
        assert pe.deregister("Watched", 1) == pe.deregister("Watched", 2) == (0, [])
        _, values = pu.expect(asap.HANDLE_RESOLUTION_RESPONSE)
        assert [asap.causes(v) for k, v in values if k == asap.PARAMETERS["error"]] == [[0x9]]
    assert registrard.call("statistics.get")["asap"]["notifications"] == 2


def test_announces_become_rarer_with_more_registrars(tmp_path):
    group, port = "239.0.0.79", free_port()
    daemon = Registrard(tmp_path, 'addresses = [ "127.0.0.1" ]; announce = { address = "%s"; port = %d; interval = 100; };'
                        % (group, port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ear.bind((group, port))
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(LOCAL))
        ear.settimeout(5)
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOCAL))
        own = struct.pack("!I", daemon.call("registrar.get")["identifier"])

        def announces(seconds):
            """How many of the daemon's come in this time."""
            end, n = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                message = ear.recv(2048)
                n += message[0] == 10 and message[4:8] == own
            return n

        alone = announces(1.5)
        for other in range(1, 10):
            mouth.sendto(struct.pack("!BBHI", 10, 0, 8, other), (group, port))
        announces(0.3)
        assert alone >= 8 and announces(1.5) <= 3
    assert daemon.stop() == 0, daemon.output()


def test_stops_orderly_and_leaves_no_socket(registrard):
    assert registrard.stop() == 0, registrard.output()
    assert not registrard.control.exists()


def test_a_killed_registrar_starts_again_on_the_same_socket(tmp_path):
    first = Registrard(tmp_path)
    first.stop(signal.SIGKILL)
    second = Registrard(tmp_path, port=first.port)
    assert second.stop() == 0


def test_a_taken_port_says_what_to_do(registrard, tmp_path):
    (tmp_path / "second").mkdir()
    config = tmp_path / "registrard.conf"
    done = subprocess.run([BIN / "registrard", "--foreground", "--config", config, "--control",
                           tmp_path / "second/registrard.sock"], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert str(registrard.port) in done.stderr and "ss -" in done.stderr, done.stderr


def test_check_names_the_wrong_setting(tmp_path):
    config = tmp_path / "wrong.conf"
    config.write_text("version = 1;\nregistrar = { asap = { port = 99999; }; };\n")
    done = subprocess.run([BIN / "registrard", "--check", "--config", config], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert "registrar.asap.port" in done.stderr + done.stdout and "wrong.conf" in done.stderr + done.stdout


def test_serves_with_no_configuration_at_all(tmp_path):
    """In a network namespace of its own: the standard ports of this host may be somebody else's."""
    control = tmp_path / "registrard.sock"
    daemon = Daemon(tmp_path, "registrard", command=[
        "unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" --foreground --control "$1"',
        BIN / "registrard", control])
    try:
        shown = wait_until(lambda: Control(control).call("registrar.get"), what="registrard to serve its defaults")
        assert shown["asap_port"] == 3863
        pooltool = ["nsenter", "--net", "--target", str(daemon.process.pid), BIN / "pooltool"]
        pe = Daemon(tmp_path, "pooltool", "register", "--tcp", "--registrar", LOCAL, "--pool", "Default", "--id", "0x21",
                    "--user", f"tcp:{LOCAL}:7", command=pooltool)
        wait_until(lambda: Control(control).call("pool.get", handle="Default"), what="the registration")
        done = subprocess.run([*pooltool, "resolve", "--tcp", "--registrar", LOCAL, "Default"], capture_output=True,
                              text=True, timeout=20)
        assert done.returncode == 0 and "21" in done.stdout, done.stdout + done.stderr
        assert pe.stop(signal.SIGINT) == 0, pe.output()
    finally:
        assert daemon.stop() == 0, daemon.output()
