#!/usr/bin/env python3
"""Build the wheels of mix_sphinx_core: one for each platform, from one C source, all by the same compiler.

    build_core.py OUTPUT_DIRECTORY TARGET...      a name of TARGETS, `native` for this machine's, or `all`
    build_core.py --sources DIRECTORY             libsodium's source alone, for the tests

Compiler (ziglang) and libsodium (inside PyNaCl's source archive) come from PyPI, pinned in tools.txt and sdists.txt. A
wheel serves every Python from 3.11 on, by the stable ABI; no headers of Python are needed, see python_abi.h. Wheels are
kept in ${XDG_CACHE_HOME:-~/.cache}; the same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass

from downloads import HERE, BuildError, fetch_from_pypi, run, say, sha256
from packing import write_wheel

PACKAGE = HERE.parent / "packages/mix_sphinx_core"
MODULE = "_core"
PYTHON_TAG = "cp311-abi3"


@dataclass(frozen=True)
class Target:
    """A platform.

    triple -- zig's name for it
    tags -- the platform tags of the wheel
    compile, link -- what it wants beside COMPILE_FLAGS and LINK_FLAGS
    """

    triple: str
    tags: str
    compile: str = ""
    link: str = "-shared -s -Wl,--gc-sections"
    suffix: str = ".abi3.so"


# What libsodium's configure finds out; it chooses among its implementations when the program runs.
X86_64 = "-DHAVE_TI_MODE=1 -DHAVE_CPUID=1 -DHAVE_INLINE_ASM=1 -DHAVE_AVX_ASM=1" + "".join(
    f" -DHAVE_{name}INTRIN_H=1" for name in ("M", "EMM", "PMM", "TMM", "SMM", "WMM", "AVX", "AVX2")
)
AARCH64 = "-DHAVE_TI_MODE=1 -DHAVE_INLINE_ASM=1"
WEBASSEMBLY = "-mcpu=generic-extended_const+simd128 -D__EMSCRIPTEN__ -nostdinc"
MACOS_LINK = "-dynamiclib -s -Wl,-dead_strip -undefined dynamic_lookup"
TARGETS = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.17", "manylinux2014_x86_64.manylinux_2_17_x86_64", X86_64),
    "linux-aarch64": Target("aarch64-linux-gnu.2.17", "manylinux2014_aarch64.manylinux_2_17_aarch64", AARCH64),
    "musl-x86_64": Target("x86_64-linux-musl", "musllinux_1_2_x86_64", X86_64),
    "musl-aarch64": Target("aarch64-linux-musl", "musllinux_1_2_aarch64", AARCH64),
    "darwin-x86_64": Target("x86_64-macos.11.0", "macosx_11_0_x86_64", X86_64, MACOS_LINK),
    "darwin-aarch64": Target("aarch64-macos.11.0", "macosx_11_0_arm64", AARCH64, MACOS_LINK),
    "pyodide": Target("wasm32-emscripten", "pyemscripten_2026_0_wasm32", WEBASSEMBLY),
}
COMPILE_FLAGS = """
    -O3 -g0 -std=gnu11 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -fno-sanitize=undefined
    -DCONFIGURED=1 -DSODIUM_STATIC=1 -DNATIVE_LITTLE_ENDIAN=1 -DHAVE_WEAK_SYMBOLS=1 -DHAVE_GCC_MEMORY_FENCES=1 -DTLS=
"""
WARNINGS = (
    "-Wall -Wextra -Werror -Wno-unused-function"  # libsodium's headers define functions that not every file calls
)
WASM_LINK_FLAGS = """
    --experimental-pic -shared --no-entry --unresolved-symbols=import-dynamic --gc-sections --strip-all -O2
