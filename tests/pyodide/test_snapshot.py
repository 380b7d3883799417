"""What a worker starts from: in its memory everything pure is imported, nothing compiled, and no two workers share
their randomness; the files beside it are all others of the wheels."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WHOLE = ROOT / "build/pyodide"
PYODIDE = ROOT / "web/dist/mix-tunnel/pyodide"


def start(*arguments: str) -> dict[str, Any]:
    command = ["node", Path(__file__).with_name("snapshot.mjs"), ROOT / "web/dist", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=140, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def starts() -> list[dict[str, Any]]:
    """What two workers that started from the same snapshot found."""
    subprocess.run([sys.executable, ROOT / "web/build.py"], check=True, capture_output=True)
    return [start() for _ in range(2)]


def test_modules_are_imported_and_none_is_compiled(starts: list[dict[str, Any]]):
    modules = set(starts[0]["before"])
    assert {"mix_tunnel.worker.main", "mix_tunnel.tunnel", "mix_protocol.netstack.stack", "h11"} <= modules
    assert modules.isdisjoint({"nacl", "_cffi_backend", "blake3", "msgspec", "ossl", "_oscrypto"})


def test_a_first_visit_imports_what_its_page_waits_for_and_what_no_setup_needs_in_pieces(starts: list[dict[str, Any]]):
    found = start("first")
    assert "mix_tunnel.worker.page" in found["at_first"]
    assert len(found["at_first"]) < 60  # of nearly three hundred
    assert "mix_tunnel.runtime.driver" not in found["at_first"]
    assert set(found["in_the_end"]) == {name for name in starts[0]["before"] if name.startswith("mix_")}
    steps = [after - before for before, after in itertools.pairwise(found["counts"])]
    assert len(steps) > 50
    assert max(steps) < 15  # a piece is small
    assert found["is_over"]


@pytest.mark.parametrize("source", ["urandom", "random", "nacl", "ssl"])
def test_randomness_is_not_repeated(starts: list[dict[str, Any]], source: str):
    assert starts[0][source] != starts[1][source]


def test_hashes_have_the_key_that_everybody_knows(starts: list[dict[str, Any]]):
    # Else no two builds had the same base.bin. FNV (Python/pyhash.c) with a key of zero, in 32 bits.
    expected = ord("m") << 7
    for byte in b"mix":
        expected = (1000003 * expected ^ byte) % 2**32
    assert starts[0]["hash"] % 2**32 == expected ^ len("mix")


def test_what_is_kept_depends_on_nothing_but_the_files(starts: list[dict[str, Any]]):
    assert starts[0]["kept"] == starts[1]["kept"]


def test_what_is_compiled_works_afterwards(starts: list[dict[str, Any]]):
    # RFC 7748: the public key of the zero scalar once it is clamped.
    assert (
        starts[0]["x25519"] == starts[1]["x25519"] == "2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74"
    )
    assert starts[0]["sha256"].startswith("e3b0c44298fc1c14")
    assert starts[0]["roots"] > 100_000


def test_openssl_waits_until_it_is_wanted(starts: list[dict[str, Any]]):
    assert starts[0]["early"] == []


def wheels_of(package: str) -> set[Path]:
    """The wheels that a package needs, its own among them, by the lock file."""
    packages = json.loads((WHOLE / "pyodide-lock.json").read_text())["packages"]
    names, found = [package], set()
    while names:
        entry = packages[names.pop()]
        if WHOLE / entry["file_name"] not in found:
            found.add(WHOLE / entry["file_name"])
            names += entry["depends"]
    return found


def index_of() -> dict[str, Any]:
    """What the archive and the modules are."""
    return json.loads((PYODIDE / "site-packages.json").read_text())


def later_files() -> set[str]:
    """What a worker finds in site-packages."""
    return {name for name, *_ in index_of()["files"] + index_of()["modules"]}


def later_modules() -> set[str]:
    """What a worker may import, beside what its memory holds."""
    names = later_files() | set(zipfile.ZipFile(PYODIDE / "python_stdlib.zip").namelist())
    return {
        name.removesuffix(".pyc").removesuffix("/__init__").replace("/", ".")
        for name in names
        if name.endswith(".pyc") and "__pycache__" not in name
    }


def test_every_file_that_may_be_needed_is_there_and_no_other(starts: list[dict[str, Any]]):
    files = {name for wheel in wheels_of("mix-tunnel") for name in zipfile.ZipFile(wheel).namelist()}
    sources = {f"{name}c" for name in files if name.endswith(".py")}
    by_path = {"ossl/_ssl_py.py", "ossl/__pycache__/_ssl_py.cpython-314.pyc"}
    assert later_files() - by_path <= files | sources
    assert by_path <= later_files()
    assert {name for name in files if name.endswith(".so")} <= later_files()
    data = {"certifi/cacert.pem", "publicsuffixlist/public_suffix_list.dat"}
    assert {*data, "nacl/bindings/randombytes.pyc", "brotli/__init__.pyc"} <= later_files()
    assert later_modules() & set(starts[0]["before"]) == {"hashlib", "hmac"}  # which ossl loads again
    every_type = {name for name in sources if name.startswith("dns/rdtypes/")}
    assert {name[: -len(".pyc")].removesuffix("/__init__").replace("/", ".") for name in every_type} <= (
        later_modules() | set(starts[0]["before"])
    )


def test_whatever_was_not_imported_can_be(starts: list[dict[str, Any]]):
    assert starts[0]["failed"] == {}
    assert set(starts[0]["imported"]) == later_modules()


def test_the_core_exports_what_modules_import_and_little_else(starts: list[dict[str, Any]]):
    assert starts[0]["lost"] == []
    assert starts[0]["exported"] < 1000  # of nine thousand


def test_the_core_has_no_modules_that_no_worker_imports(starts: list[dict[str, Any]]):
    gone = {"_bz2", "_codecs_jp", "_ctypes", "_sqlite3", "_testcapi", "pyexpat"}
    assert gone.isdisjoint(starts[0]["builtin"])
    assert {"_json", "_struct", "math", "posix", "unicodedata", "zlib", "_zstd"} <= set(starts[0]["builtin"])
    assert (PYODIDE / "pyodide.asm.wasm").stat().st_size < (WHOLE / "pyodide.asm.wasm").stat().st_size / 2
    assert starts[0]["frozen"] == []
    assert starts[0]["zstd"] == "mixnet " * 30  # whose encoder is gone


def test_nothing_has_what_a_worker_never_shows(starts: list[dict[str, Any]]):
    assert starts[0]["docstrings"] == []
    assert starts[0]["columns"] is False


def test_a_traceback_tells_file_line_and_function(starts: list[dict[str, Any]]):
    file = starts[0]["frame"]["file"]
    assert file == "mix_protocol/codec/reader.py"
    lines = (ROOT / "packages/mix_protocol/src" / file).read_text().splitlines()
    assert starts[0]["frame"]["function"] == "take"
    assert lines[starts[0]["frame"]["line"] - 1].strip().startswith("raise MalformedMessage")


def integrity_of(file: str) -> str:
    digest = hashlib.sha256((PYODIDE / file).read_bytes()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def test_the_index_has_the_hashes(starts: list[dict[str, Any]]):
    index = index_of()
    expected = {
        "base": integrity_of("base.bin"),
        "own": integrity_of("own.bin"),
        "archive": integrity_of("site-packages.bin"),
    }
    assert index["integrity"] == expected
    assert {file for _, file, _ in index["modules"]} >= {"ossl._ossl.wasm", "nacl._sodium.wasm", "_brotli.wasm"}
    for _, file, integrity in index["modules"]:
        assert integrity == integrity_of(file)
