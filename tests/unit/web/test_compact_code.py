"""The worker's bytecode: what is left out of it, what stays, and which modules it may import."""

from __future__ import annotations

import marshal
import sys
import traceback
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "web"))

import compact_code  # noqa: E402

SOURCE = b'''"""About the module."""
from __future__ import annotations
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import never
else:
    always = 1
if typing.TYPE_CHECKING:
    from never import more

@dataclass
class Point:
    """About the class."""
    x: int
    y: int = 2

    def norm(self, scale: float = 1.0, *rest: int, key: str = "", **more: bytes) -> float:
        """About the method."""
        return (self.x + self.y) * scale

def empty():
    """Nothing but this."""

async def later() -> None:
    """About."""
    assert empty() is None

def fail(value):
    first = value
    return (first +
            1 / 0)
'''


@pytest.fixture
def module() -> types.ModuleType:
    made = types.ModuleType("made")
    sys.modules["made"] = made  # dataclasses looks there
    exec(compact_code.compact(SOURCE, "made.py"), vars(made))
    del sys.modules["made"]
    return made


def test_documentation_and_annotations_of_functions_are_gone(module: types.ModuleType):
    assert module.__doc__ is None
    assert module.Point.__doc__ == "-"
    for function in (module.Point.norm, module.empty, module.later, module.fail):
        assert function.__doc__ is None
        assert function.__annotations__ == {}
    for text in (b"About", b"float", b"never"):
        assert text not in marshal.dumps(compact_code.compact(SOURCE, "made.py"))


def test_what_it_does_is_the_same(module: types.ModuleType):
    assert module.Point(3).norm(2.0) == 10.0
    assert module.Point.__annotations__ == {"x": "int", "y": "int"}
    assert module.empty() is None
    assert module.always == 1


def test_assertions_stay(module: types.ModuleType):
    module.empty = lambda: 1
    with pytest.raises(AssertionError):
        module.later().send(None)


def test_a_traceback_has_lines_and_no_columns(module: types.ModuleType):
    with pytest.raises(ZeroDivisionError) as caught:
        module.fail(1)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.name) == ("made.py", "fail")
    assert SOURCE.splitlines()[frame.lineno - 1].strip() == b"1 / 0)"
    assert {column for *_, column in module.fail.__code__.co_positions()} == {None}


@pytest.mark.parametrize("file", sorted((ROOT / "packages/mix_protocol/src/mix_protocol/netstack").rglob("*.py")))
def test_lines_are_those_of_the_full_table(file: Path):
    def compare(full: types.CodeType, made: types.CodeType) -> None:
        assert list(made.co_lines()) == list(full.co_lines())
        for one, other in zip(full.co_consts, made.co_consts, strict=True):
            if isinstance(one, types.CodeType):
                compare(one, other)

    def lines_alone(code: types.CodeType) -> types.CodeType:
        constants = (lines_alone(each) if isinstance(each, types.CodeType) else each for each in code.co_consts)
        return code.replace(co_consts=tuple(constants), co_linetable=compact_code.lines_alone(code))

    full = compile(file.read_bytes(), "file", "exec")
    compare(full, lines_alone(full))


def test_annotations_that_are_read_stay():
    source = b"""
import functools
@functools.singledispatch
def show(value: object) -> str: return "?"
@show.register
def _(value: int) -> str: return "int"
"""
    names: dict[str, object] = {}
    exec(compact_code.compact(source, "made.py"), names)
    show = names["show"]
    assert callable(show)
    assert (show(1), show("")) == ("int", "?")


def codes(**sources: str) -> dict[str, tuple[types.CodeType, bool]]:
    """Modules by name; `a__b` is a.b, and what has a module in it is a package."""
    named = {name.replace("__", "."): source for name, source in sources.items()}
    return {
        name: (compile(source, name, "exec"), any(other.startswith(f"{name}.") for other in named))
        for name, source in named.items()
    }


def test_what_can_be_imported_is_found():
    known = codes(
        start="def f():\n    from a.b import c\n",
        a="",
        a__b="from . import d\nfrom .. import e\nfrom .d import f, g",
        a__b__c="",
        a__b__d="import outside",
        a__e="import tool",
        a__other="",
        tool="import tool.deep",
        tool__deep="",
        alone="",
    )
    assert compact_code.reachable(["start"], known) == {
        "start", "a", "a.b", "a.b.c", "a.b.d", "a.e", "tool", "tool.deep",
    }  # fmt: skip
    assert compact_code.reachable(["start"], known, {"tool", "a.b.c"}) == {"start", "a", "a.b", "a.b.d", "a.e"}


def test_an_archive_is_the_same_whenever_it_is_made():
    files = {"b.pyc": b"1" * 1000, "a.pyc": b"2"}
    packed = compact_code.stored_zip(files)
    assert packed == compact_code.stored_zip(dict(reversed(files.items())))
    assert b"1" * 1000 in packed
