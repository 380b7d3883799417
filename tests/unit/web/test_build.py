"""The assembly of web/dist: imports, the folder that is kept up to date, the lock file."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "web"))

import build  # noqa: E402
import lockfile  # noqa: E402


@pytest.mark.parametrize(
    ("code", "depth", "expected"),
    [
        ('import { a } from "mix-tunnel";', 1, 'import { a } from "../mix-tunnel/index.js";'),
        ('} from "mix-tunnel/facade.js";', 2, '} from "../../mix-tunnel/facade.js";'),
        ("await import('mix-fetch')", 1, "await import('../mix-fetch/index.js')"),
        ('import { a } from "mix-tunnel";', 0, 'import { a } from "./mix-tunnel/index.js";'),
        ('import "mix-tunnel";', 1, 'import "../mix-tunnel/index.js";'),
        ('import { b } from "./mix-tunnel.js";', 1, 'import { b } from "./mix-tunnel.js";'),
        ('const name = "mix-tunnel";', 1, 'const name = "mix-tunnel";'),
    ],
)
def test_imports_become_relative(code: str, depth: int, expected: str):
    assert build.resolve_imports(code, depth) == expected


def test_a_folder_holds_exactly_what_is_put_into_it(tmp_path: Path):
    source = tmp_path / "source.txt"
    source.write_text("one")
    stale = tmp_path / "out/old/stale.txt"
    stale.parent.mkdir(parents=True)
    stale.write_text("x")

    def fill() -> None:
        folder = build.Folder(tmp_path / "out")
        folder.put("a/copied.txt", source)
        folder.put_text("written.txt", "two")
        folder.remove_others()

    fill()
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {"a/copied.txt", "written.txt"}
    assert not stale.parent.exists()
    before = (tmp_path / "out/written.txt").stat().st_mtime_ns
    fill()
    assert (tmp_path / "out/written.txt").stat().st_mtime_ns == before
    source.write_text("three")
    fill()
    assert (tmp_path / "out/a/copied.txt").read_text() == "three"


def make_wheel(folder: Path, name: str, *requires: str, files: tuple[str, ...] = ()) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
        for file in files:
            archive.writestr(file, "")
    return path


@pytest.fixture
def pyodide(tmp_path: Path) -> Path:
    info = {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"}
    (tmp_path / "pyodide-lock.json").write_text(json.dumps({"info": info, "packages": {"numpy": {}}}))
    (tmp_path / "package.json").write_text('{"version": "314.0.7"}')
    return tmp_path


def test_the_lock_file_names_what_is_shipped(pyodide: Path, tmp_path: Path):
    extras = ('tool>=1; extra == "cli"', 'winonly; sys_platform == "win32"', 'old; python_version < "3.12"')
    user = make_wheel(
        tmp_path, "some_user", "Some.Base>=1", *extras, files=("some_user/__init__.py", "_fast.cpython.so")
    )
    base = make_wheel(tmp_path, "some_base", 'here; sys_platform == "emscripten"', files=("one.py",))
    here = make_wheel(tmp_path, "here")
    target = tmp_path / "lock.json"
    lockfile.write_lock(pyodide, [user, base, here], target)
    packages = json.loads(target.read_text())["packages"]
    assert set(packages) == {"some-user", "some-base", "here"}
    assert packages["some-user"]["depends"] == ["some-base"]
    assert packages["some-user"]["imports"] == ["_fast", "some_user"]
    assert packages["some-base"]["depends"] == ["here"]
    assert packages["some-base"]["imports"] == ["one"]


def test_what_is_missing_is_named(pyodide: Path, tmp_path: Path):
    wheel = make_wheel(tmp_path, "lonely", "friend")
    with pytest.raises(lockfile.IncompleteDistribution, match="lonely needs friend"):
        lockfile.write_lock(pyodide, [wheel], tmp_path / "lock.json")
