from dataclasses import dataclass

import pytest

from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage


@dataclass(frozen=True)
class Cup:
    colour: str
    size: int = 1


def test_round_trip():
    assert decode_json(encode_json(Cup("blue", 3)), Cup, "cup") == Cup("blue", 3)


def test_unknown_members_are_ignored():
    assert decode_json(b'{"colour":"red","handle":true}', Cup, "cup") == Cup("red")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"size":1}',
        b'{"colour":5}',
        b'{"colour":"\xff"}',
        b'{"colour":"a","size":1e400}',
        b'{"colour":"a","size":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"colour":' + b'{"a":' * 100_000,
    ],
)
def test_anything_else_is_malformed(data: bytes):
    with pytest.raises(MalformedMessage, match="malformed cup"):
        decode_json(data, Cup, "cup")
