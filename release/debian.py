"""build/dist/debian: a Debian package with the node and directory programs, and all that they need but Python.

It has no virtual environment: /usr/lib/mix-network holds our packages and, as the lock file has them, those of others,
for Debian's own Python of the version that they were made for. The services are there and stopped; whoever wants one
writes its options into /etc/default and enables it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OWN: Final = ("mix_protocol", "mix_network")
_OPTIONAL: Final = ("mix_sphinx_core",)
_LIBRARY: Final = "usr/lib/mix-network"

_PROGRAM = """\
#!/usr/bin/python3 -I
import os
import sys
from pathlib import Path

library = str(Path(__file__).resolve().parents[1] / "lib/mix-network")
sys.path.insert(0, library)
os.environ["PYTHONPATH"] = library  # of the programs that it starts
from mix_network.cli import main

main()
"""

_CONTROL = """\
Package: mix-network
Version: {version}
Architecture: {architecture}
Maintainer: the mix project <root@localhost>
Section: net
Priority: optional
Installed-Size: {size_kib}
Depends: python3 (>= {python}), python3 (<< {next_python}), libc6
Recommends: iproute2, nftables
Description: nodes and directory of a mixnet that is wire-compatible with Nym's
 mix-network node and mix-network directory run a mix node, an entry gateway,
 an exit gateway or a directory; mix-network up a whole mixnet on one machine.
 The services mix-node and mix-directory are not started by the installation.
"""

_NODE_DEFAULTS = """\
# What mix-node is made with when it starts for the first time; see `mix-network node init --help`. Afterwards
# /var/lib/mix-node/node.toml counts.
#
# MIX_NODE_OPTIONS="--role mix --announce 192.0.2.7 --directory http://192.0.2.1:8000/api"
MIX_NODE_OPTIONS=""
"""


def build_deb(wheels: list[Path], folder: Path, stage: Path) -> list[Path]:
    """Make the package; nothing where there is no `dpkg-deb`.

    wheels -- of our own packages
    """
    if shutil.which("dpkg-deb") is None:
        return []
    shutil.rmtree(stage, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    library = stage / _LIBRARY
    library.mkdir(parents=True)
    version = _fill(library, wheels)
    _write(stage / "usr/bin/mix-network", _PROGRAM, 0o755)
    _write_services(stage)
    _write(stage / "etc/default/mix-node", _NODE_DEFAULTS)
    _write(stage / "DEBIAN/conffiles", "/etc/default/mix-node\n")
    copyright_text = (Path(__file__).resolve().parents[1] / "LICENSE").read_text()
    others = f"\nThe packages of others in /{_LIBRARY} have their licences beside them, in their folders *.dist-info.\n"
    _write(stage / "usr/share/doc/mix-network/copyright", copyright_text + others)
    architecture = _output("dpkg", "--print-architecture")
    size_kib = sum(path.lstat().st_size for path in stage.rglob("*") if path.is_file()) // 1024
    major, minor = sys.version_info[:2]
    control = _CONTROL.format(
        version=version,
        architecture=architecture,
        size_kib=size_kib,
        python=f"{major}.{minor}",
        next_python=f"{major}.{minor + 1}",
    )
    _write(stage / "DEBIAN/control", control)
    target = folder / f"mix-network_{version}_{architecture}.deb"
    _output("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(stage), str(target))
    return [target]


def _fill(library: Path, wheels: list[Path]) -> str:
    """Put in everything that is imported; gives the version of `mix_network`."""
    for wheel in wheels:
        if wheel.name.split("-")[0] in OWN:
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(library)
    needed = {*_others(OWN[-1], set()), *_OPTIONAL} - {canonicalize_name(name) for name in OWN}
    for name in sorted(needed):
        try:
            _copy(distribution(name), library)
        except ModuleNotFoundError:
            if name not in _OPTIONAL:
                raise
    return distribution(OWN[-1]).version


def _others(name: str, extras: set[str]) -> Iterator[str]:
    """The names of all that a package needs, itself among them."""
    asked: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), extra) for extra in {"", *extras}]
    while waiting:
        each = waiting.pop()
        if each in asked:
            continue
        asked.add(each)
        yield each[0]
        for text in distribution(each[0]).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": each[1]}):
                waiting += [(canonicalize_name(requirement.name), extra) for extra in {"", *requirement.extras}]


def _copy(installed: Distribution, library: Path) -> None:
    """Copy what belongs to an installed package, but programs and bytecode."""
    site = Path(sysconfig.get_path("platlib"))
    for file in installed.files or ():
        source = Path(str(installed.locate_file(file))).resolve()
        if not source.is_relative_to(site) or "__pycache__" in source.parts or not source.is_file():
            continue
        target = library / source.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _write_services(stage: Path) -> None:
    from mix_network.cli.systemd import unit

    placeholder = "OPTIONS-OF-THE-NODE"
    units = {
        "mix-node": unit("mix-node", "A node of a mixnet", ["node", "run", placeholder]),
        "mix-directory": unit("mix-directory", "The directory of a mixnet", ["directory", "run", "--init"]),
    }
    for name, text in units.items():
        head = f"# To start it: systemctl enable --now {name}\n"
        text = re.sub(r"^# Written by.*\n#   systemctl daemon-reload.*\n", head, text)
        text = re.sub(r"^ExecStart=.*?(?= (?:node|directory) run)", "ExecStart=/usr/bin/mix-network", text, flags=re.M)
        text = text.replace(placeholder, "$MIX_NODE_OPTIONS")
        if name == "mix-node":
            text = text.replace("[Service]\n", "[Service]\nEnvironmentFile=-/etc/default/mix-node\n")
        _write(stage / f"usr/lib/systemd/system/{name}.service", text)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _output(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()
