"""Our modules as one piece of bytecode: they are imported as files would be, and nothing of it stays."""

from __future__ import annotations

import dataclasses
import marshal
import sys
from collections.abc import Iterator
from importlib.machinery import SourcelessFileLoader
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[3] / "web"
sys.path.insert(0, str(WEB))

import own_bytecode  # noqa: E402
from compact_code import compact  # noqa: E402

SOURCES = {
    "grove": b"from grove.tree import Tree\n",
    "grove.tree": b"from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Tree:\n    rings: int = 3\n",
}
IMPORTER = (WEB / "import_own.py").read_bytes()
CODES = {name: (compact(source, f"{name}.py"), name == "grove") for name, source in SOURCES.items()}


def run(generated: dict[int, Any]) -> dict[str, Any]:
    space: dict[str, Any] = {}
    packed = own_bytecode.packed(own_bytecode.importer(IMPORTER, CODES, generated, "/there"))
    exec(marshal.loads(packed), space)
    return space


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    for name in SOURCES:
        sys.modules.pop(name, None)


def test_modules_are_as_if_from_files():
    finders = list(sys.meta_path)
    run({})
    grove, tree = sys.modules["grove"], sys.modules["grove.tree"]
    assert grove.Tree is tree.Tree
    assert grove.tree is tree
    assert repr(tree.Tree()) == "Tree(rings=3)"
    assert (grove.__file__, grove.__path__) == ("/there/grove/__init__.pyc", ["/there/grove"])
    assert (tree.__file__, tree.__package__) == ("/there/grove/tree.pyc", "grove")
    assert type(tree.__loader__) is SourcelessFileLoader
    assert sys.meta_path == finders
    assert "exec" not in vars(dataclasses)


def test_what_dataclasses_write_is_compiled_once():
    generated = run({})["GENERATED"]
    for name in SOURCES:
        del sys.modules[name]
    again = run(generated)["GENERATED"]
    assert again.keys() == generated.keys() != set()
    assert all(code.co_linetable == b"" for code in again.values())  # what was given has none, what is compiled has one
    assert sys.modules["grove"].Tree(4) == sys.modules["grove"].Tree(4)


def test_a_source_without_the_places_is_refused():
    with pytest.raises(ValueError, match="places for CODES"):
        own_bytecode.importer(b"CODES = 'CODES'", CODES, {}, "/there")
