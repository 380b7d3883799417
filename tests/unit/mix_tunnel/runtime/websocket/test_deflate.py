"""permessage-deflate with the smallest windows, in both directions."""

from __future__ import annotations

import random
import zlib

import pytest
from support.kernel_connector import KernelConnector
from support.websocket_server import frame, read_frame, speaking
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode

from mix_tunnel.runtime.websocket import Compression, WebSocketOptions, connect_websocket
from mix_tunnel.runtime.websocket.deflate import DeflateFactory

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
