"""The playground's program: one line when ready, clear words when it cannot start, everything gone at the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from support.processes import STOP_SECONDS, first_line, running

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, str(ROOT / "web/playground.py")]
LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket() as control:  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 0x41))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_it_serves_and_stops_with_everything_it_started():
    with running([*PROGRAM, "--port", "0"]) as process:
        line = first_line(process)
        url = re.fullmatch(r"The playground is ready: (http://127\.0\.0\.1:\d+/) \(Ctrl-C stops it\)\n", line)
        assert url is not None, line
        with urllib.request.urlopen(url[1]) as answer:
            policy = answer.headers["content-security-policy"]
            assert b"Mixnet playground" in answer.read()
        assert policy == (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
            "connect-src 'self' ws://127.0.0.1:*; style-src 'self'; img-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
        network = [int(word) for word in children.stdout.split()]
        assert len(network) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in network)


def test_a_port_in_use_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*PROGRAM, "--port", str(port)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f"port {port} cannot be used" in done.stderr
    assert "PORT=" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_network_that_cannot_start_is_said():
    done = subprocess.run(
        [*PROGRAM, "--port", "0", "--", "--no-such-option"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "no-such-option" in done.stderr
    assert "the local mixnet ended" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_needs_no_network():
    """The whole way again, in a network namespace that has only loopback."""
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    test = "tests/browser/test_playground.py::test_the_whole_way"
    command = [*namespace, sys.executable, "-c", LOOPBACK_UP, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout
