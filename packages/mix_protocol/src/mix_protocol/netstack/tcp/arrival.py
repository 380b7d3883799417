"""A segment arrives: RFC 9293 section 3.10.7, hardened by RFC 5961."""

from __future__ import annotations

from mix_protocol.netstack.errors import ConnectionClosed, ConnectionRefused, ConnectionReset
from mix_protocol.netstack.tcp.control_block import ControlBlock
from mix_protocol.netstack.tcp.sequence import unwrap, wrap
from mix_protocol.netstack.tcp.state import RECEIVING_STATES, TcpState
from mix_protocol.netstack.wire.tcp import ACK, FIN, RST, SYN, TcpSegment


def reset_for(segment: TcpSegment) -> TcpSegment | None:
    """The RST that answers a segment which belongs to no connection (section 3.10.7.1); None for a RST."""
    flags = segment.flags
    if flags & RST:
        return None
    if flags & ACK:
        return TcpSegment(segment.destination_port, segment.source_port, segment.acknowledgment, 0, RST, 0)
    length = len(segment.payload) + bool(flags & SYN) + bool(flags & FIN)
    return TcpSegment(segment.destination_port, segment.source_port, 0, wrap(segment.sequence + length), RST | ACK, 0)


def segment_arrives(block: ControlBlock, segment: TcpSegment, now: float) -> None:
    """Apply one segment of this connection's flow."""
    if block.state is TcpState.CLOSED:
        return
    if block.state is TcpState.SYN_SENT:
        _arrives_in_syn_sent(block, segment, now)
    else:
        _arrives_after_syn(block, segment, now)


def _refuse(block: ControlBlock, segment: TcpSegment) -> None:
    reset = reset_for(segment)
    if reset is not None:
        block.resets.append(reset)


def _arrives_in_syn_sent(block: ControlBlock, segment: TcpSegment, now: float) -> None:
    """Section 3.10.7.3."""
    flags = segment.flags
    has_ack = bool(flags & ACK)
    if has_ack and segment.acknowledgment != wrap(block.iss + 1):
        _refuse(block, segment)
        return
    if flags & RST:
        if has_ack:
            block.fail(ConnectionRefused())
        return
    if not flags & SYN:
        return
    block.last_heard_at = now
    block.learn_peer(segment)
    # The window of a SYN is never scaled (RFC 7323 section 2.2).
    block.sender.update_window(segment.window, segment.sequence, block.iss + 1)
    block.receiver.ack_now = True
    if has_ack:
        block.establish(now)
        block.keep_alive.on_heard(now)
    else:
        # Both ends open at once (section 3.5, figure 7): answer with SYN and ACK.
        block.move_to(TcpState.SYN_RECEIVED)
        block.syn_due = True
    # Data on a SYN is not kept: the peer sends it again after the handshake.


def _arrives_after_syn(block: ControlBlock, segment: TcpSegment, now: float) -> None:
    """Section 3.10.7.4, in its order: sequence number, RST, SYN, ACK, text, FIN."""
    receiver = block.receiver
    flags = segment.flags
    sequence = unwrap(segment.sequence, receiver.rcv_nxt)
    payload = segment.payload
    if block.state is TcpState.SYN_RECEIVED and flags & SYN and not flags & RST and segment.sequence == block.irs:
        if not flags & ACK:
            # The peer repeats its SYN, so it has not seen our answer.
            block.syn_due = True
            return
        # An answer to a simultaneous open: beyond its SYN it is an ordinary acknowledgment.
        flags &= ~SYN
        sequence += 1
    length = len(payload) + bool(flags & FIN) + bool(flags & SYN)
    if not receiver.is_acceptable(sequence, length):
        if flags & RST:
            return
        if length == 0 and not flags & SYN:
            _late_acknowledgment(block, segment, sequence, now)
            return
        if not (receiver.window == 0 and sequence == receiver.rcv_nxt):
            if flags & SYN:
                block.challenge(now)
            else:
                receiver.note_duplicate(sequence, min(len(payload), max(0, receiver.rcv_nxt - sequence)))
                _restart_time_wait(block, flags, now)
                block.last_heard_at = now
            return
        # The window is shut: take no text, but do hear the acknowledgment.
        receiver.ack_now = True
        payload = b""
        flags &= ~FIN
    if flags & RST:
        _reset_arrives(block, sequence, now)
        return
    if flags & SYN:
        # A blind attacker's, or a peer's that has restarted: its RST to our challenge will tell (RFC 5961 section 4).
        block.challenge(now)
        return
    if not flags & ACK:
        return
    if not _acknowledgment_arrives(block, segment, sequence, length, now):
        return
    if payload and block.state in RECEIVING_STATES:
        _text_arrives(block, sequence, payload, now)
    if flags & FIN and block.state not in (TcpState.CLOSED, TcpState.TIME_WAIT):
        receiver.receive_fin(sequence + len(segment.payload))
    if receiver.fin_received:
        _fin_is_reached(block, now)


