#!/usr/bin/env python3
"""Assemble web/dist, the folder that a web server serves: the playground's page, the JavaScript packages, Pyodide.

    build.py                      web/dist, from node_modules, build/wheels (see wasm/) and packages/
    build.py --tests DIRECTORY    the same Pyodide with pytest and hypothesis, for tests that run inside it

Only what changed is made again. Wheels from PyPI are pinned in wheels.lock; everything else comes from this checkout.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lockfile import IncompleteDistribution, write_lock
from third_party import NAME as LICENCES_NAME
from third_party import MissingLicence, core_licences, licences_of, write_licences

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent
PYODIDE = ROOT / "node_modules/pyodide"
COMPILED_WHEELS = ROOT / "build/wheels"
CORE_WHEELS = ROOT / "build/core"
CACHE = ROOT / "build/web-cache"
WHOLE_PYODIDE = ROOT / "build/pyodide"
"""Pyodide's core with every wheel: what the worker's files are made of."""
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
PACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mix-web-compressed"
"""Compressed files by their content, for all clones: Brotli takes minutes for what seldom changes."""
OWN_PACKAGES = ("mix_protocol", "mix_tunnel", "mix_fetch", "mix_dns", "mix_websocket")
# npm name -> folder in packages/
JAVASCRIPT_PACKAGES = {name.replace("_", "-"): name for name in OWN_PACKAGES if name != "mix_protocol"}
PIP_TARGET = "--python-version 3.14 --implementation cp --abi cp314 --platform pyemscripten_2026_0_wasm32"
BARE_IMPORT = re.compile(rf"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])({"|".join(JAVASCRIPT_PACKAGES)})(/[\w./-]+)?\2""")


_SMALLEST_COMPRESSED = 1000
_KEPT_S = 30 * 86_400
"""How long after its last use a compressed file is forgotten."""
_WORTH_IT = 0.9


class BuildError(Exception):
    """Something a person has to know about; its text is all that is printed."""


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def run(command: list[str], what: str, cwd: Path | None = None, given: str = "", **variables: str) -> None:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        # Node quotes the line that failed, and Pyodide's core is one line of a megabyte.
        tail = "\n".join(line[:500] for line in (done.stdout + done.stderr).strip().splitlines()[-15:])
        raise BuildError(f"{what} failed (exit {done.returncode}):\n{tail}")


# --- wheels ----------------------------------------------------------------------------------------------------------


def make_once(name: str, key: str, fill: str, command: list[str], cwd: Path | None = None) -> list[Path]:
    """The files in CACHE/name-KEY; when they are not there, the command makes them in a folder put in its place {}."""
    folder = CACHE / f"{name}-{key[:16]}"
    if not folder.is_dir():
        say(fill)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            fresh = Path(temporary, "fresh")
            fresh.mkdir()
            run([word.format(fresh) for word in command], fill, cwd, SOURCE_DATE_EPOCH="1577836800")
            for old in CACHE.glob(f"{name}-*"):
                shutil.rmtree(old)
            fresh.rename(folder)
    return sorted(folder.iterdir())


