"""Writes Pyodide's lock file for exactly the wheels that the page ships.

Pyodide's own lock file names hundreds of packages on a CDN; ours names what lies next to it, so nothing that is
missing can be looked for anywhere else.
"""

from __future__ import annotations

import email
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyodide_lock import PyodideLockSpec
from pyodide_lock.spec import InfoSpec, PackageSpec

# In the worker our packages stand on these. They are not in the metadata, since elsewhere other packages serve them,
# and `ossl` is a name of our own that nobody should look for on an index.
WORKER_NEEDS: Mapping[str, tuple[str, ...]] = {
    "mix-protocol": ("blake3", "mix-sphinx-core", "ossl", "pynacl"),
    "mix-tunnel": ("brotli",),
}

PYODIDE_MARKERS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_system": "Emscripten",
    "sys_platform": "emscripten",
}


class IncompleteDistribution(Exception):
    """A wheel wants another that is not shipped."""


def read_metadata(wheel: Path) -> Message:
    """The METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (entry for entry in archive.namelist() if entry.count("/") == 1 and entry.endswith("/METADATA"))
        return email.message_from_bytes(archive.read(name))


def find_dependencies(metadata: Message, environment: Mapping[str, str]) -> list[str]:
    """Canonical names of what a wheel wants in Pyodide; optional extras are left out."""
    wanted = set()
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""}):
            wanted.add(canonicalize_name(requirement.name))
    return sorted(wanted)


def find_imports(wheel: Path) -> list[str]:
    """The names that a wheel adds to what can be imported: packages, modules and extension modules at its top."""
    with zipfile.ZipFile(wheel) as archive:
        parts = [Path(name).parts for name in archive.namelist()]
    packages = {path[0] for path in parts if len(path) == 2 and path[1] == "__init__.py"}
    modules = {path[0].partition(".")[0] for path in parts if len(path) == 1 and path[0].endswith((".py", ".so"))}
    return sorted(packages | modules)


def describe_wheel(wheel: Path, environment: Mapping[str, str]) -> PackageSpec:
    """The lock file's entry for a wheel that lies beside it."""
    metadata = read_metadata(wheel)
    name = canonicalize_name(metadata["Name"])
    return PackageSpec(
        name=name,
        version=metadata["Version"],
        file_name=wheel.name,
        install_dir="site",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        imports=find_imports(wheel),
        depends=sorted({*find_dependencies(metadata, environment), *WORKER_NEEDS.get(name, ())}),
    )


def write_lock(pyodide: Path, wheels: Iterable[Path], target: Path) -> None:
    """Write the lock file for wheels; the folder pyodide, its npm package, tells which Pyodide they are for."""
    version = json.loads((pyodide / "package.json").read_text())["version"]
    info = InfoSpec(version=version, **json.loads((pyodide / "pyodide-lock.json").read_text())["info"])
    major, minor, _ = info.python.split(".")
    environment = {
        **PYODIDE_MARKERS,
        "python_version": f"{major}.{minor}",
        "python_full_version": info.python,
        "implementation_version": info.python,
        "platform_release": "",
        "platform_version": "",
    }
    packages = {spec.name: spec for spec in (describe_wheel(wheel, environment) for wheel in wheels)}
    for spec in packages.values():
        missing = [name for name in spec.depends if name not in packages]
        if missing:
            raise IncompleteDistribution(f"{spec.name} needs {', '.join(missing)}, which is not shipped")
    lock = PyodideLockSpec(info=info, packages=dict(sorted(packages.items())))
    lock.check_wheel_filenames()
    lock.to_json(target, indent=1)
