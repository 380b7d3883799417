import pytest

from mix_protocol.addressing import KeyRotation, UnknownKeyRotation


@pytest.mark.parametrize(
    ("rotation_id", "expected"),
    [
        (0, KeyRotation.UNKNOWN),
        (1, KeyRotation.ODD),
        (2, KeyRotation.EVEN),
        (40, KeyRotation.EVEN),
        (41, KeyRotation.ODD),
        (2**32 - 2, KeyRotation.EVEN),
        (2**32 - 1, KeyRotation.UNKNOWN),
    ],
)
def test_parity_of_a_rotation(rotation_id: int, expected: KeyRotation):
    assert KeyRotation.from_rotation_id(rotation_id) is expected


def test_bytes():
    assert [KeyRotation.from_byte(value) for value in range(3)] == list(KeyRotation)
    for value in (3, 255):
        with pytest.raises(UnknownKeyRotation) as caught:
            KeyRotation.from_byte(value)
        assert caught.value.fields == {"value": value}
