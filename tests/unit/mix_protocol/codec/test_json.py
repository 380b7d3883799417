from dataclasses import dataclass

import pytest

from mix_protocol.codec.json import MAX_NESTING, check_nesting, decode_json, encode_json
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


@pytest.mark.parametrize("depth", [499, 501, 3_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('["]]]]",', "]")])
def test_nesting_is_bounded(depth, opening, closing):
    text = opening * depth + "1" + closing * depth
    if depth < MAX_NESTING and len(opening) == 1:
        check_nesting(text, "text")
    if depth > MAX_NESTING:
        for data in (text, text.encode()):
            with pytest.raises(MalformedMessage):
                check_nesting(data, "text")


def test_brackets_in_strings_are_no_nesting():
    text = encode_json(["[" * 5_000, '"\\' + "{" * 5_000])
    check_nesting(text, "text")
    assert decode_json(text, list[str], "text")[0] == "[" * 5_000


def test_wide_documents_are_fine():
    wide = encode_json([[{"a": [1, []]}] * 50] * 500)
    check_nesting(wide, "text")


@pytest.mark.parametrize("end", ["", "\\", '"', '\\"'])
def test_strings_are_skipped_in_linear_time(end):
    """With a pattern that tries every quote anew this takes an hour."""
    for data in (text := '"' + '\\"' * 2_000_000 + end, text.encode()):
        check_nesting(data, "text")


def test_what_follows_an_escaped_backslash_is_no_string():
    with pytest.raises(MalformedMessage):
        check_nesting('["\\\\",' + "[" * 3_000, "text")
