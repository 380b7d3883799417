"""What a mixnet client has to tell its owner."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.addressing import Recipient
from mix_protocol.delivery import Delivery


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A message's data arrived. `is_reply` tells that it came by one of our reply SURBs."""

    data: bytes = field(repr=False)
    is_reply: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A recipient's gateway has taken a packet from us.

    delivered -- packets that have arrived by that, as they were given to `send_message`
    """

    recipient: Recipient
    delivered: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class SurbsRequested:
    """A recipient asked for reply SURBs, and `granted` of them are on their way."""

    recipient: Recipient
    requested: int
    granted: int


MixnetEvent = Acknowledged | DataReceived | SurbsRequested


@dataclass(slots=True)
class MixnetCounters:
    """What the client has sent and received so far."""

    real_packets_sent: int = 0
    cover_packets_sent: int = 0
    retransmitted_packets: int = 0
    fragments_given_up: int = 0
    acks_received: int = 0
    cover_packets_received: int = 0
    packets_dropped: int = 0
    reply_surbs_given: int = 0
    replies_received: int = 0
    round_trip_s: float | None = None
