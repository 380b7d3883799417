"""The engine: mixnet client, IP packet router client and IP device as one machine without I/O.

IP packets that the device sends become messages to the exit, those become Sphinx packets for the entry gateway, and
what the gateway pushes takes the way back. The device is a `NetworkStack` for streams and sockets; it may as well be
a TUN device, or a test that looks at raw packets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.delivery import Parcel
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.ipr.bundle import DATA_OVERHEAD
from mix_protocol.ipr.client import IprClient, IprConfig
from mix_protocol.ipr.events import ExitConnected, ExitLost, ExitRefused, ExitReported, PacketReceived
from mix_protocol.netstack.device import Device
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.features import NodeFeature
from mix_protocol.topology.topology import Topology
from mix_tunnel.mixnet.client import MixnetClient
from mix_tunnel.mixnet.events import Acknowledged, DataReceived, SurbsRequested
from mix_tunnel.mixnet.pacing import CHANNEL_SLOTS
from mix_tunnel.mixnet.surb_budget import BALANCED_MESSAGE_LENGTH, SurbBudget, balanced_surbs
from mix_tunnel.stats import TunnelStats

EngineEvent = ExitConnected | ExitRefused | ExitLost | ExitReported

PACED_FRAGMENTS = 4
"""While packets leave at random times only, so many fragments are kept ready for them."""
LAST_PACKETS = 32
"""How many packets the device may still send when everything ends (a RST for each connection)."""


DeviceFactory = Callable[[ExitConnected], Device]


class DeviceFeed:
    """Takes a device's packets a few at a time.

    A stack keeps the others back, where it can still change them: TCP acknowledges more at once and retransmits less.
    What any other device gives at once waits here.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._stack = device if isinstance(device, NetworkStack) else None
        self._held: deque[bytes] = deque()

    def take(self, limit: int, now: float, round_trip_s: float) -> list[Parcel]:
        """Give at most `limit` IP packets.

        round_trip_s -- through the mixnet, as far as it is known
        """
        if self._stack is not None:
            self._stack.path_round_trip_s = round_trip_s
            return self._stack.parcels_to_send(now, limit)
        if not self._held:
            self._held.extend(self._device.packets_to_send(now))
        return [Parcel(self._held.popleft(), None) for _ in range(min(limit, len(self._held)))]


