from dataclasses import dataclass, field

import pytest

from mix_protocol.codec.json import MAX_NESTING
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.codec.steps import run
from mix_protocol.codec.tolerant_json import JsonObject, decode_readable, decode_tolerantly


@dataclass(frozen=True)
class Handle:
    colour: str
    width: int = 1


@dataclass(frozen=True)
class Cup:
    name: str
    size: int = 1
    handle: Handle | None = None
    lid: Handle = field(default_factory=lambda: Handle("white"))
    stains: list[Handle] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size is negative")


@pytest.mark.parametrize(
    ("data", "cup"),
    [
        (b'{"name":"a","size":2,"moon":1}', Cup("a", 2)),
        (b'{"name":"a","size":"2"}', Cup("a")),
        (b'{"name":"a","handle":5}', Cup("a")),
        (b'{"name":"a","handle":{"colour":"red","width":"2"}}', Cup("a", handle=Handle("red"))),
        (b'{"name":"a","handle":{"width":2}}', Cup("a")),
        (b'{"name":"a","lid":{"colour":"red","width":[]}}', Cup("a", lid=Handle("red"))),
        (b'{"name":"a","stains":[{"colour":"red"},{"colour":7}]}', Cup("a")),
        (b'{"size":"2","name":"a","lid":null}', Cup("a")),
    ],
)
def test_what_cannot_be_read_counts_as_absent(data, cup):
    assert decode_tolerantly(data, Cup, "cup") == cup


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"5", b'{"name":5}', b'{"size":1}', b'{"name":"a"', b'{"name":"a","size":-1}x', b'{"size":-1}']
)
def test_what_is_required_must_be_there(data):
    with pytest.raises(MalformedMessage, match="malformed cup"):
        decode_tolerantly(data, Cup, "cup")


def test_a_value_that_only_the_class_refuses():
    with pytest.raises(MalformedMessage, match="size is negative"):
        decode_tolerantly(b'{"name":"a","size":-1}', Cup, "cup")


def test_rows_are_left_out_one_by_one():
    rows = JsonObject(b'{"cups":[{"name":"a"},7,{},{"name":"b"},{"name":[]}]}', "cups").rows("cups", 5)
    assert run(decode_readable(rows, Cup, "cup")) == [Cup("a"), Cup("b")]


def test_members():
    document = JsonObject(b'{"count":3,"inner":{"cup":{"name":"a"}}}', "cups")
    assert document.member("count", int) == 3
    assert document.object("inner").member("cup", Cup) == Cup("a")
    for name, kind in (("count", str), ("other", int)):
        with pytest.raises(MalformedMessage):
            document.member(name, kind)
    for name in ("count", "other"):
        with pytest.raises(MalformedMessage):
            document.object(name)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"cups":', b'{"cups":{}}', b'{"cups":[1,2,3]}', b'{"cups":[1,]}', b"\xff", b'{"cups":null}']
)
def test_what_is_no_list(data):
    with pytest.raises(MalformedMessage):
        JsonObject(data, "cups").rows("cups", 2)


def test_nesting_is_bounded():
    deep = b'{"cups":' + b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1) + b"}"
    with pytest.raises(MalformedMessage):
        JsonObject(deep, "cups")
