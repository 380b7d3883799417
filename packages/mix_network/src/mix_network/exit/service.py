"""The IP packet router as a service inside the exit gateway.

It is a client of its own gateway: requests come as pushed payloads, answers leave on reply SURBs. Between the two stand
the router (who has which address) and a device (where IP packets go).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mix_network.exit.forwarder import Forwarder
from mix_network.node_keys import ServiceKeys
from mix_network.presence import PresentTime
from mix_protocol.addressing import Recipient
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.ipr.router import IprRouter, RouterConfig
from mix_protocol.ipr.router_events import (
    BalanceRequested,
    ClientConnected,
    ClientExpired,
    ExpiryReason,
    PacketForwarded,
)
from mix_protocol.messages.nym_message import AdditionalSurbs, Heartbeat, NymMessage, PlainMessage, RepliableData
from mix_protocol.messages.preparation import MessagePreparer, PreparedPacket
from mix_protocol.messages.reception import AckReceived, MessageReceived, MessageReceiver, PayloadDropped
from mix_protocol.messages.reply_queue import RepliesDropped, ReplyQueue, ReplyQueueOptions
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.netstack.device import Device
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.topology import Topology

_PACKETS_AT_ONCE = 16
"""Reply packets that are built before other work gets its turn; each costs about a millisecond."""
_PUSHED_AT_ONCE = 64
CONTROL_RETRANSMISSIONS = 3
"""How often an answer that a client waits for is sent again while it is not acknowledged; IP packets never are, for TCP
above them does that."""
_ROTATION_LAG_S = 1.0
"""When this process was away for so long, the moments at which keys change are told anew."""
_MAX_WAITING_PUSHES = 4096
_CRASH_PAUSE_S = 0.05

logger = logging.getLogger(__name__)


@dataclass
class ServiceCounters:
    """What the service did; all only ever grow."""

    messages: int = 0
    payloads_dropped: int = 0
    packets_from_clients: int = 0
    packets_to_clients: int = 0
    replies_sent: int = 0
    replies_dropped: int = 0


class IpPacketRouterService:
    """Runs an `IprRouter` between a gateway and a device.

    send -- hands a packet to the gateway, to be sent to its first hop at once
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        keys: ServiceKeys,
        gateway_identity: bytes,
        *,
        send: Callable[[MixPacket], None],
        router_config: RouterConfig,
        mean_ack_delay_ms: float = 15.0,
    ) -> None:
        self.recipient: Recipient = keys.recipient(gateway_identity)
        self.counters = ServiceCounters()
        self._send = send
        self._preparer = MessagePreparer(
            crypto, random, self.recipient, keys.ack_key, mean_ack_delay_ms=mean_ack_delay_ms
        )
        self._receiver = MessageReceiver(crypto, keys.encryption_secret, keys.ack_key)
        # Everybody who has addresses here, and as many who are about to ask for some, can be answered.
        options = ReplyQueueOptions(senders=2 * router_config.max_clients)
        self._replies = ReplyQueue(self._preparer, random, options=options)
        self._router = IprRouter(random, router_config)
        self._device: Device | None = None
        self._forwarder: Forwarder | None = None
        self._tags: dict[IPv4Address | IPv6Address, bytes] = {}
        self._pushed: list[bytes] = []
        self._scheduled: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._presence = PresentTime()
        self._rotation: RotationPeriod | None = None
        self._rotation_set_at = 0.0
        self._crashes = CrashLog(logger)

    def start(self, device: Device, forwarder: Forwarder) -> None:
        """Begin to forward.

        device -- where clients' IP packets go: the forwarder itself, or something wrapped around it
        """
        self._device, self._forwarder = device, forwarder
        self._presence.start()
        self.wake()

    def close(self) -> None:
        """Stop; the device is its owner's to close."""
        self._closed = True
        self._presence.close()
        for handle in (self._scheduled, self._timer):
            if handle is not None:
                handle.cancel()

    def set_topology(self, topology: Topology, rotation: RotationPeriod) -> None:
        """Take a new picture of the network."""
        self._preparer.topology = topology
        self._rotation = rotation
        self._set_rotation()
        self.wake()

    def receive_pushed(self, payload: bytes) -> bool:
        """Take a payload from the gateway; False if too many wait already."""
        if len(self._pushed) >= _MAX_WAITING_PUSHES:
            self.counters.payloads_dropped += 1
            return False
        self._pushed.append(payload)
        self._presence.come()
        self.wake()
        return True

    def wake(self) -> None:
        """Something may have to be done; it is, soon."""
        if self._scheduled is None and not self._closed:
            self._scheduled = asyncio.get_running_loop().call_soon(self._run)

    def report_refused(self, client: IPv4Address | IPv6Address, destination: str) -> None:
        """Tell a client that the exit policy forbids a destination."""
        sender_tag = self._tags.get(client)
        if sender_tag is not None:
            self._router.report_denied(sender_tag, destination, self.now())

    def snapshot(self) -> dict[str, Any]:
        """Counters as JSON-able values."""
        return {
            "clients": self._router.client_count,
            "messages": self.counters.messages,
            "payloads_dropped": self.counters.payloads_dropped,
            "packets_from_clients": self.counters.packets_from_clients,
            "packets_to_clients": self.counters.packets_to_clients,
            "replies_sent": self.counters.replies_sent,
            "replies_dropped": self.counters.replies_dropped,
        }

    def now(self) -> float:
        """The clock of all that is behind the router: others' silence counts only while this process was there."""
        return self._presence.now()

    def _set_rotation(self) -> None:
        """Tell when keys change, in seconds of presence."""
        if self._rotation is not None:
            absent_s = self._rotation_set_at = self._presence.absent_s
            started_at = self._rotation.started_at - absent_s
            self._replies.set_rotation(replace(self._rotation, started_at=started_at), self.now())

    def _run(self) -> None:
        """One turn of everything: payloads → messages → packets → answers → replies."""
        self._scheduled = None
        device = self._device
        if device is None or self._closed:
            return
        if self._presence.absent_s - self._rotation_set_at > _ROTATION_LAG_S:
            self._set_rotation()
        now, crashes_before = self.now(), self._crashes.count
        pushed, self._pushed = self._pushed[:_PUSHED_AT_ONCE], self._pushed[_PUSHED_AT_ONCE:]
        for payload in pushed:
            with self._crashes.isolated("the handling of one client's payload"):
                self._receiver.receive_pushed(payload, now)
        self._presence.taken(len(pushed))
        self._take_received(now)
        self._take_routed(device, now)
        # After what has come: it may be what somebody was silent about until now.
        self._handle_timeouts(device, now)
        self._take_routed(device, now)
        self._take_from_device(device, now)
        self._queue_replies(now)
        sent = self._send_replies(now)
        if self._pushed or sent == _PACKETS_AT_ONCE:
            self.wake()
        # What fails each time that its time comes must not keep everything else from its turn.
        self._arm_timer(device, now + _CRASH_PAUSE_S if self._crashes.count > crashes_before else now)

    def _take_from_device(self, device: Device, now: float) -> None:
        packets: list[bytes] = []
        with self._crashes.isolated("one turn of the exit's network"):
            packets = device.packets_to_send(now)
        for packet in packets:
            self.counters.packets_to_clients += 1
            with self._crashes.isolated("the handling of one packet to a client"):
                self._router.receive_ip_packet(packet, now)

    def _queue_replies(self, now: float) -> None:
        for sender_tag, reply, is_control in self._router.replies_to_send(now):
            again = CONTROL_RETRANSMISSIONS if is_control else 0
            with self._crashes.isolated("one reply to a client"):
                if not self._replies.queue_reply(sender_tag, reply, now, max_retransmissions=again):
                    self.counters.replies_dropped += 1

    def _send_replies(self, now: float) -> int:
        """Build and send the replies whose turn it is; gives how many packets that were."""
        sent = 0
        while sent < _PACKETS_AT_ONCE:
            prepared: list[PreparedPacket] = []
            sent += 1
            with self._crashes.isolated("one reply to a client"):
                # One at a time: whatever is wrong with a client's reply blocks costs that reply alone.
                prepared = self._replies.packets_to_send(now, 1)
                if not prepared:
                    sent -= 1
                    break
            for each in prepared:
                self.counters.replies_sent += 1
                self._send(each.packet)
        while (event := self._replies.next_event()) is not None:
            self._log_dropped(event)
        return sent

    def _take_received(self, now: float) -> None:
        while (event := self._receiver.next_event()) is not None:
            if isinstance(event, MessageReceived):
                self.counters.messages += 1
                with self._crashes.isolated("the handling of one client's message"):
                    self._receive_message(event.message, now)
            elif isinstance(event, AckReceived):
                self._replies.acknowledge(event.identifier, event.ack_iv, now)
            elif isinstance(event, PayloadDropped):
                self.counters.payloads_dropped += 1

    def _receive_message(self, message: NymMessage, now: float) -> None:
        if isinstance(message, RepliableData):
            self._replies.receive_surbs(message.sender_tag, message.surbs, now)
            self._router.receive_message(message.sender_tag, message.data, now)
        elif isinstance(message, AdditionalSurbs):
            self._replies.receive_surbs(message.sender_tag, message.surbs, now, requested=True)
        elif isinstance(message, Heartbeat):
            self._replies.receive_surbs(message.sender_tag, message.surbs, now)
        elif isinstance(message, PlainMessage):
            self._router.receive_message(None, message.data, now)

    def _take_routed(self, device: Device, now: float) -> None:
        while (event := self._router.next_event()) is not None:
            if isinstance(event, PacketForwarded):
                self.counters.packets_from_clients += 1
                with self._crashes.isolated("the handling of one client's packet"):
                    device.receive_packet(event.packet, now)
            elif isinstance(event, BalanceRequested):
                self._replies.balance(event.sender_tag, now)
            elif isinstance(event, ClientConnected):
                self._tags[event.ipv4] = self._tags[event.ipv6] = event.sender_tag
            elif isinstance(event, ClientExpired):
                for address in (event.ipv4, event.ipv6):
                    self._tags.pop(address, None)
                    if self._forwarder is not None:
                        self._forwarder.drop_client(address.packed)
                if event.reason is ExpiryReason.DISCONNECTED:
                    # Not who fell silent: should it come back, it can be told that it has no addresses any more.
                    self._replies.retire(event.sender_tag)

    def _handle_timeouts(self, device: Device, now: float) -> None:
        for machine in (device, self._router, self._replies, self._receiver):
            timeout = machine.next_timeout()
            if timeout is not None and timeout <= now:
                with self._crashes.isolated("one turn of the exit's clock"):
                    machine.handle_timeout(now)

    def _arm_timer(self, device: Device, not_before: float) -> None:
        timeouts = [machine.next_timeout() for machine in (device, self._router, self._replies, self._receiver)]
        due = min((max(timeout, not_before) for timeout in timeouts if timeout is not None), default=None)
        when = due + self._presence.absent_s if due is not None else None
        if self._timer is not None:
            if when is not None and self._timer.when() == when:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._on_timer) if when is not None else None

    def _on_timer(self) -> None:
        self._timer = None
        self.wake()

    def _log_dropped(self, event: RepliesDropped) -> None:
        self.counters.replies_dropped += event.fragments
        logger.debug("a client gave no reply SURBs for too long: %d fragments dropped", event.fragments)
