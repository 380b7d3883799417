"""The Sphinx core compiled by gcc, for runs under the sanitizers and under valgrind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "wasm"))

from build_core import SODIUM_INCLUDE, SODIUM_PARTS  # noqa: E402

CORE = ROOT / "packages/mix_sphinx_core/c"
DEFINITIONS = "-DWITHOUT_UTILS=1 -DCONFIGURED=1 -DSODIUM_STATIC=1 -DNATIVE_LITTLE_ENDIAN=1 -DHAVE_WEAK_SYMBOLS=1 -DTLS="
INTEL = "-DHAVE_CPUID=1 -DHAVE_AVX_ASM=1" + "".join(
    f" -DHAVE_{name}INTRIN_H=1" for name in ("M", "EMM", "PMM", "TMM", "SMM", "WMM", "AVX", "AVX2")
)
# libsodium's own warnings are not ours to fix.
WARNINGS = "-Wall -Wextra -Werror -Wno-unknown-pragmas -Wno-unused-function"


def find_gcc() -> str:
    found = shutil.which("gcc")
    assert found, "gcc is missing: apt-get install gcc libc6-dev"
    return found


def fetch_sodium(folder: Path) -> Path:
    """libsodium's source."""
    command = [sys.executable, ROOT / "wasm/build_core.py", "--sources", folder / "libsodium"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "libsodium"


def build(folder: Path, sodium: Path, flags: str, ours: list[Path], output: Path, link: str) -> None:
    """Compile parts of libsodium and files of ours, and link them."""
    folder.mkdir()
    include = [f"-I{CORE}", *(f"-I{sodium / part}" for part in SODIUM_INCLUDE.split())]
    theirs = [path for part in SODIUM_PARTS.split() for path in sorted(sodium.glob(part))]

    def compile_one(source: Path) -> Path:
        words = [*flags.split(), *DEFINITIONS.split(), *(WARNINGS.split() if source in ours else ["-w"])]
        if source.stem.startswith("lanes"):
            # Vectors of unsigned numbers have no undefined behaviour, and gcc would take a minute to look for it.
            words = [word.replace(",undefined", "") for word in words]
        target = folder / f"{source.parent.name}-{source.stem}.o"
        run([find_gcc(), "-std=gnu11", *words, *include, "-c", source, "-o", target])
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, [*theirs, *ours]))
    run([find_gcc(), *objects, "-o", output, *link.split()])


def run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