"""
SODIUM_PARTS = """
    crypto_core/ed25519/ref10/ed25519_ref10.c crypto_generichash/blake2b/ref/blake2b-*.c
    crypto_hash/sha256/cp/hash_sha256_cp.c crypto_scalarmult/curve25519/ref10/x25519_ref10.c
    crypto_stream/chacha20/stream_chacha20.c crypto_stream/chacha20/*/*.c crypto_verify/verify.c
    sodium/runtime.c
"""
SODIUM_INCLUDE = """
    include include/sodium crypto_core/ed25519/ref10 crypto_generichash/blake2b/ref crypto_scalarmult/curve25519
    crypto_scalarmult/curve25519/ref10
"""


def this_machine() -> str | None:
    """The name of this machine's target, if there is one."""
    system = platform.system().lower()
    if system == "linux" and platform.libc_ver()[0] != "glibc":
        system = "musl"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    return name if (name := f"{system}-{machine}") in TARGETS else None


def choose_targets(wanted: list[str]) -> list[str]:
    """The names of targets that a command line means."""
    names = dict.fromkeys(TARGETS if "all" in wanted else wanted)
    if "native" in names:
        del names["native"]
        if native := this_machine():
            names[native] = None
        else:
            say(f"there is no Sphinx core for {platform.platform()}: here everything works in Python alone")
    if unknown := set(names) - set(TARGETS):
        raise BuildError(f"there is no target {', '.join(sorted(unknown))}")
    return list(names)


def sources_folder(cache: pathlib.Path) -> pathlib.Path:
    """Where libsodium's source is kept, which the tests compile as well."""
    return cache / f"libsodium-{sha256(HERE / 'sdists.txt')[:16]}"


class Toolchain:
    """zig, and libsodium's source."""

    def __init__(self, work: pathlib.Path, cache: pathlib.Path) -> None:
        self.work = work
        got = fetch_from_pypi(work, tools=["ziglang"], sources=["pynacl"])
        archive = got["pynacl"][1] / "src/libsodium"  # inside PyNaCl's source
        shutil.copy(archive / "builds/msvc/version.h", archive / "src/libsodium/include/sodium/version.h")
        self.zig = work / "tools/ziglang/zig"
        self.sodium = archive / "src/libsodium"
        self.sodium_licence = archive / "LICENSE"
        if not (kept := sources_folder(cache)).exists():
            shutil.copytree(self.sodium, work / "kept")
            (work / "kept").rename(kept)
        self.env = {
            **os.environ,
            "ZIG_GLOBAL_CACHE_DIR": str(work / "zig-cache"),
            "ZIG_LOCAL_CACHE_DIR": str(work / "zig-cache"),
        }

    def build_module(self, name: str, target: Target) -> pathlib.Path:
        """Compile and link the extension module."""
        folder = self.work / name
        folder.mkdir()
        flags = ["-target", target.triple, *target.compile.split(), *COMPILE_FLAGS.split()]
        if name == "pyodide":  # the C library is Pyodide's; its headers are those of musl
            headers = self.zig.parent / "lib/libc/include"
            flags += [f"-isystem{self.zig.parent / 'lib/include'}"]
            flags += [f"-isystem{headers / part}" for part in ("wasm-wasi-musl", "generic-musl")]
        flags += [f"-ffile-prefix-map={self.work}=", f"-I{PACKAGE / 'c'}"]
        flags += [f"-I{self.sodium / part}" for part in SODIUM_INCLUDE.split()]
        parts = SODIUM_PARTS if name == "pyodide" else f"{SODIUM_PARTS} sodium/utils.c"  # see sodium_parts.c
        theirs = [path for part in parts.split() for path in sorted(self.sodium.glob(part))]
        ours = sorted((PACKAGE / "c").glob("*.c"))

        def compile_one(source: pathlib.Path) -> pathlib.Path:
            object_file = folder / f"{source.parent.name}-{source.stem}.o"
            warnings = WARNINGS.split() if source in ours else ["-w"]
            command = [self.zig, "cc", *flags, *warnings, "-c", source, "-o", object_file]
            run(command, f"Compiling {source.name} for {name}", env=self.env)
            return object_file

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, [*theirs, *ours]))
        module = folder / f"{MODULE}{target.suffix}"
        if name == "pyodide":
            link = [self.zig, "wasm-ld", *WASM_LINK_FLAGS.split(), f"--export=PyInit_{MODULE}"]
        else:
            link = [self.zig, "cc", "-target", target.triple, *target.link.split()]
        run([*link, "-o", module, *objects], f"Linking the Sphinx core for {name}", env=self.env)
        return module

    def build_wheel(self, name: str, result: pathlib.Path) -> None:
        """Write a target's wheel into a folder."""
        target = TARGETS[name]
        project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
        write_wheel(
            result,
            project["name"],
            project["version"],
            {
                "mix_sphinx_core": PACKAGE / "src/mix_sphinx_core",
                f"mix_sphinx_core/{MODULE}{target.suffix}": self.build_module(name, target),
            },
            [PACKAGE / "LICENSE", self.sodium_licence],
            tag=f"{PYTHON_TAG}-{target.tags}",
            fields={
                "Summary": project["description"],
                "License": project["license"],
                "Requires-Python": project["requires-python"],
            },
            text=(PACKAGE / "README.md").read_text(),
        )


def hash_recipe() -> str:
    """The cache key: changes with any file that decides what is built."""
    files = [HERE / name for name in ("build_core.py", "packing.py", "downloads.py", "tools.txt", "sdists.txt")]
    files += [PACKAGE / name for name in ("pyproject.toml", "LICENSE", "README.md")]
    files += [
        path for path in sorted(PACKAGE.rglob("*")) if path.suffix in {".c", ".h", ".inc", ".py", ".pyi", ".typed"}
    ]
    text = "".join(f"{path.relative_to(HERE.parent)} {sha256(path)}\n" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def find_or_build(cache: pathlib.Path, names: list[str]) -> list[pathlib.Path]:
    """The wheels of these targets, in the cache; what is not there is built."""
    key = hash_recipe()
    kept = cache / key
    missing = [name for name in names if not list(kept.glob(f"{name}/*.whl"))]
    if missing:
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as folder:
            work = pathlib.Path(folder)
            say("downloading the compiler and libsodium's source from PyPI")
            toolchain = Toolchain(work, cache)
            for name in missing:
                say(f"compiling the Sphinx core for {name}")
                result = work / "results" / name
                result.mkdir(parents=True)
                toolchain.build_wheel(name, result)
                if hash_recipe() != key:
                    raise BuildError("the sources were changed while they were compiled: run it again")
                shutil.rmtree(kept / name, ignore_errors=True)
                result.rename(kept / name)
    return [wheel for name in names for wheel in sorted((kept / name).glob("*.whl"))]


def copy_sources(cache: pathlib.Path, output: pathlib.Path) -> None:
    """Copy libsodium's source to a new folder."""
    if not (kept := sources_folder(cache)).exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as folder:
            Toolchain(pathlib.Path(folder), cache)
    shutil.copytree(kept, output)


def publish(wheels: list[pathlib.Path], output: pathlib.Path) -> None:
    """Make the folder hold exactly these wheels."""
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.whl"):
        if old.name not in {wheel.name for wheel in wheels}:
            old.unlink()
    for wheel in wheels:
        target = output / wheel.name
        if not target.exists() or sha256(target) != sha256(wheel):
            fresh = output / f".{wheel.name}.new"
            shutil.copy2(wheel, fresh)
            fresh.replace(target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the wheels of mix_sphinx_core.")
    parser.add_argument("output", type=pathlib.Path, help="folder that will hold these wheels and no others")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}, native or all")
    parser.add_argument("--sources", action="store_true", help="put libsodium's source there instead")
    arguments = parser.parse_args()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "sphinx-core-wheels")
    try:
        if arguments.sources:
            copy_sources(cache.resolve(), arguments.output)
            return
        wheels = find_or_build(cache.resolve(), choose_targets(arguments.targets))
        publish(wheels, arguments.output.resolve())
    except BuildError as error:
        sys.exit(f"build_core: {error}")
    say(f"wheels are in {arguments.output}")


if __name__ == "__main__":
    main()
