"""The licences of what is shipped and not ours: `THIRD_PARTY_LICENSES`.

The texts are those that the wheels bring. Pyodide's core, one file of WebAssembly with CPython and a dozen libraries in
it, brings none: Pyodide's and CPython's are those of wheels of the same projects, the others are in licences/.
"""

from __future__ import annotations

import email.parser
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "THIRD_PARTY_LICENSES"
LICENCES = Path(__file__).resolve().parent / "licences"
_LICENCE_FILE = re.compile(r"[^/]+\.dist-info/(?:licen[cs]es/)?(?:.*/)?[^/]*(?:licen[cs]e|copying|notice)[^/]*", re.I)
_RULE = "=" * 100
_OUR_LICENCE = "Apache-2.0, see LICENSE"


class MissingLicence(Exception):
    """Something would be shipped without its licence; the text names it."""


@dataclass(frozen=True)
class Licence:
    """One text, and what it is the licence of."""

    of: str
    text: str


def licences_of(wheel: Path) -> list[Licence]:
    """The licences in a wheel. Raises `MissingLicence`."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        fields = email.parser.Parser().parsestr(archive.read(metadata).decode())
        label = f"{fields['Name']} {fields['Version']}"
        found = [
            Licence(f"{label}: {name.rpartition('/')[2]}", archive.read(name).decode())
            for name in names
            if _LICENCE_FILE.fullmatch(name)
        ]
    if not found:
        raise MissingLicence(f"{wheel.name} brings no text of its licence")
    return found


def core_licences(pyodide_version: str, wheels: Mapping[str, Path]) -> list[Licence]:
    """What Pyodide's core is made of.

    wheels -- by project name; micropip's and ossl's bring the licences of Pyodide and of CPython
    """
    python = [each.text for each in licences_of(wheels["ossl"]) if "PYTHON SOFTWARE FOUNDATION LICENSE" in each.text]
    mozilla = [each.text for each in licences_of(wheels["micropip"]) if "Mozilla Public License" in each.text]
    if not python or not mozilla:
        raise MissingLicence("no wheel brings the licence of CPython, or that of Pyodide")
    pyodide = f"Pyodide {pyodide_version}, whose source is at https://github.com/pyodide/pyodide"
    libraries = [
        Licence(f"{path.stem}, in Pyodide's core", path.read_text()) for path in sorted(LICENCES.glob("*.txt"))
    ]
    return [Licence(pyodide, mozilla[0]), Licence("CPython, in Pyodide's core", python[0]), *libraries]


def write_licences(licences: Iterable[Licence]) -> str:
    """One text for all of them; a text that several share stands there once."""
    sharers: dict[str, list[str]] = {}
    for licence in licences:
        sharers.setdefault(licence.text.replace("\r\n", "\n").strip(), []).append(licence.of)
    head = f"Software by others that comes with this package, and its licences. The package itself: {_OUR_LICENCE}.\n"
    sections = [f"{_RULE}\n{chr(10).join(names)}\n{_RULE}\n\n{text}\n" for text, names in sharers.items()]
    return "\n".join([head, *sections])
