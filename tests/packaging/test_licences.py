"""Nothing by others is shipped without the text of its licence."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest
from support.readme import ROOT

OURS = ("mix_protocol", "mix_tunnel", "mix_fetch", "mix_dns", "mix_websocket")
NAME = "THIRD_PARTY_LICENSES"
CORE = (
    "Pyodide",
    "CPython",
    "zlib",
    "bzip2",
    "XZ Utils",
    "Zstandard",
    "expat",
    "mpdecimal",
    "libffi",
    "SQLite",
    "musl",
)
"""What is in Pyodide's own files."""
PHRASES = {
    "Pyodide": "Mozilla Public License",
    "CPython": "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2",
    "OpenSSL": "Apache License",
    "Brotli": "Copyright (c) 2009, 2010, 2013-2016 by the Brotli Authors.",
    "libsodium": "ISC License",
}


def headings(text: str) -> list[str]:
    """What the texts are of."""
    rule = "=" * 100
    parts = text.split(f"{rule}\n")
    return [line for names in parts[1::2] for line in names.splitlines()]


def check(text: str, wheels: list[str], *, with_core: bool) -> None:
    found = headings(text)
    shipped = [wheel for wheel in wheels if not wheel.startswith(OURS)]
    assert len(shipped) > 10
    for wheel in shipped:
        name, version = wheel.split("-")[:2]
        label = re.compile(rf"{name.replace('_', '[-_.]')} {re.escape(version)}: ", re.IGNORECASE)
        assert any(label.match(heading) for heading in found), wheel
    for name in ("openssl-", "python3.13-", "libsodium-"):
        assert any(name in heading for heading in found), name
    for name in CORE:
        assert any(heading.startswith(name) for heading in found) is with_core, name
    for name, phrase in PHRASES.items():
        assert phrase in text, name


def wheels() -> list[str]:
    """The wheels whose content a worker gets."""
    return [path.name for path in (ROOT / "build/pyodide").glob("*.whl")]


@pytest.fixture(scope="module")
def tunnel_package(dist: Path) -> tarfile.TarFile:
    (path,) = (dist / "npm").glob("mix-tunnel-*.tgz")
    return tarfile.open(path)


def test_the_npm_package_has_the_licences_of_all_that_it_brings(tunnel_package: tarfile.TarFile):
    names = tunnel_package.getnames()
    assert "package/pyodide/pyodide.asm.wasm" in names
    for place in (f"package/{NAME}", f"package/pyodide/{NAME}"):
        member = tunnel_package.extractfile(place)
        assert member is not None
        check(member.read().decode(), wheels(), with_core=True)
    assert "package/LICENSE" in names


def test_the_folder_for_pyodide_has_the_licences_of_its_wheels(dist: Path):
    wheels = [path.name for path in (dist / "pyodide/wheels").glob("*.whl")]
    check((dist / "pyodide" / NAME).read_text(), wheels, with_core=False)


def test_the_web_build_has_them_too():
    folder = ROOT / "web/dist"
    for place in (folder, folder / "mix-tunnel/pyodide"):
        check((place / NAME).read_text(), wheels(), with_core=True)
    version = json.loads((ROOT / "node_modules/pyodide/package.json").read_text())["version"]
    assert f"Pyodide {version}" in (folder / NAME).read_text()
