import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.noise.frames import MAX_HANDSHAKE_LENGTH, FrameType, encode_frame
from mix_protocol.noise.link import NoiseLink


def make_crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


CRYPTO = make_crypto()
OURS, THEIRS = b"\x01" * 32, b"\x02" * 32
PIECES = st.lists(st.binary(max_size=300) | st.just(bytes(70_000)), max_size=4)
CUTS = st.lists(st.floats(0, 1), max_size=8)
STAGES = st.integers(0, 3)
"""How many messages of the handshake have passed."""


def links(seed: int = 0) -> tuple[NoiseLink, NoiseLink]:
    random = SeededRandom(seed)
    initiator = NoiseLink.initiate(CRYPTO, random, OURS, CRYPTO.x25519_public(THEIRS))
    return initiator, NoiseLink.respond(CRYPTO, random, THEIRS)


def feed_in_pieces(link: NoiseLink, stream: bytes, cuts: list[float]) -> bytes:
    edges = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    return b"".join(piece for start, end in pairwise(edges) for piece in link.receive(stream[start:end]))


@given(PIECES, PIECES, CUTS)
def test_bytes_arrive_however_the_stream_is_cut(there, back, cuts):
    initiator, responder = links()
    assert feed_in_pieces(responder, initiator.data_to_send(), cuts) == b""
    assert feed_in_pieces(initiator, responder.data_to_send(), cuts) == b""
    stream = initiator.data_to_send() + b"".join(map(initiator.seal, there))
    assert feed_in_pieces(responder, stream, cuts) == b"".join(there)
    assert feed_in_pieces(initiator, b"".join(map(responder.seal, back)), cuts) == b"".join(back)


def reach(stage: int) -> tuple[NoiseLink, NoiseLink]:
    """Whom the next bytes are for, after so many messages, and the other end."""
    receiver, sender = links()
    for _ in range(stage):
        receiver, sender = sender, receiver
        receiver.receive(sender.data_to_send())
    return (sender, receiver) if stage < 3 else (receiver, sender)


def garbage() -> st.SearchStrategy[bytes]:
    framed = st.builds(encode_frame, st.sampled_from(FrameType), st.binary(max_size=MAX_HANDSHAKE_LENGTH + 40))
    return st.lists(st.binary(min_size=1, max_size=200) | framed, min_size=1, max_size=4).map(b"".join)


@given(STAGES, garbage())
def test_garbage_is_misbehaviour_or_an_unfinished_frame_and_little_is_held(stage, data):
    receiver, _ = reach(stage)
    receiver.data_to_send()
    try:
        assert receiver.receive(data) == []
    except PeerMisbehaved:
        assert receiver._frames.held_bytes == 0
        assert not receiver.is_ready
    else:
        assert receiver._frames.held_bytes < 8 + 0xFFFF
    assert receiver.data_to_send() == b""


@given(STAGES, st.data())
def test_no_byte_of_a_message_can_be_changed(stage, data):
    receiver, sender = reach(stage)
    stream = bytearray(sender.data_to_send() or sender.seal(b"some plaintext"))
    # The reserved bytes of the header mean nothing; a greater length has the rest waited for.
    at = data.draw(st.sampled_from([*range(3), *range(8, len(stream))]))
    stream[at] ^= data.draw(st.integers(1, 255))
    try:
        receiver.receive(bytes(stream))
    except PeerMisbehaved:
        return
    # The last bit of a public key is not part of it: the handshake's hash differs, and the proof behind it fails.
    raise AssertionError("a changed message was taken")
