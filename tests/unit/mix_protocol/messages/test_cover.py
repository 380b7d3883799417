import pytest

from mix_protocol.messages.cover import cover_content, is_cover
from mix_protocol.messages.fragment import Fragment, MalformedFragment
from mix_protocol.messages.geometry import DATA_SIZES, fragment_length
from mix_protocol.sphinx.geometry import PacketSize


@pytest.mark.parametrize("size", DATA_SIZES)
def test_cover_is_as_long_as_a_fragment(size: PacketSize):
    content = cover_content(size)
    assert len(content) == fragment_length(size)
    assert content[:20] == b"The cake is a lie!\x01\x00"
    assert not any(content[19:])
    assert is_cover(content)


def test_cover_and_fragments_cannot_be_confused():
    with pytest.raises(MalformedFragment):
        Fragment.decode(cover_content())
    assert not is_cover(Fragment(0x54686520, 1, 1, None, None, b"cake is a lie!").encode())
