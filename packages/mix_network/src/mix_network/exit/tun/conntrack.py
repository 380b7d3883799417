"""Has the kernel forget single connections, so that its table holds no more of ours than the flow table does.

Netlink (RFC 3549) to the connection tracking subsystem; the numbers are those of linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from mix_network.exit.nat.flow import FlowKey

_NETFILTER = 12
_DELETE = 1 << 8 | 2  # of the connection tracking subsystem
_REQUEST = 1
_NESTED = 1 << 15
_MESSAGE = struct.Struct("=IHHII")
_FAMILY = struct.Struct("!BBH")
_ATTRIBUTE = struct.Struct("=HH")

_TUPLE_ORIG = 1
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_ADDRESSES = {4: (1, 2), 16: (3, 4)}
_PROTO_NUM, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_ECHO_ATTRIBUTES = {4: (4, 5, 6), 16: (7, 8, 9)}
_PROTOCOLS = {("tcp", 4): 6, ("tcp", 16): 6, ("udp", 4): 17, ("udp", 16): 17, ("icmp", 4): 1, ("icmp", 16): 58}
_ECHO_REQUESTS = {4: 8, 16: 128}
_SWALLOWED_BYTES = 8192


class ConnectionTracking:
    """A netlink socket of this network namespace. Raises OSError, as where the kernel tracks nothing."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETFILTER)
        self._socket.bind((0, 0))

    def forget(self, key: FlowKey, client: bytes) -> None:
        """Forget one connection, if there is one.

        client -- the client's address as the kernel knows it
        """
        with contextlib.suppress(OSError):
            self._socket.send(deletion_of(key, client))
        with contextlib.suppress(OSError):
            # Nothing but reports that it was gone already.
            while self._socket.recv(_SWALLOWED_BYTES):
                pass

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def deletion_of(key: FlowKey, client: bytes) -> bytes:
    """The message that names exactly one connection by how it began; without a name it would mean all of them."""
    size = len(client)
    remote, remote_port = key.remote
    from_attribute, to_attribute = _ADDRESSES[size]
    addresses = _attribute(from_attribute, client) + _attribute(to_attribute, remote)
    protocol = _attribute(_PROTO_NUM, bytes([_PROTOCOLS[key.protocol, size]]))
    if key.protocol == "icmp":
        identifier, kind, code = _ECHO_ATTRIBUTES[size]
        protocol += _attribute(identifier, key.client[1].to_bytes(2, "big"))
        protocol += _attribute(kind, bytes([_ECHO_REQUESTS[size]])) + _attribute(code, b"\0")
    else:
        protocol += _attribute(_SOURCE_PORT, key.client[1].to_bytes(2, "big"))
        protocol += _attribute(_DESTINATION_PORT, remote_port.to_bytes(2, "big"))
    of_connection = _attribute(_TUPLE_IP | _NESTED, addresses) + _attribute(_TUPLE_PROTO | _NESTED, protocol)
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    body = _FAMILY.pack(family, 0, 0) + _attribute(_TUPLE_ORIG | _NESTED, of_connection)
    return _MESSAGE.pack(_MESSAGE.size + len(body), _DELETE, _REQUEST, 0, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)
