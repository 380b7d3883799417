"""What comes through the mixnet and from gateways: the worst of each format's inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.bounded_work import check_bounded

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.gateway.control import decode_client_message, decode_gateway_message
from mix_protocol.ipr.bundle import MAX_BUNDLE_PACKETS, encode_bundle, split_bundle
from mix_protocol.ipr.lp import LpFrame
from mix_protocol.ipr.requests import decode_request
from mix_protocol.ipr.responses import decode_response
from mix_protocol.messages.fragment import Fragment
from mix_protocol.messages.nym_message import MAX_SURBS, RepliableData, decode_message
from mix_protocol.messages.reassembly import Reassembler, ReassemblyLimits
from mix_protocol.mixwire.frames import FrameDecoder
from mix_protocol.netstack.reassembly import Reassembler as IpReassembler
from mix_protocol.netstack.wire.ip import IpPacket, decode_ip
from mix_protocol.netstack.wire.tcp import decode_tcp
from mix_tunnel.rpc.messages import MAX_HEAD_LENGTH, decode_head
from mix_tunnel.rpc.naming import keys_to_snake
from mix_tunnel.rpc.records import RecordDecoder

SURB = bytes(16 + 348) + b"\x04" + bytes(31 + 4 * 16)
"""A key, a header, a first hop and four seeds."""


def surb_list(count: int) -> bytes:
    return b"\x01" + bytes(16) + b"\x03" + count.to_bytes(2, "big") + b"\x04\x00" + SURB * count


def test_as_many_surbs_as_are_read() -> None:
    check_bounded(lambda: decode_message(surb_list(MAX_SURBS)))
    message = decode_message(surb_list(MAX_SURBS))
    assert isinstance(message, RepliableData)
    assert len(message.surbs) == MAX_SURBS


def test_more_surbs_than_anybody_sends_are_refused() -> None:
    text = surb_list(0xFFFF)
    check_bounded(lambda: decode_message(text))
    with pytest.raises(MalformedMessage):
        decode_message(text)


def test_bundles_of_tiny_packets() -> None:
    check_bounded(lambda: split_bundle(b"\x00\x01x" * 1_000_000))
    check_bounded(lambda: split_bundle(bytes(4_000_000)))
    assert len(split_bundle(encode_bundle([b"x"] * 1000))) == MAX_BUNDLE_PACKETS


def test_a_long_chain_of_sets() -> None:
    """Each set is complete but for the first: whatever comes, all others are looked at."""
    reassembler = Reassembler()
    count = 1000
    for number in range(2, count + 1):
        following = number + 1 if number < count else None
        reassembler.receive(Fragment(number, 1, 1, number - 1, following, b"x\x01"), 0.0)
    again = Fragment(count + 1, 1, 1, count, None, b"x")

    def receive() -> None:
        reassembler.receive(again, 0.0)

    check_bounded(receive)


def test_a_message_that_is_too_long_is_given_up() -> None:
    reassembler = Reassembler(ReassemblyLimits(message_bytes=1000))
    fragments = [Fragment(1, 3, position, None, None, bytes(400)) for position in (1, 2, 3)]
    assert [reassembler.receive(fragment, 0.0) for fragment in fragments[:2]] == [None, None]
    with pytest.raises(MalformedMessage):
        reassembler.receive(fragments[2], 0.0)
    assert reassembler.payload_bytes == 0
    assert reassembler.receive(fragments[2], 0.0) is None  # known, and over


MEGABYTE = 1 << 20
DECODERS: dict[str, Callable[[bytes], object]] = {
    "LP": LpFrame.decode,
    "requests": decode_request,
    "responses": decode_response,
    "messages": decode_message,
    "frames of nodes": lambda data: FrameDecoder().feed(data),
    "IP": decode_ip,
    "TCP": lambda data: decode_tcp(data, bytes(4), bytes(4)),
    "records": lambda data: RecordDecoder(65_536).receive(data[:65_536]),
}


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("filling", [b"\x00", b"\xff", b"\x0a\x01", b"\x0a\xff", b"\x45\x00"])
def test_long_nonsense(name: str, filling: bytes) -> None:
    data = filling * (MEGABYTE // len(filling))
    check_bounded(lambda: DECODERS[name](data))


def test_tiny_ip_fragments() -> None:
    """As many as wait for the rest of their packet; each new one is compared with all of them."""
    reassembler = IpReassembler()
    for number in range(1, 1900):
        part = IpPacket(bytes(4), bytes(4), 17, bytes(8), fragment_offset=8 * number, more_fragments=True)
        reassembler.receive(part, 0.0)

    def receive() -> None:
        for number in range(68):  # in one message
            last = IpPacket(bytes(4), bytes(4), 17, bytes(8), fragment_offset=8 * (2000 + number), more_fragments=True)
            reassembler.receive(last, 0.0)

    check_bounded(receive)


CONTROL = {
    "brackets": "[" * 65_000,
    "numbers": '{"type":"x","a":[' + "1," * 30_000 + "1]}",
    "members": "{" + ",".join(f'"k{number}":1' for number in range(6000)) + "}",
    "an open string of quotes": '"' + '\\"' * 32_000,
    "a long type": '{"type":"' + "x" * 60_000 + '"}',
    "a long number": '{"type":' + "9" * 60_000 + "}",
}


@pytest.mark.parametrize("case", CONTROL)
def test_control_messages(case: str) -> None:
    check_bounded(lambda: decode_client_message(CONTROL[case]))
    check_bounded(lambda: decode_gateway_message(CONTROL[case]))


ROOM = MAX_HEAD_LENGTH - 200
PARAMETERS = {
    "objects": "[" + '{"aB":1},' * (ROOM // 9) + "1]",
    "a long name": '{"' + "A" * ROOM + '":1}',
    "different names": "{" + ",".join(f'"aB{number:05d}":1' for number in range(ROOM // 13)) + "}",
    "brackets": "[" * ROOM,
    "a long text": '"' + "x" * ROOM + '"',
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_calls_of_a_page(case: str) -> None:
    head = '{"version":1,"type":"call","id":1,"method":"x","params":{"a":' + PARAMETERS[case] + "}}"
    check_bounded(lambda: decode_head(head))
    try:
        call = decode_head(head)
    except Exception:
        return
    check_bounded(lambda: keys_to_snake(call.params))  # type: ignore[union-attr]
