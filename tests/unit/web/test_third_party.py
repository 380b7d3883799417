"""The licences of what is shipped and not ours."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "web"))

from third_party import LICENCES, Licence, MissingLicence, core_licences, licences_of, write_licences


def wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        for inside, text in files.items():
            archive.writestr(inside, text)
    return path


@pytest.mark.parametrize(
    "file", ["LICENSE", "licenses/LICENSE.txt", "licenses/vendor/COPYING", "licence.md", "licenses/lib-1.2-LICENSE"]
)
def test_a_wheels_texts_are_found_wherever_they_are(tmp_path: Path, file: str):
    path = wheel(tmp_path, "lib", {f"lib-1.0.dist-info/{file}": "do good", "lib/LICENSE.py": "no licence"})
    assert licences_of(path) == [Licence(f"lib 1.0: {file.rpartition('/')[2]}", "do good")]


def test_a_wheel_without_its_licence_is_not_shipped(tmp_path: Path):
    path = wheel(tmp_path, "lib", {"lib/LICENSE": "elsewhere"})
    with pytest.raises(MissingLicence, match=r"lib-1\.0"):
        licences_of(path)


def test_a_core_whose_licences_no_wheel_brings_is_not_shipped(tmp_path: Path):
    wheels = {
        "ossl": wheel(tmp_path, "ossl", {"ossl-1.0.dist-info/LICENSE": "OpenSSL's alone"}),
        "micropip": wheel(tmp_path, "micropip", {"micropip-1.0.dist-info/LICENSE": "Mozilla Public License"}),
    }
    with pytest.raises(MissingLicence, match="CPython"):
        core_licences("1.0", wheels)


def test_a_text_that_several_share_stands_there_once():
    text = write_licences([Licence("a", "be good\n"), Licence("b", "be bad"), Licence("c", "be good\r\n")])
    assert text.count("be good") == 1
    assert "\na\nc\n" in text
    assert text.index("be good") < text.index("be bad")


def test_the_libraries_in_the_core_have_texts():
    names = {path.stem for path in LICENCES.glob("*.txt")}
    # What the modules built into Pyodide stand on: zlib, _bz2, _lzma, _zstd, pyexpat, _decimal, _ctypes, _sqlite3,
    # _sha2 and its like; and what everything compiled by Emscripten brings.
    libraries = {"zlib", "bzip2", "XZ Utils", "Zstandard", "expat", "mpdecimal", "libffi", "SQLite", "HACL"}
    assert names == libraries | {"musl", "Emscripten", "LLVM"}
    assert all(len(path.read_text()) > 100 for path in LICENCES.glob("*.txt"))
