# SPDX-License-Identifier: BSD-3-Clause
"""RSERPOOL-MIB from outside: snmpwalk -> a real snmpd -> snmp-agent -> a registrar. RECONNECT is what the product promises."""
import signal
import subprocess

import asap
import pytest
from control import Control, wait_until
from daemons import BIN, ROOT, Daemon, Registrard
from snmp_fixtures import FakeConfigd, FakeRegistrar, Master, SnmpAgent, element, pool, seconds_until

RECONNECT = 5
DESCRIPTION = "rserpoolENRPDescription.1"


@pytest.fixture
def master(tmp_path):
    m = Master(tmp_path)
    yield m
    m.stop()


@pytest.fixture
def fake(tmp_path):
    """A registrar of two pools: one element by Round Robin, one by Least Used."""
    f = FakeRegistrar(tmp_path / "registrard.sock", pools=[pool(1, "Echo"), pool(2, "Busy", 0x40000001, "Least Used")],
                      elements=[element(1, 1, 0xAABBCCDD), element(2, 1, 0x11223344, 0x40000001, "Least Used", load=0x80000000,
                                                                   registration_life=-1)])
    yield f
    f.close()


@pytest.fixture
def agent(tmp_path, master, fake):
    a = SnmpAgent(tmp_path, master.agentx, fake.path, tmp_path / "configd.sock")
    wait_until(lambda: master.walk("rserpoolENRPPoolTable"), what="the first walk\n" + a.output())
    yield a
    assert a.stop() == 0, a.output()


@pytest.fixture
def started():
    """What a test starts itself and does not have to end itself: daemons, added to this list."""
    daemons = []
    yield daemons
    for daemon in reversed(daemons):
        if daemon.alive():
            assert daemon.stop() == 0, daemon.output()


def test_a_real_registration_is_seen_by_the_manager(tmp_path, master, started):
    if not (BIN / "registrard").exists():
        pytest.skip("registrard is not built")
    registrard = Registrard(tmp_path)
    started.append(registrard)
    agent = SnmpAgent(tmp_path, master.agentx, registrard.control)
    started.append(agent)
    identifier = registrard.call("registrar.get")["identifier"]
    with asap.Client("127.0.0.1", registrard.port) as pe:
        assert pe.register("Echo Pool", 0xAABBCCDD, asap.policy(asap.LU, 0x40000000), life=77) == (0, [])
        shown = wait_until(lambda: (w := master.walk()) and "rserpoolENRPPoolElementID.1.1.1" in w and w, what=agent.output())
        known = registrard.element("Echo Pool", 0xAABBCCDD)
        assert int(shown["rserpoolENRPIdentifier.1"], 16) == identifier
        assert shown["rserpoolENRPPoolHandle.1.1"] == "Echo Pool"
        assert int(shown["rserpoolENRPPoolElementID.1.1.1"], 16) == 0xAABBCCDD
        assert int(shown["rserpoolENRPPolicyID.1.1.1"], 16) == asap.LU
        assert shown["rserpoolENRPPolicyDescription.1.1.1"] == known["policy_name"]
        assert shown["rserpoolENRPPolicyLoad.1.1.1"] == str(0x40000000)
        assert "rserpoolENRPPolicyWeight.1.1.1" not in shown
        assert shown["rserpoolENRPUserTransportProto.1.1.1"] == "6"
        assert shown["rserpoolENRPUserTransportPort.1.1.1"] == str(known["user"]["port"])
        assert shown["rserpoolENRPUserL3Addr.1.1.1.1"] == "7F 00 00 01"
        assert shown["rserpoolENRPRegistrationLife.1.1.1"] == "0:0:01:17.00"
        assert int(shown["rserpoolENRPHomeENRPServer.1.1.1"], 16) == identifier
        assert pe.deregister("Echo Pool", 0xAABBCCDD) == (0, [])
        assert seconds_until(lambda: not master.walk("rserpoolENRPPoolElementTable"), RECONNECT, "the row to go") < RECONNECT
    registrard.stop(signal.SIGKILL)
    wait_until(lambda: not master.walk(), what="the rows of a killed registrar to go")
    again = Registrard(tmp_path, port=registrard.port)
    started.append(again)
    with asap.Client("127.0.0.1", again.port) as pe:
        assert pe.register("Echo Pool", 5) == (0, [])
        assert seconds_until(lambda: "rserpoolENRPPoolElementID.1.1.1" in master.walk(), 20, agent.output()) <= RECONNECT


