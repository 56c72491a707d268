# SPDX-License-Identifier: BSD-3-Clause
"""What the SNMP tests stand on: a real snmpd of their own, the commands of Net-SNMP with our MIB files, and daemons of the
control sockets that do as they are told (for gaps, silence and refusals, which the real ones do not show on demand)."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time

from control import wait_until
from daemons import ROOT, Daemon

USER, AUTH, PRIV = "watcher", "authentication phrase", "privacy phrase"
MIBS = f"+{ROOT / 'mib'}:{ROOT / 'mib/ietf'}"


def find_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Master:
    """snmpd with one SNMPv3 user and an AgentX socket, in a folder."""

    def __init__(self, folder, start=True):
        self.folder = pathlib.Path(folder)
        self.agentx = self.folder / "agentx.sock"
        self.port = find_udp_port()
        self.environment = {**os.environ, "SNMPCONFPATH": str(self.folder), "SNMP_PERSISTENT_DIR": str(self.folder / "persist"),
                            "MIBDIRS": "/usr/share/snmp/mibs", "MIBS": ""}
        (self.folder / "snmpd.conf").write_text(
            f"agentAddress udp:127.0.0.1:{self.port}\nmaster agentx\nagentXSocket unix:{self.agentx}\nagentXTimeout 2\n"
            f'createUser {USER} SHA-256 "{AUTH}" AES "{PRIV}"\nrwuser {USER} authPriv\n')
        self.process = None
        if start:
            self.start()

    def start(self):
        snmpd = shutil.which("snmpd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        assert snmpd, "snmpd is missing: apt-get install snmpd snmp"
        with open(self.folder / "snmpd.log", "ab") as out:
            self.process = subprocess.Popen([snmpd, "-f", "-Lo", "-C", "-c", self.folder / "snmpd.conf", "-I",
                                             "-smux"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=self.environment, cwd=self.folder)
        wait_until(lambda: self.get("1.3.6.1.2.1.1.3.0", timeout=0.2), what="snmpd to answer\n" + self.output())

    def output(self):
        return (self.folder / "snmpd.log").read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(20)

    def command(self, program, *arguments, options=(), timeout=2):
        line = [program, "-v3", "-l", "authPriv", "-u", USER, "-a", "SHA-256", "-A", AUTH, "-x", "AES", "-X", PRIV,
                "-t", str(timeout), "-r", "0", "-M", MIBS, "-m", "RSERPOOL-MIB", *options, f"127.0.0.1:{self.port}", *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, env=self.environment)

    def get(self, *names, timeout=2):
        """Whether every one of the names has a value."""
        shown = self.command("snmpget", *names, timeout=timeout).stdout
        return "=" in shown and "No Such" not in shown

    def set(self, name, text):
        return self.command("snmpset", name, "s", text, timeout=10)

    def walk(self, name="rserpoolMIB", program="snmpwalk", *options):
        """The walk's varbinds in their order: {name with index: value}."""
        done = self.command(program, name, options=("-OQ", *options))
        found = {}
        for line in done.stdout.splitlines():
            key, separator, value = line.partition(" = ")
            if separator and "No Such" not in value and "No more variables" not in value:
                found[key.removeprefix("RSERPOOL-MIB::")] = value.strip('" ')
        assert done.returncode == 0 or not found, done.stderr
        return found


class SnmpAgent(Daemon):
    def __init__(self, folder, agentx, control, configd="/nonexistent/configd.sock"):
        super().__init__(folder, "snmp-agent", "--foreground", "--agentx", agentx, "--control", control, "--configd", configd)
        wait_until(lambda: "serves RSERPOOL-MIB" in self.output() or not self.alive(), what="snmp-agent to start")
        assert self.alive(), self.output()

    def resident_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])