def _late_acknowledgment(block: ControlBlock, segment: TcpSegment, sequence: int, now: float) -> None:
    """A bare acknowledgment overtaken by data that was sent after it, as a mixnet does all the time.

    RFC 9293 would answer and drop it. What it acknowledges and SACKs is still true, and an answer is worth its packet
    only where it may be a keep-alive or window probe.
    """
    receiver = block.receiver
    if sequence >= receiver.rcv_nxt or sequence < receiver.rcv_nxt - block.config.receive_buffer_bytes:
        block.challenge(now)
        return
    if sequence == receiver.rcv_nxt - 1:
        receiver.ack_now = True
    if segment.flags & ACK:
        _acknowledgment_arrives(block, segment, sequence, 0, now)


def _reset_arrives(block: ControlBlock, sequence: int, now: float) -> None:
    """A RST within the window counts only at its very start (RFC 5961 section 3)."""
    if sequence != block.receiver.rcv_nxt:
        block.challenge(now)
        return
    state = block.state
    if state is TcpState.SYN_RECEIVED:
        block.fail(ConnectionRefused())
    elif state in (TcpState.CLOSING, TcpState.LAST_ACK, TcpState.TIME_WAIT):
        # Both sides had said all they had to say; only the farewell is cut short.
        block.fail(None if block.sender.fin_acked else ConnectionReset())
    else:
        block.fail(ConnectionReset())


def _acknowledgment_arrives(block: ControlBlock, segment: TcpSegment, sequence: int, length: int, now: float) -> bool:
    """The fifth check; gives whether to go on with this segment."""
    sender = block.sender
    ack = unwrap(segment.acknowledgment, sender.snd_nxt)
    if block.state is TcpState.SYN_RECEIVED:
        if not block.iss < ack <= sender.snd_nxt:
            _refuse(block, segment)
            return False
        block.establish(now)
    elif ack > sender.snd_nxt or ack < sender.snd_una - max(sender.window.largest, 0xFFFF):
        block.challenge(now)
        return False
    block.last_heard_at = now
    block.keep_alive.on_heard(now)
    sender.timers.on_heard()
    window_changed = sender.update_window(segment.window << block.send_scale, sequence, ack)
    was_full = sender.buffer.free == 0
    advanced = sender.on_ack(ack, segment.sack_blocks, length == 0, window_changed, now)
    if advanced and (was_full or not sender.has_outstanding):
        block.changed = True
    if advanced and sender.fin_acked:
        return _own_fin_is_acked(block, now)
    if block.state is TcpState.TIME_WAIT:
        _restart_time_wait(block, segment.flags, now)
    return True


def _own_fin_is_acked(block: ControlBlock, now: float) -> bool:
    if block.state is TcpState.FIN_WAIT_1:
        block.move_to(TcpState.FIN_WAIT_2)
    elif block.state is TcpState.CLOSING:
        block.enter_time_wait(now)
    elif block.state is TcpState.LAST_ACK:
        block.fail(None)
        return False
    return True


def _text_arrives(block: ControlBlock, sequence: int, payload: bytes | memoryview, now: float) -> None:
    """The seventh check."""
    receiver = block.receiver
    if block.input_discarded and sequence + len(payload) > receiver.rcv_nxt:
        # Nobody will read it: let the peer know that its data is lost (RFC 1122 section 4.2.2.13).
        block.reset(ConnectionClosed())
        return
    if receiver.receive(sequence, payload, now):
        block.changed = True


def _fin_is_reached(block: ControlBlock, now: float) -> None:
    """The eighth check: the peer's stream is complete."""
    if block.state is TcpState.ESTABLISHED:
        block.move_to(TcpState.CLOSE_WAIT)
    elif block.state is TcpState.FIN_WAIT_1:
        # Had our FIN been acknowledged, the state would be FIN_WAIT_2 by now.
        block.move_to(TcpState.CLOSING)
    elif block.state is TcpState.FIN_WAIT_2:
        block.enter_time_wait(now)


def _restart_time_wait(block: ControlBlock, flags: int, now: float) -> None:
    """A repeated FIN means that our last acknowledgment was lost."""
    if block.state is TcpState.TIME_WAIT and flags & FIN:
        block.expires_at = now + block.config.time_wait_s
