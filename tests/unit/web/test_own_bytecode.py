"""Our modules as one piece of bytecode: they are imported as files would be, some at once and some later, and nothing
of it stays once all are."""

from __future__ import annotations

import dataclasses
import gc
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


def run(generated: dict[int, Any], first: int = len(CODES)) -> tuple[Any, dict[str, Any]]:
    """The code, and its namespace once it has run.

    first -- how many modules it is to import at once
    """
    space: dict[str, Any] = {}
    importer = own_bytecode.importer(IMPORTER, dict(reversed(CODES.items())), first, generated, "/there")
    code = marshal.loads(own_bytecode.packed(importer))
    exec(code, space)
    return code, space


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    finders = list(sys.meta_path)
    yield
    for name in SOURCES:
        sys.modules.pop(name, None)
    sys.meta_path[:] = finders
    vars(dataclasses).pop("exec", None)
    gc.unfreeze()


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


def test_the_rest_is_imported_when_it_is_needed_or_wanted():
    finders = list(sys.meta_path)
    _, space = run({}, first=0)
    assert SOURCES.keys().isdisjoint(sys.modules)
    import grove  # type: ignore[import-not-found]

    assert SOURCES.keys() <= sys.modules.keys()
    assert grove.Tree().rings == 3
    assert not space["modules"].import_next()
    assert sys.meta_path == finders


def test_one_after_the_other():
    _, space = run({}, first=0)
    assert space["modules"].import_next()  # which imports its package, and that imports it
    assert SOURCES.keys() <= sys.modules.keys()
    assert gc.isenabled()


def test_when_it_runs_again_all_others_are_imported():
    finders = list(sys.meta_path)
    code, space = run({}, first=0)
    exec(code, space)
    assert SOURCES.keys() <= sys.modules.keys()
    assert sys.meta_path == finders
    assert "exec" not in vars(dataclasses)


def test_what_dataclasses_write_is_compiled_once():
    generated = run({})[1]["GENERATED"]
    for name in SOURCES:
        del sys.modules[name]
    again = run(generated)[1]["GENERATED"]
    assert again.keys() == generated.keys() != set()
    assert all(code.co_linetable == b"" for code in again.values())  # what was given has none, what is compiled has one
    assert sys.modules["grove"].Tree(4) == sys.modules["grove"].Tree(4)


def test_a_source_without_the_places_is_refused():
    with pytest.raises(ValueError, match="places for CODES"):
        own_bytecode.importer(b"CODES = 'CODES'", CODES, 0, {}, "/there")