def test_every_object_that_the_registrar_has(agent, master):
    shown = master.walk()
    shown.pop("rserpoolENRPUptime.1")
    assert shown == {
        "rserpoolENRPOperationScope.1": "here",
        "rserpoolENRPIdentifier.1": "5eed0001",
        "rserpoolENRPDescription.1": "fake",
        "rserpoolENRPASAPAnnouncePort.1": "3863",
        "rserpoolENRPASAPAnnounceAddrType.1": "ipv4",
        "rserpoolENRPASAPAnnounceAddr.1": "EF 00 00 32",
        "rserpoolENRPPoolHandle.1.1": "Echo",
        "rserpoolENRPPoolHandle.1.2": "Busy",
        "rserpoolENRPPoolElementID.1.1.1": "aabbccdd",
        "rserpoolENRPPoolElementID.1.2.1": "11223344",
        "rserpoolENRPASAPTransportPort.1.1.1": "40000",
        "rserpoolENRPASAPTransportPort.1.2.1": "40000",
        "rserpoolENRPUserTransportProto.1.1.1": "132",
        "rserpoolENRPUserTransportProto.1.2.1": "132",
        "rserpoolENRPUserTransportPort.1.1.1": "7000",
        "rserpoolENRPUserTransportPort.1.2.1": "7000",
        "rserpoolENRPUserTransportUse.1.1.1": "dataOnly",
        "rserpoolENRPUserTransportUse.1.2.1": "dataOnly",
        "rserpoolENRPPolicyID.1.1.1": "1",
        "rserpoolENRPPolicyID.1.2.1": "40000001",
        "rserpoolENRPPolicyDescription.1.1.1": "Round Robin",
        "rserpoolENRPPolicyDescription.1.2.1": "Least Used",
        "rserpoolENRPPolicyLoad.1.2.1": "2147483648",
        "rserpoolENRPRegistrationLife.1.1.1": "0:0:01:30.00",
        "rserpoolENRPRegistrationLife.1.2.1": "497:2:27:52.95",
        "rserpoolENRPHomeENRPServer.1.1.1": "5eed0001",
        "rserpoolENRPHomeENRPServer.1.2.1": "5eed0001",
        "rserpoolENRPASAPL3Type.1.1.1.1": "ipv4",
        "rserpoolENRPASAPL3Type.1.2.1.1": "ipv4",
        "rserpoolENRPASAPL3Addr.1.1.1.1": "C0 00 02 07",
        "rserpoolENRPASAPL3Addr.1.2.1.1": "C0 00 02 07",
        "rserpoolENRPUserL3Type.1.1.1.1": "ipv4",
        "rserpoolENRPUserL3Type.1.2.1.1": "ipv4",
        "rserpoolENRPUserL3Addr.1.1.1.1": "C0 00 02 07",
        "rserpoolENRPUserL3Addr.1.2.1.1": "C0 00 02 07",
    }


def test_walk_bulkwalk_and_registrar_agree_on_a_thousand_elements(agent, master, fake):
    fake.publish(kind="pool", pool=pool(3, "Many"))
    for number in range(1, 1001):
        fake.publish(kind="element", element=element(3, number, 0x1000 + number))
    wait_until(lambda: master.get("rserpoolENRPPoolElementID.1.3.1000"), what=agent.output())
    bulk = master.walk("rserpoolENRPPoolElementTable", "snmpbulkwalk", "-Cr50")
    plain = master.walk("rserpoolENRPPoolElementTable", "snmpwalk")
    assert bulk == plain
    identifiers = [int(v, 16) for k, v in bulk.items() if k.startswith("rserpoolENRPPoolElementID.1.3.")]
    assert identifiers == [0x1000 + n for n in range(1, 1001)]


def test_changes_are_seen_within_a_second(agent, master, fake):
    fake.publish(kind="element", element=element(1, 2, 0x77, weight=5, policy=2, name="Weighted Round Robin"))
    assert seconds_until(lambda: master.get("rserpoolENRPPolicyWeight.1.1.2"), 5, "the new row") < 1
    fake.publish(kind="element-removed", pool_index=1, index=2, reason="expired")
    assert seconds_until(lambda: "ElementID.1.1.2" not in str(master.walk("rserpoolENRPPoolElementID")), 5, "its end") < 1


def test_a_restarted_master_is_served_again(agent, master):
    master.stop()
    master.start()
    assert seconds_until(lambda: master.walk("rserpoolENRPPoolTable"), 20, agent.output()) <= RECONNECT


def test_a_master_that_starts_later_is_served(tmp_path, fake, started):
    master = Master(tmp_path, start=False)
    agent = SnmpAgent(tmp_path, master.agentx, fake.path)
    started.append(agent)
    try:
        wait_until(lambda: "following the registrar" in agent.output(), what="the feed to be followed without a master")
        master.start()
        assert seconds_until(lambda: master.walk("rserpoolENRPPoolTable"), 20, agent.output()) <= RECONNECT
    finally:
        master.stop()


def test_a_hung_master_stops_nothing_and_is_served_again(agent, master, fake):
    master.signal(signal.SIGSTOP)
    wait_until(lambda: "Failed to connect" in agent.output(), 40, "the master's backlog to be full")
    asked = len(fake.asked)
    wait_until(lambda: len(fake.asked) >= asked + 6, 20, "the agent to go on following the registrar")
    master.signal(signal.SIGCONT)
    assert seconds_until(lambda: master.walk("rserpoolENRPPoolTable"), 30, agent.output()) <= RECONNECT
    assert agent.alive()