def download_wheels(lock: Path) -> list[Path]:
    """The wheels of a pip lock file, as Pyodide would choose them; pip checks their hashes."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    only = ["--only-binary", ":all:", "--require-hashes", *PIP_TARGET.split(), "--dest", "{}", "-r", str(lock)]
    key = hashlib.sha256(lock.read_bytes() + PIP_TARGET.encode()).hexdigest()
    return make_once(lock.stem, key, f"downloading the wheels of {lock.name} from PyPI", [*pip, *only])


def hash_files(folder: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def build_own_wheel(name: str) -> list[Path]:
    """Our own package as a wheel."""
    folder = ROOT / "packages" / name
    sources = [path for path in (folder / "src").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    key = hash_files(folder, [*sources, folder / "pyproject.toml", folder / "README.md"])
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "{}"]
    return make_once(name, key, f"building the wheel of {name}", build, folder)


def gather_wheels(locks: Iterable[Path]) -> list[Path]:
    """Every wheel that is shipped; one file a package."""
    compiled = sorted(COMPILED_WHEELS.glob("*.whl"))
    if len(compiled) != 5:
        raise BuildError(f"{COMPILED_WHEELS} lacks wheels: run python3 wasm/build_wheels.py build/wheels")
    core = sorted(CORE_WHEELS.glob("*emscripten*.whl"))
    if len(core) != 1:
        raise BuildError(f"{CORE_WHEELS} lacks the worker's wheel: run python3 wasm/build_core.py build/core pyodide")
    wheels = [*compiled, *core, *(wheel for lock in locks for wheel in download_wheels(lock))]
    return [*wheels, *(wheel for name in OWN_PACKAGES for wheel in build_own_wheel(name))]


# --- compressed files ------------------------------------------------------------------------------------------------


def compressed(sources: Iterable[Path]) -> dict[Path, tuple[Path, Path]]:
    """Each file's Brotli and gzip form; made once for each content."""
    script = WEB / "compress.mjs"
    packed = PACKED / hashlib.sha256(script.read_bytes()).hexdigest()[:16]
    packed.mkdir(parents=True, exist_ok=True)
    for form in PACKED.rglob("*.*"):
        if form.stat().st_atime < time.time() - _KEPT_S:
            form.unlink(missing_ok=True)
    forms = {}
    for source in sources:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        forms[source] = (packed / f"{digest}.br", packed / f"{digest}.gz")
    for pair in forms.values():
        for form in pair:
            if form.is_file():
                os.utime(form, ns=(time.time_ns(), form.stat().st_mtime_ns))
    missing = [source for source, pair in forms.items() if not all(form.is_file() for form in pair)]
    if missing:
        say(f"compressing {len(missing)} files")
        # The largest first, so that the processors end together.
        names = sorted(missing, key=lambda path: -path.stat().st_size)
        run(["node", str(script), str(packed)], "compressing", given="\n".join(map(str, names)))
    return forms


# --- the folder ------------------------------------------------------------------------------------------------------


class Folder:
    """A folder that ends up holding exactly the files put into it; files that are the same are left alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: set[Path] = set()

    def put(self, name: str, source: Path) -> None:
        target = self._target(name)
        stat = source.stat()
        if target.is_file():
            old = target.stat()
            if (old.st_size, old.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns):
                return
        self._replace(target, lambda fresh: shutil.copy2(source, fresh))

    def put_text(self, name: str, text: str) -> None:
        target = self._target(name)
        if not target.is_file() or target.read_text() != text:
            self._replace(target, lambda fresh: fresh.write_text(text))

    def compress(self) -> None:
        """Put the Brotli and gzip form of each file beside it, where that is worth a file."""
        sources = sorted(path for path in self._kept if path.stat().st_size >= _SMALLEST_COMPRESSED)
        for source, forms in compressed(sources).items():
            for form in forms:
                if form.stat().st_size < source.stat().st_size * _WORTH_IT:
                    self.put(f"{source.relative_to(self.path).as_posix()}{form.suffix}", form)

    def remove_others(self) -> None:
        for path in sorted(self.path.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path not in self._kept:
                path.unlink()

    def _target(self, name: str) -> Path:
        target = self.path / name
        self._kept.add(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    @staticmethod
    def _replace(target: Path, write: Callable[[Path], object]) -> None:
        fresh = target.with_name(f".{target.name}.new")
        write(fresh)
        fresh.replace(target)


def lock_text(wheels: list[Path]) -> str:
    """Pyodide's lock file for these wheels and no others."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        lock = Path(temporary, "pyodide-lock.json")
        write_lock(PYODIDE, wheels, lock)
        return lock.read_text()


def put_pyodide(folder: Folder, prefix: str, wheels: list[Path]) -> None:
    """Pyodide's core, the wheels and our lock file."""
    for name in PYODIDE_FILES:
        if not (PYODIDE / name).is_file():
            raise BuildError(f"{PYODIDE / name} is missing: run npm ci")
        folder.put(prefix + name, PYODIDE / name)
    for wheel in wheels:
        folder.put(prefix + wheel.name, wheel)
    folder.put_text(f"{prefix}pyodide-lock.json", lock_text(wheels))


