"""A connection's deadlines: handshake, TIME_WAIT, keep-alive, delayed acknowledgment and the sender's."""

from __future__ import annotations

from mix_protocol.netstack.errors import ConnectionTimedOut, ConnectTimedOut
from mix_protocol.netstack.tcp.control_block import ControlBlock
from mix_protocol.netstack.tcp.state import TcpState


def next_timeout(block: ControlBlock) -> float | None:
    """The earliest of a connection's deadlines."""
    if block.state is TcpState.CLOSED:
        return None
    if block.is_handshaking:
        deadlines = [block.connect_by, block.syn_retransmit_at]
    else:
        deadlines = [
            block.expires_at,
            block.receiver.ack_at,
            block.keep_alive.next_timeout,
            block.sender.timers.next_timeout(),
        ]
    return min((deadline for deadline in deadlines if deadline is not None), default=None)


def handle_timeout(block: ControlBlock, now: float) -> None:
    """Act on every deadline that has passed; afterwards none is left in the past, even if nothing can leave yet."""
    if block.state is TcpState.CLOSED:
        return
    if block.connect_by is not None and block.connect_by <= now:
        block.fail(block.unreachable or ConnectTimedOut())
        return
    if block.expires_at is not None and block.expires_at <= now:
        block.fail(None)
        return
    if block.syn_retransmit_at is not None and block.syn_retransmit_at <= now:
        block.syn_retransmit_at = _syn_deferred_until(block, now)
        block.syn_due = block.syn_retransmit_at is None
    if block.is_handshaking:
        return
    receiver = block.receiver
    if receiver.ack_at is not None and receiver.ack_at <= now:
        receiver.ack_now = True
        receiver.ack_at = None
    alive = block.keep_alive.handle_timeout(now, block.sender.has_outstanding)
    if not (alive and block.sender.timers.handle_timeout(now, block.config.user_timeout_s)):
        block.fail(block.unreachable or ConnectionTimedOut())


def _syn_deferred_until(block: ControlBlock, now: float) -> float | None:
    """Until when a SYN is not repeated, since the link below does it; None if it is to be repeated now."""
    delivery = block.syn_delivery
    if delivery is None or not delivery.is_vouched_for:
        return None
    since = now if delivery.delivered_at is None else delivery.delivered_at
    return since + block.syn_wait_s if since + block.syn_wait_s > now else None


def arm(block: ControlBlock, now: float) -> None:
    """Start the timer of a FIN_WAIT_2 in which nobody waits for the peer any more (RFC 9293 section 3.6)."""
    if block.state is TcpState.FIN_WAIT_2 and block.input_discarded and block.expires_at is None:
        block.expires_at = now + block.config.fin_wait_2_timeout_s
