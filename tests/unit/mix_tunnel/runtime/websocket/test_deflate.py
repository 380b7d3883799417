"""permessage-deflate with the smallest windows, in both directions, and with blocks that are marked as the last."""

from __future__ import annotations

import random
import zlib

import pytest
from support.kernel_connector import KernelConnector
from support.websocket_server import deflated, frame, read_frame, speaking
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode

from mix_tunnel.runtime.websocket import Compression, WebSocketOptions, connect_websocket
from mix_tunnel.runtime.websocket.deflate import MAX_RESTARTS, DeflateFactory
from mix_tunnel.runtime.websocket.errors import ConnectionClosedError

SMALL_WINDOW = b"Sec-WebSocket-Extensions: permessage-deflate; "


def repetitive(seed: int) -> bytes:
    """Data that repeat themselves at every distance."""
    drawn = random.Random(seed)
    words = [drawn.randbytes(drawn.randrange(3, 40)) for _ in range(60)]
    return b"".join(drawn.choice(words) for _ in range(4000))


def inflated_within(window_bits: int, data: bytes) -> bytes:
    """Inflate byte by byte, so that nothing but the window is left to look back to."""
    inflater = zlib.decompressobj(wbits=-window_bits)
    output = bytearray()
    for octet in data:
        piece = inflater.decompress(bytes([octet]), 1)
        while piece:
            output += piece
            piece = inflater.decompress(inflater.unconsumed_tail, 1)
    return bytes(output)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_compressed_for_a_window_of_8_bits_fits_it(seed):
    [parameters] = [[("client_max_window_bits", "8")]]
    extension = DeflateFactory(compress_settings={"memLevel": 5}).process_response_params(parameters, [])
    plain = repetitive(seed)
    packed = bytes(extension.encode(Frame(Opcode.BINARY, plain)).data)
    assert len(packed) < 0.9 * len(plain)
    assert inflated_within(8, packed + b"\0\0\xff\xff") == plain


def test_the_same_window_one_bit_larger_would_not_fit():
    """The check above finds out: it fails for what was made for 10 bits."""
    compressor = zlib.compressobj(wbits=-10)
    packed = compressor.compress(repetitive(1)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(zlib.error):
        inflated_within(8, packed)


@pytest.mark.parametrize("options", [{}, {"extensions": [ClientPerMessageDeflateFactory()]}], ids=["ours", "theirs"])
async def test_we_send_into_a_window_of_8_bits(options):
    sent: list[bytes] = []

    async def take(reader, writer):
        _, data = await read_frame(reader)
        sent.append(data)
        writer.write(frame(8, b"\x03\xe8"))

    async with speaking(b"", SMALL_WINDOW + b"client_max_window_bits=8", then=take) as port:
        websocket = await connect_websocket(KernelConnector(), f"ws://demo.test:{port}/", WebSocketOptions(**options))
        await websocket.send(repetitive(1))
        await websocket.wait_closed()
    assert inflated_within(8, sent[0] + b"\0\0\xff\xff")[:1000] == repetitive(1)[:1000]


@pytest.mark.parametrize("bits", [b"8", b'"8"', b"9", b"15"])
@pytest.mark.parametrize("more", [b"", b"; server_no_context_takeover"], ids=["kept", "new for each"])
async def test_a_server_may_use_more_of_a_window_than_it_says(bits, more):
    """As zlib did for 8 bits: its window has 9 then, and older ones look back through all of it."""
    compressor = zlib.compressobj(wbits=-12)
    packed = (compressor.compress(repetitive(2)) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    frames = frame(2, packed, rsv1=True) + frame(8, b"\x03\xe8")
    async with speaking(frames, SMALL_WINDOW + b"server_max_window_bits=" + bits + more) as port:
        websocket = await connect_websocket(KernelConnector(), f"ws://demo.test:{port}/", WebSocketOptions())
        assert await websocket.recv() == repetitive(2)
        websocket.abort()


def test_a_factory_of_the_library_keeps_what_it_offers():
    given = ClientPerMessageDeflateFactory(True, True, 10, 11, {"level": 1})
    own = DeflateFactory.of(given)
    assert own.get_request_params() == given.get_request_params()
    assert own.compress_settings == {"level": 1}
    assert isinstance(Compression().factory(), DeflateFactory)
    assert isinstance(
        own.process_response_params([("server_no_context_takeover", None), ("server_max_window_bits", "10")], []),
        PerMessageDeflate,
    )


# --- blocks marked as the last

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"
LONG = repetitive(3)


def finished(data: bytes) -> bytes:
    """A whole deflate stream: its last block is marked so, as a zlib without sync flush makes it."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize("window", [b"", b"; server_no_context_takeover"], ids=["window kept", "window dropped"])
@pytest.mark.parametrize("behind", [b"\0", b""], ids=["as in the standard", "without the byte behind"])
async def test_messages_whose_last_block_is_marked_so(window, behind):
    messages = [finished(b"one") + behind, finished(LONG) + behind, finished(b"") + behind, deflated(b"four"), b"\0"]
    frames = b"".join(frame(2, message, rsv1=True) for message in messages)
    async with speaking(frames + b"\x88\x02\x03\xe8", DEFLATE + window) as port:
        websocket = await connect_websocket(KernelConnector(), f"ws://demo.test:{port}/", WebSocketOptions())
        assert [message async for message in websocket] == [b"one", LONG, b"", b"four", b""]


async def test_a_message_of_several_streams_in_pieces_of_any_size():
    packed = finished(b"one ") + finished(b"two ") + finished(LONG) + b"\0"
    pieces = [packed[:1], packed[1:7], packed[7:3000], packed[3000:]]
    frames = frame(2, pieces[0], fin=False, rsv1=True)
    frames += b"".join(frame(0, piece, fin=piece is pieces[-1]) for piece in pieces[1:])
    async with speaking(frames + frame(2, deflated(b"next"), rsv1=True) + b"\x88\x02\x03\xe8", DEFLATE) as port:
        websocket = await connect_websocket(KernelConnector(), f"ws://demo.test:{port}/", WebSocketOptions())
        assert [message async for message in websocket] == [b"one two " + LONG, b"next"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (finished(b"") * (MAX_RESTARTS + 1), 1002),
        (finished(bytes(600_000)) * 2, 1009),
        (finished(bytes(1_000_000)) + deflated(b"x"), 1009),
        (finished(b"") + b"\xff\xff", 1002),
    ],
    ids=["streams without end", "too long together", "one byte too long", "garbage behind"],
)
async def test_streams_behind_one_another_have_limits(message, code):
    async with speaking(frame(2, message, rsv1=True), DEFLATE) as port:
        options = WebSocketOptions(max_message_bytes=1_000_000)
        websocket = await connect_websocket(KernelConnector(), f"ws://demo.test:{port}/", options)
        with pytest.raises(ConnectionClosedError) as caught:
            await websocket.recv()
        assert caught.value.sent is not None
        assert caught.value.sent.code == code