def put_worker(folder: Folder, prefix: str, wheels: list[Path]) -> None:
    """What a worker loads: Pyodide's core, its memory with our modules imported, and what may be imported later."""
    whole = Folder(WHOLE_PYODIDE)
    put_pyodide(whole, "", wheels)
    whole.remove_others()
    script = WEB / "make_snapshot.mjs"
    parts = (
        "compact_code.py",
        "core_exports.mjs",
        "free_memory.mjs",
        "frozen_modules.mjs",
        "import_own.py",
        "own_bytecode.py",
        "sparse_snapshot.mjs",
        "unused_modules.mjs",
        "wasm_code.mjs",
        "wasm_data.mjs",
        "wasm_reader.mjs",
    )
    inputs = [
        script,
        *(WEB / name for name in parts),
        *(PYODIDE / name for name in PYODIDE_FILES),
        *wheels,
    ]
    key = hashlib.sha256("".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in inputs).encode()).hexdigest()
    command = ["node", str(script), str(WHOLE_PYODIDE), "{}"]
    made = make_once("snapshot", key, "making the memory snapshot of the worker's Python", command)
    names = {file.name for file in made}
    for file in [*made, *(PYODIDE / name for name in PYODIDE_FILES if name not in names)]:
        folder.put(f"{prefix}{file.name}", file)
    folder.put_text(f"{prefix}pyodide-lock.json", lock_text([]))


def third_party_licences(wheels: Iterable[Path], *, with_core: bool) -> str:
    """The text of THIRD_PARTY_LICENSES.

    with_core -- whether Pyodide itself is shipped, too
    """
    by_name = {wheel.name.partition("-")[0].lower(): wheel for wheel in wheels}
    others = [wheel for name, wheel in sorted(by_name.items()) if name not in OWN_PACKAGES]
    licences = [licence for wheel in others for licence in licences_of(wheel)]
    if with_core:
        version = json.loads((PYODIDE / "package.json").read_text())["version"]
        licences = [*core_licences(version, by_name), *licences]
    return write_licences(licences)


def resolve_imports(code: str, depth: int) -> str:
    """Turn imports of our packages by name into relative ones, because browsers know no names without an import map.

    depth -- how many folders below the top the code will be
    """

    def relative(match: re.Match[str]) -> str:
        before, quote, package, path = match.groups()
        return f"{before}{quote}{'../' * depth or './'}{package}{path or '/index.js'}{quote}"

    return BARE_IMPORT.sub(relative, code)


def javascript_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix == ".js")


def put_javascript(folder: Folder) -> None:
    """The page, and our JavaScript packages each in a folder of its name."""
    for name, package in JAVASCRIPT_PACKAGES.items():
        root = ROOT / "packages" / package / "js"
        for path in javascript_files(root):
            inside = path.relative_to(root).as_posix()
            folder.put_text(f"{name}/{inside}", resolve_imports(path.read_text(), inside.count("/") + 1))
    page = WEB / "page"
    for path in page.rglob("*"):
        inside = path.relative_to(page).as_posix()
        if path.suffix == ".js":
            folder.put_text(inside, resolve_imports(path.read_text(), inside.count("/")))
        elif path.is_file():
            folder.put(inside, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Assemble the folder that a web server serves.")
    parser.add_argument("--output", type=Path, default=WEB / "dist", help="where to (web/dist)")
    parser.add_argument("--tests", type=Path, metavar="DIRECTORY", help="make a Pyodide for tests there instead")
    arguments = parser.parse_args()
    try:
        if arguments.tests:
            folder = Folder(arguments.tests.resolve())
            put_pyodide(folder, "", gather_wheels([WEB / "wheels.lock", WEB / "wheels-tests.lock"]))
            folder.put("pyodide.js", PYODIDE / "pyodide.js")  # pytest-pyodide's Node wants CommonJS
        else:
            folder = Folder(arguments.output.resolve())
            wheels = gather_wheels([WEB / "wheels.lock"])
            put_worker(folder, "mix-tunnel/pyodide/", wheels)
            put_javascript(folder)
            licences = third_party_licences(wheels, with_core=True)
            for place in ("", "mix-tunnel/pyodide/"):
                folder.put_text(f"{place}{LICENCES_NAME}", licences)
            folder.compress()
        folder.remove_others()
    except (BuildError, IncompleteDistribution, MissingLicence) as error:
        sys.exit(f"build: {error}")
    say(f"{folder.path} is up to date")


if __name__ == "__main__":
    main()
