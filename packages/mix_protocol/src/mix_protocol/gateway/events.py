"""What the two sides of a gateway connection have to tell their owners."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.errors import MixError
from mix_protocol.sphinx.mix_packet import MixPacket

# -- of a client


@dataclass(frozen=True, slots=True)
class Registered:
    """The gateway knows us now: keep the key for later connections. `Authenticated` follows at once."""

    shared_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Packets may be sent. `bandwidth_bytes` is the allowance, above 0; when it is low, more is claimed unasked."""

    bandwidth_bytes: int


@dataclass(frozen=True, slots=True)
class PayloadPushed:
    """The gateway has delivered the payload of a packet that ended at it."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BandwidthChanged:
    """A claim was granted, or (0 or little) a packet was dropped for want of allowance."""

    bandwidth_bytes: int


@dataclass(frozen=True, slots=True)
class GatewayReported:
    """The gateway has complained about something, and the connection goes on."""

    error: MixError


@dataclass(frozen=True, slots=True)
class GatewayRejected:
    """The connection has failed: send what `frames_to_send` still has, and close it."""

    error: MixError


ClientEvent = Registered | Authenticated | PayloadPushed | BandwidthChanged | GatewayReported | GatewayRejected

# -- of a gateway


@dataclass(frozen=True, slots=True)
class ClientRegistered:
    """A client has registered and proven its identity; `ClientAuthenticated` follows at once."""

    identity: bytes = field(repr=False)
    shared_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientAuthenticated:
    """This connection is the client's session: push payloads to it, and close an older one of the same identity."""

    identity: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PacketForwarded:
    """The client wants a packet sent, and has paid for it."""

    packet: MixPacket


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The connection has failed: send what `frames_to_send` still has, and close it."""

    error: MixError


SessionEvent = ClientRegistered | ClientAuthenticated | PacketForwarded | SessionFailed
