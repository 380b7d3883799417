"""Which segment leaves next."""

from __future__ import annotations

from mix_protocol.delivery import Delivery
from mix_protocol.netstack.tcp.control_block import ControlBlock
from mix_protocol.netstack.tcp.retransmission_queue import SentSegment
from mix_protocol.netstack.tcp.sequence import wrap
from mix_protocol.netstack.tcp.state import TcpState
from mix_protocol.netstack.wire.tcp import (
    ACK,
    FIN,
    MAX_SACK_BLOCKS,
    PSH,
    SACK_BLOCK_LENGTH,
    SACK_OPTION_OVERHEAD,
    SYN,
    TcpSegment,
)

# Two blocks on a data segment tell what is new; all four fit on a bare acknowledgment.
_DATA_SACK_BLOCKS = 2
_DATA_SACK_OPTION = SACK_OPTION_OVERHEAD + _DATA_SACK_BLOCKS * SACK_BLOCK_LENGTH


def next_segment(block: ControlBlock, now: float) -> TcpSegment | None:
    """The next segment that leaves now, None when there is none; call it until then."""
    block.departing = None
    if block.resets:
        return block.resets.pop(0)
    if block.state is TcpState.CLOSED:
        return None
    if block.is_handshaking:
        return _next_of_handshake(block, now)
    sender, receiver = block.sender, block.receiver
    option_length = _DATA_SACK_OPTION if receiver.wants_sack else 0
    sent = sender.next_segment(now, option_length)
    if sent is not None:
        return _data_segment(block, sent)
    if sender.timers.zero_window_probe or block.keep_alive.probe_due:
        sender.timers.zero_window_probe = block.keep_alive.probe_due = False
        # A number that is acknowledged already makes the peer answer, and costs it nothing.
        return _segment(block, sender.snd_una - 1, ACK)
    if receiver.ack_now:
        return _segment(block, sender.snd_nxt, ACK, sack_blocks=MAX_SACK_BLOCKS)
    return None


def _next_of_handshake(block: ControlBlock, now: float) -> TcpSegment | None:
    if not block.syn_due:
        return None
    block.syn_due = False
    block.syn_transmissions += 1
    block.syn_sent_at = now
    backoff: int = 1 << min(block.syn_transmissions - 1, 16)
    block.syn_wait_s = min(block.config.initial_rto_s * backoff, block.config.maximum_rto_s)
    block.syn_retransmit_at = now + block.syn_wait_s
    block.abandon_syn()
    block.syn_delivery = block.departing = Delivery()
    is_answer = block.state is TcpState.SYN_RECEIVED
    flow = block.flow
    segment = TcpSegment(
        flow.local_port,
        flow.remote_port,
        wrap(block.iss),
        wrap(block.receiver.rcv_nxt) if is_answer else 0,
        SYN | ACK if is_answer else SYN,
        min(block.config.receive_buffer_bytes, 0xFFFF),
        mss=block.own_mss,
    )
    # Options are offered on a SYN, and on the answer only if the peer offered them too.
    if not is_answer or block.peer_scale is not None:
        segment.window_scale = block.config.window_scale
    segment.sack_permitted = block.peer_sack or not is_answer
    if is_answer:
        block.receiver.ack_now = False
    return segment


def _data_segment(block: ControlBlock, sent: SentSegment) -> TcpSegment:
    sender = block.sender
    block.departing = sent.new_delivery()
    payload = sender.buffer.slice(sent.start, sent.data_end)
    flags = ACK
    if sent.has_fin:
        flags |= FIN
    if sent.data_end == sender.buffer.end:
        flags |= PSH
    room = sender.mss - len(payload) - SACK_OPTION_OVERHEAD
    sack_blocks = min(max(0, room // SACK_BLOCK_LENGTH), _DATA_SACK_BLOCKS)
    return _segment(block, sent.start, flags, payload, sack_blocks)


def _segment(block: ControlBlock, sequence: int, flags: int, payload: bytes = b"", sack_blocks: int = 0) -> TcpSegment:
    receiver = block.receiver
    flow = block.flow
    return TcpSegment(
        flow.local_port,
        flow.remote_port,
        wrap(sequence),
        wrap(receiver.rcv_nxt),
        flags,
        receiver.acknowledge(block.receive_scale),
        payload,
        sack_blocks=receiver.sack_blocks(sack_blocks),
    )
