"""What can go wrong with an IP packet, a flow or a socket."""

from __future__ import annotations

from mix_protocol.errors import Closed, NetworkFailure, PeerMisbehaved, UsageError


class MalformedPacket(PeerMisbehaved):
    """Bytes that are not a valid IP, UDP, ICMP or TCP packet."""

    code = "ip.malformed_packet"
    message = "a packet is malformed"

    def __init__(self, what: str = "IP packet", why: str = "it is not valid") -> None:
        super().__init__(f"malformed {what}: {why}", what=what, why=why)


class Unreachable(NetworkFailure):
    """A router or the destination says by ICMP that packets cannot get there.

    reason -- the value of an `UnreachableReason`
    """

    code = "ip.unreachable"
    message = "the destination cannot be reached"

    def __init__(self, reason: str = "host") -> None:
        super().__init__(f"the destination cannot be reached ({reason.replace('_', ' ')})", reason=reason)


class NoSourceAddress(UsageError):
    """This stack has no address of the destination's family."""

    code = "ip.no_source_address"
    message = "this stack has no address of the destination's IP version; use the other version"


class AddressInUse(UsageError):
    """Another socket holds this port already."""

    code = "ip.address_in_use"
    message = "another socket holds this port already; choose another or 0 for any free one"


class PortsExhausted(NetworkFailure):
    """Every ephemeral port is taken."""

    code = "ip.ports_exhausted"
    message = "every ephemeral port is taken; close connections and try again"


class DatagramTooBig(UsageError):
    """A datagram that does not fit into an IP packet."""

    code = "udp.datagram_too_big"
    message = "the datagram is bigger than an IP packet can carry; send less at once"


class SocketClosed(Closed):
    """The socket was closed by its owner."""

    code = "ip.socket_closed"
    message = "this socket has been closed"


class ConnectionRefused(NetworkFailure):
    """The other side answered our SYN with a RST."""

    code = "tcp.connection_refused"
    message = "the connection was refused; nothing listens on that port"


class ConnectionReset(NetworkFailure):
    """The other side ended the connection with a RST."""

    code = "tcp.connection_reset"
    message = "the connection was reset by the other side"


class ConnectTimedOut(NetworkFailure):
    """Our SYN was not answered in time."""

    code = "tcp.connect_timed_out"
    message = "the connection could not be made in time; the host may be down or drop packets"


class ConnectionTimedOut(NetworkFailure):
    """An established connection's peer stopped answering."""

    code = "tcp.timed_out"
    message = "the connection broke: the other side has stopped answering"


class ConnectionCrashed(NetworkFailure):
    """A bug: an exception that nobody expected has ended this connection alone. Field `cause` is its class."""

    code = "tcp.crashed"
    message = "the connection was ended because of an error in this software; please report it"


class ConnectionClosed(Closed):
    """The connection's sending side has been closed by its owner."""

    code = "tcp.closed"
    message = "this connection's sending side has been closed"


class ConnectionAborted(Closed):
    """The connection has been aborted by its owner."""

    code = "tcp.aborted"
    message = "this connection has been aborted"
