import pytest

from mix_protocol.crypto.provider import AuthenticationFailed, InvalidPublicKey
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.noise.errors import LinkNotReady, LinkSpent
from mix_protocol.noise.link import MAX_PLAINTEXT_LENGTH, NoiseLink


def test_bytes_go_both_ways(ready_ends):
    initiator, responder = ready_ends
    assert responder.receive(initiator.seal(b"there") + initiator.seal(b"again")) == [b"there", b"again"]
    assert initiator.receive(responder.seal(b"back")) == [b"back"]
    assert initiator.data_to_send() == responder.data_to_send() == b""


def test_data_right_behind_the_last_message_of_the_handshake(ends):
    initiator, responder = ends
    responder.receive(initiator.data_to_send())
    assert initiator.receive(responder.data_to_send()) == []
    assert initiator.is_ready
    assert not responder.is_ready
    assert responder.receive(initiator.data_to_send() + initiator.seal(b"early")) == [b"early"]


def test_long_data_is_cut_at_what_a_frame_holds(ready_ends):
    initiator, responder = ready_ends
    data = bytes(MAX_PLAINTEXT_LENGTH + 1)
    sealed = initiator.seal(data)
    assert len(sealed) == len(data) + 2 * (8 + 16)
    assert sealed[:8].hex() == "010101ffff000000"
    assert [len(piece) for piece in responder.receive(sealed)] == [MAX_PLAINTEXT_LENGTH, 1]
    assert initiator.seal(b"") == b""


def test_nothing_is_sealed_before_the_handshake_is_over(ends):
    for end in ends:
        with pytest.raises(LinkNotReady):
            end.seal(b"data")


def test_after_an_error_nothing_goes_any_more(ready_ends):
    initiator, responder = ready_ends
    sealed = bytearray(initiator.seal(b"data"))
    sealed[-1] ^= 1
    with pytest.raises(AuthenticationFailed):
        responder.receive(bytes(sealed))
    assert not responder.is_ready
    with pytest.raises(LinkSpent):
        responder.receive(initiator.seal(b"more"))
    with pytest.raises(LinkSpent):
        responder.seal(b"data")


@pytest.mark.parametrize("spoil", [b"\x08\x02\x00\x01" + bytes(400), bytes(8), b"GET / HTTP/1.1\r\n\r\n"])
def test_who_speaks_without_encryption_is_refused_at_once(ends, spoil):
    _, responder = ends
    with pytest.raises(PeerMisbehaved):
        responder.receive(spoil)


def test_a_frame_that_was_seen_does_not_open_again(ready_ends):
    initiator, responder = ready_ends
    sealed = initiator.seal(b"data")
    assert responder.receive(sealed) == [b"data"]
    with pytest.raises(AuthenticationFailed):
        responder.receive(sealed)


def test_a_node_whose_key_is_of_low_order_is_not_dialled(crypto):
    with pytest.raises(InvalidPublicKey):
        NoiseLink.initiate(crypto, bytes, b"\x01" * 32, bytes(32))


def test_no_secret_in_a_representation(ready_ends):
    for end in ready_ends:
        assert repr(end).startswith("<mix_protocol.noise.link.NoiseLink object")
