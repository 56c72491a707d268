# SPDX-License-Identifier: BSD-3-Clause
"""ASAP over TCP from the client's side, written from RFC 5352, 5354 and 5356 alone."""
import socket
import struct

REGISTRATION, DEREGISTRATION, REGISTRATION_RESPONSE, DEREGISTRATION_RESPONSE = 1, 2, 3, 4
HANDLE_RESOLUTION, HANDLE_RESOLUTION_RESPONSE, KEEP_ALIVE, KEEP_ALIVE_ACK, UNREACHABLE, ERROR = 5, 6, 7, 8, 9, 14
RR, LU = 1, 0x40000001
PARAMETERS = {"ipv4": 1, "tcp": 5, "policy": 8, "handle": 9, "element": 10, "error": 12, "identifier": 14, "option": 0x803F}


def parameter(kind, value):
    kind = PARAMETERS.get(kind, kind)
    return struct.pack("!HH", kind, 4 + len(value)) + value + bytes(-len(value) % 4)


def message(kind, *parameters, flags=0):
    body = b"".join(parameters)
    return struct.pack("!BBH", kind, flags, 4 + len(body)) + body


def transport(address, port, kind="tcp"):
    return parameter(kind, struct.pack("!HH", port, 0) + parameter("ipv4", socket.inet_aton(address)))


def policy(kind, *fields):
    return parameter("policy", struct.pack(f"!I{len(fields)}I", kind, *fields))


def element(identifier, user, chosen, asap=b"", life=60, home=0):
    return parameter("element", struct.pack("!IIi", identifier, home, life) + user + chosen + asap)


def handle(name):
    return parameter("handle", name if isinstance(name, bytes) else name.encode())


def identifier(number):
    return parameter("identifier", struct.pack("!I", number))


def parameters(body):
    """[(type, value)] of a run of parameters."""
    found = []
    while body:
        kind, length = struct.unpack_from("!HH", body)
        assert 4 <= length <= len(body), f"parameter {kind:#x} has length {length} of {len(body)}"
        found.append((kind, body[4:length]))
        body = body[length + (-length % 4):]
    return found


def causes(value):
    return [kind for kind, _ in parameters(value)]


class Client:
    """One connection to a registrar."""

    def __init__(self, address, port=3863, timeout=10):
        self.sock = socket.create_connection((address, port), timeout)
        self.address = self.sock.getsockname()[0]
        self.buffer = b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def receive(self, timeout=10):
        """(type, flags, parameters) of the next message."""
        self.sock.settimeout(timeout)
        while len(self.buffer) < 4 or len(self.buffer) < self._length():
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("the registrar closed the connection")
            self.buffer += data
        length = self._length()
        kind, flags, used = struct.unpack_from("!BBH", self.buffer)
        body, self.buffer = self.buffer[4:used], self.buffer[length:]
        if kind == KEEP_ALIVE:
            body = body[4:]  # the server identifier
        return kind, flags, parameters(body)

    def _length(self):
        length = struct.unpack_from("!H", self.buffer, 2)[0]
        return length + (-length % 4)

    def expect(self, kind, timeout=10):
        """The next message of a kind; keep-alives that come in between are acknowledged."""
        while True:
            got, flags, values = self.receive(timeout)
            if got == kind:
                return flags, values
            if got == KEEP_ALIVE:
                self.acknowledge(values)

    def acknowledge(self, values, number=None):
        name = next(value for kind, value in values if kind == PARAMETERS["handle"])
        for kind, value in values:
            if kind == PARAMETERS["identifier"]:
                number = struct.unpack("!I", value)[0]
        self.send(message(KEEP_ALIVE_ACK, handle(name), identifier(number)))

    def register(self, name, number, chosen=None, port=9, life=60, address=None, **more):
        """Returns (flags, causes); flags & 1 means rejected."""
        user = transport(address or self.address, port)
        self.send(message(REGISTRATION, handle(name),
                          element(number, user, chosen or policy(RR), life=life, **more)))
        flags, values = self.expect(REGISTRATION_RESPONSE)
        return flags, [c for kind, value in values if kind == PARAMETERS["error"] for c in causes(value)]

    def deregister(self, name, number):
        self.send(message(DEREGISTRATION, handle(name), identifier(number)))
        flags, values = self.expect(DEREGISTRATION_RESPONSE)
        return flags, [c for kind, value in values if kind == PARAMETERS["error"] for c in causes(value)]

    def resolve(self, name, items=None):
        """Identifiers of the pool elements chosen, and the causes of an error."""
        more = [] if items is None else [parameter("option", struct.pack("!I", items))]
        self.send(message(HANDLE_RESOLUTION, handle(name), *more))
        _, values = self.expect(HANDLE_RESOLUTION_RESPONSE)
        return ([struct.unpack_from("!I", value)[0] for kind, value in values if kind == PARAMETERS["element"]],
                [c for kind, value in values if kind == PARAMETERS["error"] for c in causes(value)])
