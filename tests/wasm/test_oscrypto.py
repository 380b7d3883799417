"""`_oscrypto.c`, compiled natively with the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which("gcc")
    assert found, "gcc is missing: apt-get install gcc libc6-dev"
    assert Path("/usr/include/openssl/evp.h").exists(), "OpenSSL's headers are missing: apt-get install libssl-dev"
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    assert headers.exists(), f"{headers} is missing: apt-get install python3-dev"
    return found


def test_under_sanitizers(compiler: str, tmp_path: Path):
    library = tmp_path / f"_oscrypto{sysconfig.get_config_var('EXT_SUFFIX')}"
    flags = "-std=c11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wno-cast-function-type -fPIC -shared"
    sanitizers = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    include = ["-I", sysconfig.get_paths()["include"]]
    source = ROOT / "wasm/src/_oscrypto.c"
    command = [compiler, *flags.split(), *sanitizers.split(), *include, source, "-o", library, "-lcrypto"]
    subprocess.run(command, check=True, capture_output=True, text=True)

    asan = subprocess.run([compiler, "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": asan.stdout.strip(),
        # Python keeps much until it exits, which is no leak; exercise_oscrypto.py measures growth instead.
        "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=1:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(tmp_path),
    }
    script = Path(__file__).with_name("exercise_oscrypto.py")
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "ciphers: " in done.stdout
