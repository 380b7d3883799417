"""The Sphinx core under the address and undefined-behaviour sanitizers, and under valgrind with its secrets hidden."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.readme import ROOT

sys.path.insert(0, str(Path(__file__).parent))

from sphinx_core_sources import CORE, INTEL, build, fetch_sodium, find_gcc

pytestmark = pytest.mark.timeout(900)  # compiling takes a busy machine minutes

HERE = Path(__file__).parent
IS_INTEL = platform.machine().lower() in {"x86_64", "amd64"}
KINDS = {"native": f"-DHAVE_TI_MODE=1 {INTEL if IS_INTEL else ''}", "portable": "-DPORTABLE"}
"""The flags of 64-bit processors, and those of 32-bit arithmetic without any processor's instructions (as in wasm)."""
ERROR = 9


@pytest.fixture(scope="module")
def sodium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_sodium(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module", params=KINDS)
def program(request: pytest.FixtureRequest, sodium: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """constant_time.c with the core."""
    if not shutil.which("valgrind") or not Path("/usr/include/valgrind/memcheck.h").exists():
        pytest.skip("valgrind is not installed: nothing is said here about the time that secrets take")
    folder = tmp_path_factory.mktemp("valgrind")
    left_out = {"module.c", "table_cache.c", *({"processor.c"} if request.param == "portable" else ())}
    ours = [*(path for path in sorted(CORE.glob("*.c")) if path.name not in left_out), HERE / "constant_time.c"]
    flags = f"-O2 -g -ffunction-sections -DCHECK_CONSTANT_TIME {KINDS[request.param]}"
    build(folder / "objects", sodium, flags, ours, folder / "constant_time", "-Wl,--gc-sections")
    return folder / "constant_time"


def memcheck(program: Path, argument: str) -> subprocess.CompletedProcess[str]:
    command = ["valgrind", "--quiet", f"--error-exitcode={ERROR}", program, argument]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("lanes", ["2", pytest.param("4", marks=pytest.mark.skipif(not IS_INTEL, reason="no AVX2"))])
def test_no_branch_and_no_index_depends_on_a_secret(program: Path, lanes: str):
    done = memcheck(program, lanes)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout == "done\n"


def test_a_branch_that_depends_on_a_secret_is_found(program: Path):
    done = memcheck(program, "leak")
    assert done.returncode == ERROR
    assert "uninitialised" in done.stderr


def test_under_sanitizers(sodium: Path, tmp_path: Path):
    package = tmp_path / "mix_sphinx_core"
    shutil.copytree(ROOT / "packages/mix_sphinx_core/src/mix_sphinx_core", package)
    sanitizers = "-fsanitize=address,undefined -fno-sanitize-recover=all"
    flags = (
        f"-O1 -g -fPIC -fno-omit-frame-pointer -fvisibility=hidden -ffunction-sections {sanitizers} {KINDS['native']}"
    )
    link = f"-shared -Wl,--gc-sections {sanitizers}"
    build(tmp_path / "objects", sodium, flags, sorted(CORE.glob("*.c")), package / "_core.abi3.so", link)

    asan = subprocess.run([find_gcc(), "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": asan.stdout.strip(),
        # Python keeps much until it exits, which is no leak; the script measures growth instead.
        "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=1:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(tmp_path),
    }
    script = HERE / "exercise_sphinx_core.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "rounds" in done.stdout