def test_rows_of_a_registrar_that_is_gone_go(agent, master, fake, tmp_path):
    fake.close()
    assert seconds_until(lambda: not master.walk(), 20, agent.output()) <= RECONNECT
    again = FakeRegistrar(tmp_path / "registrard.sock", pools=[pool(9, "New")])
    try:
        assert seconds_until(lambda: master.walk("rserpoolENRPPoolTable"), 20, agent.output()) <= RECONNECT
        assert master.walk("rserpoolENRPPoolTable") == {"rserpoolENRPPoolHandle.1.9": "New"}
    finally:
        again.close()


def test_rows_of_a_registrar_that_hangs_go(agent, master, fake):
    fake.silent = True
    wait_until(lambda: not master.walk(), 20, "the rows to go\n" + agent.output())
    fake.silent = False
    assert seconds_until(lambda: len(master.walk("rserpoolENRPPoolTable")) == 2, 20, agent.output()) <= RECONNECT + 5


def test_a_gap_in_the_feed_leads_to_a_new_snapshot(agent, master, fake):
    fake.lose_one()
    fake.pools.pop(0)
    fake.elements.pop(0)
    fake.publish(kind="pool", pool=pool(2, "Busy"))
    wait_until(lambda: list(master.walk("rserpoolENRPPoolTable")) == ["rserpoolENRPPoolHandle.1.2"], what=agent.output())
    assert sum(r["method"] == "feed.subscribe" for r in fake.asked) == 2


def test_the_description_can_be_set_through_configd(agent, master, fake, tmp_path):
    done = master.set(DESCRIPTION, "no configd")
    assert done.returncode != 0 and "resourceUnavailable" in done.stderr, done.stderr
    configd = FakeConfigd(tmp_path / "configd.sock", fake)
    try:
        done = master.set(DESCRIPTION, "rack 7, call 4711")
        assert done.returncode == 0, done.stderr
        assert configd.settings == {"registrar.description": "rack 7, call 4711"}
        assert master.walk("rserpoolENRPDescription") == {DESCRIPTION: "rack 7, call 4711"}
        configd.refuse = True
        done = master.set(DESCRIPTION, "another")
        assert done.returncode != 0 and "commitFailed" in done.stderr, done.stderr
        assert master.walk("rserpoolENRPDescription") == {DESCRIPTION: "rack 7, call 4711"}
        configd.refuse = False
        assert "wrongLength" in master.command("snmpset", DESCRIPTION, "x", "61" * 256, options=("-Ir",)).stderr
        assert "notWritable" in master.command("snmpset", "rserpoolENRPOperationScope.1", "s", "x").stderr
        assert master.set(DESCRIPTION, "").returncode == 0
        assert configd.settings == {}
    finally:
        configd.close()


def test_set_reaches_the_real_configd_and_the_real_registrar(tmp_path, master, started):
    if not (BIN / "registrard").exists() or not (BIN / "configd").exists():
        pytest.skip("registrard or configd is not built")
    registrard = Registrard(tmp_path)
    started.append(registrard)
    state = tmp_path / "state"
    state.mkdir()
    (state / "startup.conf").write_text((tmp_path / "registrard.conf").read_text())
    configd = Daemon(tmp_path, "configd", "--foreground", "--state", state, "--root", tmp_path / "root", "--no-system",
                     "--control", tmp_path / "configd.sock", "--registrard", registrard.control)
    started.append(configd)
    agent = SnmpAgent(tmp_path, master.agentx, registrard.control, tmp_path / "configd.sock")
    started.append(agent)
    wait_until(lambda: master.get(DESCRIPTION), what=agent.output())
    wait_until(lambda: Control(tmp_path / "configd.sock").call("config.get"), what=configd.output())
    done = master.set(DESCRIPTION, "rack 9")
    assert done.returncode == 0, done.stderr + agent.output() + configd.output()
    wait_until(lambda: registrard.call("registrar.get")["description"] == "rack 9", what=configd.output())
    assert Control(tmp_path / "configd.sock").call("config.get")["settings"]["registrar.description"] == "rack 9"
    assert master.set(DESCRIPTION, "").returncode == 0
    wait_until(lambda: registrard.call("registrar.get")["description"] == "", what=configd.output())


def test_the_mib_files_are_what_the_rfc_says():
    done = subprocess.run([ROOT / "mib/check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bad_options_are_explained():
    for arguments, part in ((["--agentx", "relative"], "absolute path"), (["--control", "/" + "x" * 200], "absolute path"),
                            (["stray"], "no such argument")):
        done = subprocess.run([BIN / "snmp-agent", *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and part in done.stderr, done.stderr
