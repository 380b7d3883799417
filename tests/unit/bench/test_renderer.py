"""What /proc says of a process."""

import os

from bench.side_by_side.renderer import Renderer, cpu_ticks, private_kib

STAT = "42 (a) strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 17 5 0 0 20 0 1 0 100 1000 10 18446744073709551615"


def test_a_name_may_hold_anything():
    assert cpu_ticks(STAT) == 22


def test_private_memory_is_what_no_file_backs():
    status = "VmRSS:\t  300 kB\nRssAnon:\t  100 kB\nRssFile:\t  150 kB\nRssShmem:\t  50 kB\nVmSwap:\t  7 kB\n"
    assert private_kib(status) == 107


def test_this_process_has_figures():
    renderer = Renderer(os.getpid())
    before = renderer.cpu_s()
    held = bytearray(os.urandom(30_000_000))
    assert renderer.memory_mb() > len(held) / 1e6
    assert renderer.cpu_s() >= before > 0
