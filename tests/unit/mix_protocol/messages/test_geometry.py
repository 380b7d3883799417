from mix_protocol.addressing.recipient import RECIPIENT_LENGTH
from mix_protocol.messages import geometry
from mix_protocol.messages.geometry import fragment_length, pushed_length
from mix_protocol.sphinx.geometry import PacketSize


def test_lengths_are_those_of_the_specification():
    # Nym spec, packet sizes: what the client receives, and the space for a fragment
    table = {
        PacketSize.REGULAR: (1643, 1611),
        PacketSize.EXTENDED_8: (7787, 7755),
        PacketSize.EXTENDED_16: (15979, 15947),
        PacketSize.EXTENDED_32: (32363, 32331),
    }
    assert {size: (pushed_length(size), fragment_length(size)) for size in geometry.DATA_SIZES} == table
    assert geometry.SURB_ACK_LENGTH == 405
    assert geometry.RECIPIENT_LENGTH == RECIPIENT_LENGTH == 96


def test_a_fragment_tells_its_packet_size():
    assert {fragment_length(size): size for size in geometry.DATA_SIZES} == geometry.SIZE_OF_FRAGMENT
    assert PacketSize.ACK.plaintext_length not in geometry.PUSHED_LENGTHS