class ControlServer:
    """The frame of a control socket: one thread a connection, methods by name (dots become underscores)."""

    def __init__(self, path):
        self.path, self.connections, self.asked = pathlib.Path(path), [], []
        self.silent = False
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                outer.connections.append(self)
                self.sequence, self.subscribed, self.lock = 0, False, threading.RLock()
                try:
                    for line in self.rfile:
                        outer.dispatch(self, json.loads(line))
                except ConnectionError:
                    pass  # the caller was killed

        self.path.unlink(missing_ok=True)
        self.server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        for c in self.connections:
            try:
                c.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.server_close()
        self.path.unlink(missing_ok=True)

    def dispatch(self, connection, request):
        self.asked.append(request)
        if self.silent:
            return
        method = getattr(self, request["method"].replace(".", "_"), None)
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            answer["result"] = method(connection, request.get("params") or {})
        except Refusal as refusal:
            answer["error"] = {"code": -18, "message": str(refusal), "data": {"detail": "", "advice": "none"}}
        with connection.lock:
            self.send(connection, answer)
            if request["method"] == "feed.subscribe":
                connection.subscribed = True
                self.snapshot(connection)

    @staticmethod
    def send(connection, value):
        try:
            connection.wfile.write(json.dumps(value).encode() + b"\n")
        except (OSError, ValueError):
            pass

    def snapshot(self, connection):
        pass


class Refusal(Exception):
    pass


class FakeRegistrar(ControlServer):
    """registrard's control socket over dictionaries; publish() changes them and tells the subscribers."""

    def __init__(self, path, pools=(), elements=(), peers=(), **registrar):
        self.registrar = {"identifier": 0x5EED0001, "description": "fake", "scope": "here", "uptime": 60000, "asap_port": 3863,
                          "enrp_port": 0, "asap_announce": {"address": "239.0.0.50", "port": 3863, "enabled": True}, **registrar}
        self.pools, self.elements, self.peers = list(pools), list(elements), list(peers)
        super().__init__(path)

    def registrar_get(self, _connection, _params):
        return self.registrar

    def peers_list(self, _connection, _params):
        return {"peers": self.peers}

    def feed_subscribe(self, _connection, _params):
        return {"epoch": 1}

    def snapshot(self, connection):
        self.notify(connection, kind="snapshot-begin")
        for pool in self.pools:
            self.notify(connection, kind="pool", pool=pool)
        for element in self.elements:
            self.notify(connection, kind="element", element=element)
        self.notify(connection, kind="snapshot-end")

    def notify(self, connection, **params):
        with connection.lock:
            connection.sequence += 1
            self.send(connection, {"jsonrpc": "2.0", "method": "feed", "params": {"sequence": connection.sequence, **params}})

    def publish(self, **params):
        for connection in self.connections:
            if connection.subscribed:
                self.notify(connection, **params)

    def lose_one(self):
        """A notification that no subscriber gets."""
        for connection in self.connections:
            connection.sequence += 1


class FakeConfigd(ControlServer):
    def __init__(self, path, registrar):
        self.registrar, self.settings, self.refuse = registrar, {}, False
        super().__init__(path)

    def config_get(self, _connection, params):
        return {"settings": {k: v for k, v in self.settings.items() if k.startswith(params.get("path", ""))}}

    def config_set(self, _connection, params):
        if self.refuse:
            raise Refusal("not today")
        self.settings[params["path"]] = params["value"]
        self.registrar.registrar["description"] = params["value"]
        return {}

    def config_unset(self, _connection, params):
        self.settings.pop(params["path"], None)
        self.registrar.registrar["description"] = ""
        return {}


def pool(index, handle, policy=1, name="Round Robin"):
    return {"index": index, "handle": handle, "handle_hex": handle.encode().hex(), "policy": policy, "policy_name": name,
            "transport": "SCTP", "transport_use": "data", "elements": 1, "selections": 0}


def element(pool_index, index, identifier, policy=1, name="Round Robin", **more):
    return {"pool_index": pool_index, "index": index, "identifier": identifier, "home_registrar": 0x5EED0001, "policy": policy,
            "policy_name": name, "registration_life": 90,
            "user": {"transport": "SCTP", "protocol": 132, "port": 7000, "use": "data", "addresses": ["192.0.2.7"]},
            "asap": {"transport": "SCTP", "protocol": 132, "port": 40000, "addresses": ["192.0.2.7"]}, "reports": 0, **more}


def seconds_until(condition, limit, what):
    start = time.monotonic()
    wait_until(condition, limit, what)
    return time.monotonic() - start
