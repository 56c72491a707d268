# SPDX-License-Identifier: BSD-3-Clause
"""A client of the control sockets: JSON-RPC 2.0, one value a line (firmware/control/METHODS.md)."""
import json
import socket
import time


class ControlError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.get('message')}: {error.get('data', {}).get('detail', '')}")
        self.code = error.get("code")
        self.error = error


class Control:
    def __init__(self, path, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.buffer = b""
        self.ids = 0
        self.events = []

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(1 << 20)
            if not data:
                raise ConnectionError("the daemon closed the control socket")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, **params):
        self.ids += 1
        request = {"jsonrpc": "2.0", "id": self.ids, "method": method, "params": params}
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._line()
            if answer.get("id") == self.ids:
                break
            self.events.append(answer)
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer["result"]

    def event(self, timeout=10):
        """The next notification of a subscription."""
        if self.events:
            return self.events.pop(0)["params"]
        self.sock.settimeout(timeout)
        while True:
            message = self._line()
            if "method" in message:
                return message["params"]


def wait_until(condition, timeout=10, what="the condition"):
    """Polls until condition() is true and returns its value; an exception in it counts as not yet."""
    end = time.monotonic() + timeout
    last = None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except (OSError, ControlError, ValueError, KeyError) as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true in {timeout} s ({last})")
