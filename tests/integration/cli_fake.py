# SPDX-License-Identifier: BSD-3-Clause
"""A daemon's control socket whose answers a test decides: for transcripts that never vary, and for faults."""
import json
import os
import socket
import threading


class Refused(Exception):
    """Raised by an answer: becomes a JSON-RPC error as the real daemons word it."""

    def __init__(self, code, message, detail="", advice=""):
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": {"detail": detail, "advice": advice}}


class Fake:
    """`methods`: name -> function of the parameters (a dict) that returns the result. `calls` keeps what was asked."""

    def __init__(self, path, methods):
        self.path, self.methods, self.calls = str(path), dict(methods), []
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            for line in connection.makefile("rb"):
                request = json.loads(line)
                answer = {"jsonrpc": "2.0", "id": request["id"]}
                self.calls.append((request["method"], request.get("params", {})))
                try:
                    answer["result"] = self.methods[request["method"]](request.get("params", {}))
                except Refused as refused:
                    answer["error"] = refused.error
                except KeyError:
                    answer["error"] = {"code": -32601, "message": "no such method"}
                connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass

    def asked(self, method):
        return [params for name, params in self.calls if name == method]

    def stop(self):
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if os.path.exists(self.path):
            os.unlink(self.path)


def pool(index, handle, elements=1, policy=(1, "Round Robin"), selections=0):
    return {"index": index, "handle": handle, "handle_hex": handle.encode().hex(), "policy": policy[0],
            "policy_name": policy[1], "transport": "SCTP", "transport_use": 0, "elements": elements,
            "selections": selections}


ELEMENT = {"pool_index": 1, "index": 1, "identifier": 0x5562E917, "home_registrar": 0x0A0B0C0D, "policy": 0x40000001,
           "policy_name": "Least Used", "load": 0x20000000, "registration_life": 90, "remaining": 61500,
           "user": {"transport": "SCTP", "protocol": 132, "port": 7, "use": 0, "addresses": ["10.1.0.10", "10.2.0.10"]},
           "asap": {"transport": "SCTP", "protocol": 132, "port": 40001, "addresses": ["10.1.0.10"]}, "reports": 0}

REGISTRAR = {"identifier": 0x0A0B0C0D, "description": "North site", "scope": "", "version": "0.1", "uptime": 93784000,
             "asap_port": 3863, "asap_transports": ["sctp", "tcp"], "asap_addresses": ["10.1.0.1", "10.2.0.1"],
             "enrp_port": 9901, "enrp_addresses": [],
             "asap_announce": {"address": "239.0.0.50", "port": 3863, "enabled": True},
             "enrp_announce": {"address": "239.0.0.51", "port": 9901, "enabled": False},
             "pools": 2, "elements": 2, "owned": 2, "checksum": 0x634D, "channels": 2, "state": "serving"}


def registrard_methods(pools=None):
    pools = pools if pools is not None else [pool(1, "EchoPool", 1, (0x40000001, "Least Used"), 17),
                                             pool(2, "Calc Pool"), pool(3, "PingPongPool")]

    def pools_list(params):
        left = [p for p in pools if p["index"] > params.get("after", 0)]
        limit = params.get("limit", 1000)
        return {"pools": left[:limit], "more": len(left) > limit}

    def pool_get(params):
        found = next((p for p in pools if p["handle"] == params["handle"]), None)
        if not found:
            raise Refused(-8, "not found", "no such pool", "list what there is with the show command of the same name")
        return {"pool": found, "elements": [ELEMENT], "more": False}

    return {"registrar.get": lambda _: REGISTRAR, "pools.list": pools_list, "pool.get": pool_get,
            "peers.list": lambda _: {"peers": [{"identifier": 0x11223344, "addresses": ["10.1.0.2"], "port": 9901,
                                                "last_heard": 1200, "state": "alive", "checksum": 0xFFFF,
                                                "elements": 0}]}}


class Configuration:
    """configd's answers over a plain dictionary."""

    def __init__(self):
        self.running, self.startup, self.problems = {}, {}, []
        self.setup_needed = False

    def _system(self, _):
        return {"hostname": self.running.get("hostname", "registrar"), "version": "0.1", "board": "qemu-x86_64",
                "kernel": "6.1.0", "uptime": 272000, "unsaved": self.running != self.startup, "problems": self.problems}

    def _set(self, params):
        if params["path"].endswith("mtu") and params["value"] == "1111":
            raise Refused(-20, "value out of range", "interfaces.eth1.mtu: refused by the test", "see the range")
        self.running[params["path"]] = params["value"]
        return {}

    def _add(self, params):
        old = self.running.get(params["path"], "").split()
        self.running[params["path"]] = " ".join(old + [params["value"]])
        return {}

    def _unset(self, params):
        self.running = {k: v for k, v in self.running.items() if not (k + ".").startswith(params["path"] + ".")}
        return {}

    def _save(self, _):
        self.startup = dict(self.running)
        return {"archive": 1}

    def _get(self, _):
        return {"settings": {k: "*****" if "password" in k else v for k, v in self.running.items()}}

    def _render(self, params):
        settings = self.running if params["which"] == "running" else self.startup
        return {"text": "".join(f"{k} {'*****' if 'password' in k else v}\n" for k, v in sorted(settings.items()))}

    def _operator(self, params):
        self.running[f"users.{params['name']}.password"] = params["password"]
        self.setup_needed = False
        return {}

    def methods(self):
        return {"system.get": self._system, "config.set": self._set, "config.add": self._add, "config.remove": self._unset,
                "config.unset": self._unset, "config.enter": lambda _: {}, "config.save": self._save,
                "config.render": self._render, "config.get": self._get,
                "setup.get": lambda _: {"needed": self.setup_needed}, "setup.operator": self._operator}
