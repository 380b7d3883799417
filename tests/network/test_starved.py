"""Everything at a tenth of a core: a process is stopped and let go on by turns, as a busy machine does to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import starved_download
from support.waiting import PATIENCE_S

RUNS_S, STANDS_S = 0.05, 0.45
LIMIT_S = 240.0
"""On a quiet machine it takes a quarter of that; where this runs beside other things, it is starved twice."""


def starve(process: subprocess.Popen[str], over: threading.Event) -> None:
    """Give a process a tenth of the time until it is over."""
    while not over.is_set() and process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        over.wait(STANDS_S)
        process.send_signal(signal.SIGCONT)
        time.sleep(RUNS_S)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system can't stop a process for a while")
@pytest.mark.timeout(LIMIT_S + 60)
def test_a_download_at_a_tenth_of_a_core_arrives_intact_and_without_a_storm():
    root = Path(starved_download.__file__).parents[1]
    command = [sys.executable, "-m", "support.starved_download"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(LIMIT_S + PATIENCE_S, process.kill)
        watchdog.start()
        over = threading.Event()
        starving = threading.Thread(target=starve, args=(process, over))
        try:
            assert process.stdout.readline() == "ready\n"
            starving.start()
            process.stdin.write("\n")
            process.stdin.flush()
            told = json.loads(process.stdout.readline())
        finally:
            over.set()
            if starving.ident is not None:
                starving.join()
            watchdog.cancel()
            process.kill()
    assert told["intact"]
    assert told["reconnects"] == 0
    assert told["again"] <= 0.3 * told["sent"]
