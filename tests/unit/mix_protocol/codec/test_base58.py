import pytest

from mix_protocol.codec import base58
from mix_protocol.codec.reader import MalformedMessage


def test_known_answers():
    # draft-msporny-base58-03, section 5
    assert base58.encode(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert base58.encode(bytes.fromhex("0000287fb4cd")) == "11233QC4"
    assert base58.decode("11233QC4") == bytes.fromhex("0000287fb4cd")


@pytest.mark.parametrize("text", ["0", "O", "l", "I", "é", "2NEpo7TZRRrLZSi2U ", "1" * 257])
def test_other_text_is_refused(text: str):
    with pytest.raises(MalformedMessage):
        base58.decode(text)


def test_a_length_can_be_demanded():
    assert len(base58.decode("1" * 32, 32)) == 32
    with pytest.raises(MalformedMessage, match="31 bytes, not 32"):
        base58.decode("1" * 31, 32)
