import pytest

from mix_protocol.addressing import InvalidRecipient, MalformedRecipient, Recipient

RECIPIENT = Recipient(bytes(range(32)), b"\x11" * 32, b"\xff" * 32)


def test_encoding_concatenates_the_three_keys():
    assert RECIPIENT.encode() == bytes(range(32)) + b"\x11" * 32 + b"\xff" * 32
    assert Recipient.decode(RECIPIENT.encode()) == RECIPIENT
    assert Recipient.decode(memoryview(RECIPIENT.encode())) == RECIPIENT


def test_text_form():
    identity, rest = RECIPIENT.to_text().split(".")
    encryption_key, gateway = rest.split("@")
    # Base58 writes each leading zero byte as a 1.
    assert identity.startswith("1")
    assert (encryption_key, gateway) == (
        "29d2S7vB453rNYFdR5Ycwt7y9haRT5fwVwL9zTmBhfV2",
        "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG",
    )
    assert Recipient.from_text(RECIPIENT.to_text()) == RECIPIENT


@pytest.mark.parametrize("length", [0, 95, 97])
def test_wrong_lengths(length: int):
    with pytest.raises(MalformedRecipient):
        Recipient.decode(bytes(length))


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a@b", "1.1@1", "0O.Il@xx", "ä.ö@ü", RECIPIENT.to_text() + "x", "." * 99]
)
def test_malformed_text(text: str):
    with pytest.raises(MalformedRecipient):
        Recipient.from_text(text)


def test_keys_of_another_length_are_a_callers_mistake():
    with pytest.raises(InvalidRecipient):
        Recipient(bytes(31), bytes(32), bytes(32))
