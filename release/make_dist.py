#!/usr/bin/env python3
"""`make dist`: everything that is published, in build/dist.

    debian/    a Debian package with nodes and directory, where there is dpkg-deb
    python/    wheels of our Python packages, for pip; of mix_sphinx_core one a platform
    npm/       tarballs of our JavaScript packages; mix-tunnel's brings Pyodide and all the wheels it needs
    pyodide/   a folder to put on a web server: our wheels and what they need, with an index for micropip

`make setup` has to have built web/dist; what is unchanged is not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

RELEASE = Path(__file__).resolve().parent
ROOT = RELEASE.parent
sys.path.insert(0, str(ROOT / "web"))

from build import (  # noqa: E402
    CACHE,
    JAVASCRIPT_PACKAGES,
    LICENCES_NAME,
    OWN_PACKAGES,
    BuildError,
    build_own_wheel,
    gather_wheels,
    hash_files,
    make_once,
    run,
    say,
    third_party_licences,
)
from debian import build_deb  # noqa: E402
from packaging.utils import parse_wheel_filename  # noqa: E402

DIST = ROOT / "build/dist"
PYTHON_PACKAGES = (*OWN_PACKAGES, "mix_network", "pytest_mix")
WORKER_ASSETS = ROOT / "web/dist/mix-tunnel/pyodide"


def copy_all(files: Iterable[Path], folder: Path) -> list[Path]:
    """Fill a folder anew with these files; gives the copies."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [Path(shutil.copy2(file, folder)) for file in files]


def build_core_wheels() -> list[Path]:
    """The compiled Sphinx core for every platform that it is built for."""
    folder = ROOT / "build/core-dist"
    run([sys.executable, str(ROOT / "wasm/build_core.py"), str(folder), "all"], "compiling the Sphinx core")
    return sorted(path for path in folder.glob("*.whl") if "emscripten" not in path.name)


def make_python() -> list[Path]:
    """build/dist/python."""
    wheels = [wheel for name in PYTHON_PACKAGES for wheel in build_own_wheel(name)]
    return copy_all([*wheels, *build_core_wheels()], DIST / "python")


def make_pyodide(base: str) -> list[Path]:
    """build/dist/pyodide: wheels, and an index of them as PEP 503 describes it.

    base -- the path under which a web server will have the folder; micropip takes no relative links
    """
    folder = DIST / "pyodide"
    wheels = copy_all(gather_wheels([ROOT / "web/wheels.lock"]), folder / "wheels")
    shutil.rmtree(folder / "simple", ignore_errors=True)
    projects: dict[str, list[Path]] = defaultdict(list)
    for wheel in wheels:
        projects[parse_wheel_filename(wheel.name)[0]].append(wheel)
    for project, files in projects.items():
        links = "\n".join(make_link(file, base) for file in files)
        page = folder / "simple" / project / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"<!doctype html>\n<title>{html.escape(project)}</title>\n{links}\n")
    licences = folder / LICENCES_NAME
    licences.write_text(third_party_licences(wheels, with_core=False))
    return [*wheels, licences]


def make_link(wheel: Path, base: str) -> str:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    target = f"{base.rstrip('/')}/wheels/{wheel.name}#sha256={digest}"
    return f'<a href="{html.escape(target)}">{html.escape(wheel.name)}</a>'


def make_npm() -> list[Path]:
    """build/dist/npm: a tarball a package."""
    if not (WORKER_ASSETS / "pyodide-lock.json").is_file():
        raise BuildError(f"{WORKER_ASSETS} has not been built: run make setup")
    tarballs = []
    for package in (*JAVASCRIPT_PACKAGES.values(), "mix_network"):
        source = ROOT / "packages" / package / "js"
        tarballs += pack(source, WORKER_ASSETS if (source / "worker.js").is_file() else None)
    return copy_all(tarballs, DIST / "npm")


def pack(source: Path, assets: Path | None) -> list[Path]:
    """The tarball of one package: its folder `js`, the licence, and for the tunnel the worker's files."""
    name = json.loads((source / "package.json").read_text())["name"]
    stage = CACHE / "npm" / name
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(source, stage, ignore=shutil.ignore_patterns("*.py", "__pycache__", "node_modules"))
    shutil.copy2(ROOT / "LICENSE", stage)
    if assets is not None:
        shutil.copytree(assets, stage / "pyodide", copy_function=shutil.copyfile)
        # Where people look, and, for who puts the folder on a web server, beside what it is about.
        shutil.copyfile(assets / LICENCES_NAME, stage / LICENCES_NAME)
    key = hash_files(stage, [path for path in stage.rglob("*") if path.is_file()])
    # npm says on standard output which file it made; what counts is the folder.
    return make_once(
        f"npm-{name}", key, f"packing {name} for npm", ["npm", "pack", "--silent", "--pack-destination", "{}"], stage
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Build everything that is published into build/dist.")
    parser.add_argument(
        "--pyodide-base",
        default="/mixnet",
        metavar="PATH",
        help="where a web server will have build/dist/pyodide (/mixnet)",
    )
    arguments = parser.parse_args()
    try:
        python = make_python()
        debian = build_deb(python, DIST / "debian", CACHE / "debian")
        made = [*python, *debian, *make_npm(), *make_pyodide(arguments.pyodide_base)]
    except (BuildError, subprocess.SubprocessError) as error:
        sys.exit(f"dist: {error}")
    for path in made:
        print(f"{path.stat().st_size / 1000:>9,.0f} kB  {path.relative_to(ROOT)}")
    say(f"{DIST} is up to date")


if __name__ == "__main__":
    main()
