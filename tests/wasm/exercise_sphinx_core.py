"""Calls every function of `mix_sphinx_core`, well and badly; test_sphinx_core.py runs it under the sanitizers."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import mix_sphinx_core as core

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.sphinx.core import PythonSphinxCore

CRYPTO = NativeCrypto()
ORACLE = PythonSphinxCore(CRYPTO)
PAYLOADS = (38, 2065, 8209, 16401, 32785)
KEYS = [CRYPTO.x25519_public(bytes((number,)) * 32) for number in range(1, 8)]
LOW_ORDER, TWIST = bytes(32), bytes((2,)) + bytes(31)


def header(hops: int, *, keys: list[bytes] = KEYS) -> tuple[bytes, bytes, bytes, bytes]:
    route = b"".join(keys[number % len(keys)] for number in range(hops))
    return route, os.urandom(44 * (hops - 1) + 52), os.urandom(32), os.urandom(248 - 60 * (hops - 1))


def refuses(function, *arguments) -> None:
    try:
        function(*arguments)
    except (ValueError, TypeError):
        return
    raise AssertionError(f"{function.__name__} took wrong arguments")


def check_building() -> None:
    for count in (0, 1, 2, 7, 33):
        requests = [header(number % 5 + 1) for number in range(count)]
        assert core.build_headers(requests) == ORACLE.build_headers(requests)
        packets = [(*one, bool(i % 3), os.urandom(PAYLOADS[i % 5]), -1, 0) for i, one in enumerate(requests)]
        packets += [(*one, True, bytes(2065), i - i % 5, 16) for i, one in enumerate(requests)]
        built = core.build_packets(packets)
        assert built == ORACLE.build_packets(packets)
        mixed = [*built, b"", os.urandom(386), bytes(2413), os.urandom(40_000)]
        for secret in (b"\x01" * 32, b"\x02" * 32):
            layers = core.process(secret, mixed)
            assert [layer for layer in layers if isinstance(layer, tuple)] == [
                layer for layer in ORACLE.process(secret, mixed) if isinstance(layer, tuple)
            ]
        agreements = [(os.urandom(32), key) for key in KEYS] * count
        assert core.agree(agreements) == ORACLE.agree(agreements)
    assert core.build_headers([header(3, keys=[KEYS[0], TWIST]), header(2, keys=[LOW_ORDER])]) == [None, None]


def check_payloads() -> None:
    for length in PAYLOADS:
        for hops in range(1, 6):
            seeds, keys, payload = os.urandom(16 * hops), os.urandom(192 * hops), os.urandom(length)
            assert core.seal(seeds, True, payload) == ORACLE.seal(seeds, True, payload)
            assert core.seal(keys, False, memoryview(payload)) == ORACLE.seal(keys, False, payload)
            assert core.unseal(bytearray(seeds), payload) == ORACLE.unseal(seeds, payload)


def check_wrong_arguments() -> None:
    good = header(2)
    for item in range(4):
        for wrong in (b"", good[item] + b"x", good[item][:-1], None, "x" * len(good[item])):
            refuses(core.build_headers, [good, (*good[:item], wrong, *good[item + 1 :])])
            refuses(core.build_packets, [(*good[:item], wrong, *good[item + 1 :], True, bytes(38), -1, 0)])
    for payload, carries, at in ((bytes(37), -1, 0), (bytes(38), 0, 0), (bytes(38), 1, 0), (bytes(38), None, 0)):
        refuses(core.build_packets, [(*good, True, bytes(38), -1, 0), (*good, True, payload, carries, at)])
    refuses(core.build_packets, [(*good, True, bytes(38), -1, 0), (*good, True, bytes(2065), 0, 2**62)])
    for call in (core.build_headers, core.build_packets, core.agree, core.process, core.seal, core.unseal):
        refuses(call)
        refuses(call, None, None)
        refuses(call, [None], [None], [None])
    for material in (b"", bytes(15), bytes(96), bytes(2000)):
        refuses(core.seal, material, True, bytes(38))
        refuses(core.unseal, material, bytes(38))


def check_threads() -> None:
    jobs = [[header(5, keys=KEYS[i % 6 :])] * 2 for i in range(12)]
    expected = [ORACLE.build_headers(job) for job in jobs]
    wrong: list[int] = []

    def work() -> None:
        for number, job in enumerate(jobs):
            core.limit_tables(number % 4)
            if core.build_headers(job) != expected[number]:
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    core.limit_tables(64)


def resident_kib() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


def main() -> None:
    sizes = []
    for _ in range(4):
        check_building()
        check_payloads()
        check_wrong_arguments()
        check_threads()
        sizes.append(resident_kib())
    assert sizes[-1] - sizes[1] < 4096, f"memory grows: {sizes} KiB"
    print(f"{len(sizes)} rounds")


if __name__ == "__main__":
    main()