class TunnelEngine:
    """Carries IP packets between a device and an exit.

    mixnet -- the client that sends and receives
    random -- for ids
    make_device -- makes the device once an exit has given addresses; it is called again for each new set of addresses
    unix_time_offset_s -- add it to `now` to get Unix time; to be assigned anew when the clocks went apart
    carries_sealed_replies -- whether the entry gateway passes sealed replies on; to be assigned for each connection
    """

    def __init__(
        self,
        mixnet: MixnetClient,
        random: RandomBytes,
        make_device: DeviceFactory,
        *,
        unix_time_offset_s: float = 0.0,
    ) -> None:
        self.mixnet = mixnet
        self.device: Device | None = None
        self.exit: ExitNode | None = None
        self._random = random
        self._make_device = make_device
        self.unix_time_offset_s = unix_time_offset_s
        self._carries_sealed_replies = False
        self._ipr: IprClient | None = None
        self._feed: DeviceFeed | None = None
        self._surbs = SurbBudget()
        self._surbs_elsewhere = 0
        self._is_balanced = False
        self._events: deque[EngineEvent] = deque()
        self._suspended = False
        self._absent_s = 0.0
        self._bytes_sent = 0
        self._bytes_received = 0

    @property
    def is_connected(self) -> bool:
        """Whether an exit has given us addresses that it has not taken back."""
        return self._ipr is not None and self._ipr.is_connected

    @property
    def carries_sealed_replies(self) -> bool:
        """Whether the entry gateway passes sealed replies on."""
        return self._carries_sealed_replies

    @carries_sealed_replies.setter
    def carries_sealed_replies(self, carries: bool) -> None:
        self._carries_sealed_replies = carries
        self._choose_surbs()

    @property
    def topology(self) -> Topology:
        """The network that routes are drawn through."""
        return self.mixnet.topology

    @topology.setter
    def topology(self, topology: Topology) -> None:
        if topology.rotation_id != self.topology.rotation_id:
            # What the exit has is for the former keys: it should not wait until it has asked for others.
            self._surbs = SurbBudget()
        self.mixnet.topology = topology

    # -- what the owner asks for

    def connect_exit(self, exit_node: ExitNode, config: IprConfig, now: float) -> None:
        """Ask an exit for addresses; `ExitConnected` or `ExitRefused` follows. An exit asked before is left."""
        self.leave_exit(now)
        self.exit = exit_node
        self.mixnet.talk_with(exit_node.gateway)
        self._choose_surbs()
        self._surbs = SurbBudget()
        self._surbs_elsewhere = self.mixnet.surbs_unused
        self._ipr = IprClient(
            self._random,
            ipr_version=exit_node.ipr_version,
            answers_echo=NodeFeature.ROUTER_ECHO in exit_node.features,
            config=config,
            unix_time_offset_s=self.unix_time_offset_s + self._absent_s,
        )
        self._is_balanced = config.balanced_replies
        self._ipr.connect(self._present(now))

    def leave_exit(self, now: float) -> None:
        """Have no more to do with the present exit, if there is one; its device goes with it."""
        if self.exit is not None:
            self.mixnet.forget_recipient(self.exit.recipient)
            self.mixnet.talk_with(None)
        self.exit = self._ipr = self.device = self._feed = None

    def suspect_exit(self, now: float) -> None:
        """Find out now whether the exit still knows us; `ExitLost` follows if it does not."""
        if self._ipr is not None:
            self._ipr.suspect(self._present(now))

    def probe_path(self) -> None:
        """Send something soon that comes back through the mixnet, whoever the exit is."""
        self.mixnet.probe_path()

    def move_to(self, gateway: bytes, now: float) -> None:
        """Live at another entry gateway. The exit's ways back lead to the old one, so the exit is left."""
        self.leave_exit(now)
        self.mixnet.move_to(gateway)

    def disconnect(self, now: float) -> None:
        """Send what the device has left to say, then tell the exit that the addresses are free again."""
        self._take_device_packets(now, LAST_PACKETS)
        if self._ipr is not None:
            self._ipr.close(self._present(now))
            self._send_messages(now)

    def note_absence(self, absent_s: float) -> None:
        """Learn for how many seconds altogether this process has not run, or not taken what came.

        They count neither for the exit's silence nor for that of anybody to whom the device has connections.
        """
        away_s = absent_s - self._absent_s
        if away_s > 0:
            self._absent_s = absent_s
            if self._ipr is not None:
                self._ipr.note_absence(away_s)

    def note_lag(self, lag_s: float) -> None:
        """Learn, about once a second, how late this process gets to run."""
        self.mixnet.note_lag(lag_s)

    def suspend(self, now: float) -> None:
        """Stand still, for there is no connection to the entry gateway: nothing is sent, nothing times out."""
        self._suspended = True
        self.mixnet.suspend(now)

    def resume(self, now: float) -> None:
        """Go on after `suspend`."""
        self._suspended = False
        self.mixnet.resume(now)

    def stats(self) -> TunnelStats:
        """Give the counters so far."""
        counters = self.mixnet.counters
        round_trip_s = counters.round_trip_s
        return TunnelStats(
            real_packets_sent=counters.real_packets_sent,
            cover_packets_sent=counters.cover_packets_sent,
            retransmitted_packets=counters.retransmitted_packets,
            acks_received=counters.acks_received,
            cover_packets_received=counters.cover_packets_received,
            packets_dropped=counters.packets_dropped,
            reply_surbs_given=counters.reply_surbs_given,
            surbs_held=max(0, self.mixnet.surbs_unused - self._surbs_elsewhere) if self.exit is not None else 0,
            replies_received=counters.replies_received,
            bytes_sent=self._bytes_sent,
            bytes_received=self._bytes_received,
            round_trip_ms=None if round_trip_s is None else round_trip_s * 1000.0,
        )

    # -- the seam

    def receive_pushed(self, payload: bytes, now: float) -> bool:
        """Take a payload that the entry gateway pushed; whether there may be anything to do now, or an event."""
        may_matter = self.mixnet.receive_pushed(payload, now)
        if self._ipr is not None:
            self._ipr.path_returned(self._present(now))
        if not may_matter:
            return False
        while (event := self.mixnet.next_event()) is not None:
            match event:
                case DataReceived(data, is_reply=True):
                    self._receive_reply(data, now)
                case Acknowledged(recipient, delivered):
                    for delivery in delivered:
                        delivery.delivered(self._present(now))
                    if self._ipr is not None and self.exit is not None and recipient == self.exit.recipient:
                        self._ipr.delivered(self._present(now))
                case SurbsRequested(recipient, _, granted) if (
                    self.exit is not None and recipient == self.exit.recipient
                ):
                    self._surbs.note_request(granted)
                case _:
                    pass  # only whom we gave SURBs can reply; what strangers send to our address is not for us
        self._take_ipr_events(now)
        return True

    def packets_to_send(self, now: float, *, waiting: int = 0) -> list[MixPacket]:
        """Give the packets that are due.

        waiting -- packets given earlier that the connection to the gateway has not taken yet
        """
        if self._suspended:
            return []
        self._take_device_packets(now, self._room(waiting))
        self._send_messages(now)
        return self.mixnet.packets_to_send(now, waiting=waiting)

    @property
    def is_paced(self) -> bool:
        """Whether packets leave at random moments only, not as soon as they are there."""
        return self.mixnet.is_paced

    def note_waiting(self, waiting: int, now: float) -> None:
        """Learn how many of the packets given so far the connection to the gateway has not taken yet."""
        self.mixnet.note_waiting(waiting, now)

    @property
    def departs_at(self) -> float | None:
        """When the next packet leaves at a random moment; None while none does."""
        return self.mixnet.departs_at

    def departing(self, now: float, *, waiting: int = 0) -> list[MixPacket]:
        """Give the packets whose random moment has come, and do nothing else; see `packets_to_send`.

        To be asked first of all, since their moments tell nothing only if nothing delays them.
        """
        departs_at = self.mixnet.departs_at
        if departs_at is None or now < departs_at:
            return []
        return self.mixnet.packets_to_send(now, waiting=waiting)

    def prepare_ahead(self, now: float) -> bool:
        """Do one piece of the work for packets that leave later; False if there is none left."""
        return not self._suspended and self.mixnet.prepare_ahead(now)

    def next_event(self) -> EngineEvent | None:
        """Give the oldest event that was not given yet."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """Tell when to call `handle_timeout`, and `packets_to_send` after it."""
        earliest = self.mixnet.next_timeout()
        if not self._suspended:
            for part in (self._ipr, self.device):
                if part is not None and (deadline := part.next_timeout()) is not None:
                    deadline += self._absent_s
                    if earliest is None or deadline < earliest:
                        earliest = deadline
        return earliest

    def handle_timeout(self, now: float) -> None:
        """Let time pass in all parts."""
        self.mixnet.handle_timeout(now)
        if self._suspended:
            return
        present = self._present(now)
        if self._ipr is not None:
            self._ipr.handle_timeout(present)
            self._take_ipr_events(now)
        if self.device is not None:
            deadline = self.device.next_timeout()
            if deadline is not None and deadline <= present:
                self.device.handle_timeout(present)

    def _present(self, now: float) -> float:
        """The time by which others are judged; see `note_absence`."""
        return now - self._absent_s

    def _room(self, waiting: int) -> int:
        """How many fragments may be queued now, so that packets wait in the device and not here."""
        if not self.mixnet.is_paced:
            return CHANNEL_SLOTS - waiting - self.mixnet.queued
        # What else waits (reply SURBs that the exit asked for) leaves every second packet to the device.
        least = 0 if self.mixnet.has_unsealed_data else 1
        return max(least, PACED_FRAGMENTS - self.mixnet.queued)

    def _take_device_packets(self, now: float, limit: int) -> None:
        if self._feed is None or self._ipr is None or not self._ipr.is_connected or limit <= 0:
            return
        present = self._present(now)
        for packet, delivery in self._feed.take(limit, present, self.mixnet.counters.round_trip_s or 0.0):
            try:
                self._ipr.send_packet(packet, present, delivery)
            except MixError:
                continue  # a device may be anything, also one that emits what no IP packet can be
            self._bytes_sent += len(packet)

    def _receive_reply(self, data: bytes, now: float) -> None:
        self._surbs.note_reply(len(data))
        if self._ipr is None:
            return
        try:
            self._ipr.receive_message(data, self._present(now))
        except PeerMisbehaved:
            self.mixnet.counters.packets_dropped += 1

    def _send_messages(self, now: float) -> None:
        if self._ipr is None or self.exit is None:
            return
        for message in self._ipr.messages_to_send(self._present(now)):
            surbs = message.reply_surbs
            if self._is_balanced:
                surbs = balanced_surbs(len(message.payload))
            elif message.wants_answer:
                surbs = max(surbs, 1)
            elif self._ipr.is_connected:
                surbs = self._surbs.choose(surbs, len(message.payload))
            self._surbs.give(surbs)
            self.mixnet.send_message(
                message.payload,
                self.exit.recipient,
                now,
                surbs=surbs,
                needs_acks=message.wants_answer or not self._ipr.is_connected,
                deliveries=message.deliveries,
            )

    def _choose_surbs(self) -> None:
        """Let the exit answer on SURBs that seal, where both it and our gateway have announced that they can."""
        can = self.exit is not None and NodeFeature.SEALED_REPLIES in self.exit.features
        self.mixnet.seals_replies = can and self._carries_sealed_replies

    def _take_ipr_events(self, now: float) -> None:
        if self._ipr is None:
            return
        while (event := self._ipr.next_event()) is not None:
            match event:
                case PacketReceived(packet):
                    self._bytes_received += len(packet)
                    if self.device is not None:
                        self.device.receive_packet(packet, self._present(now))
                case ExitConnected():
                    if self._is_balanced:
                        event = replace(event, best_packet_bytes=BALANCED_MESSAGE_LENGTH - DATA_OVERHEAD)
                    self.device = self._make_device(event)
                    self._feed = DeviceFeed(self.device)
                    if self._is_balanced and self.exit is not None:
                        self.mixnet.pull_from(self.exit.recipient, self._ipr.opening())
                    self._events.append(event)
                case ExitRefused() | ExitLost():
                    self.mixnet.stop_pulling()
                    self.device = self._feed = None
                    self._events.append(event)
                case ExitReported():
                    self._events.append(event)
                case _:
                    pass
