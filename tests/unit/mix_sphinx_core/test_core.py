"""The compiled core beside the same in Python: special points and secrets, odd arguments, many threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.provider import InvalidPublicKey
from mix_protocol.sphinx.core import PythonSphinxCore
from mix_protocol.sphinx.curve import is_on_curve

core = pytest.importorskip("mix_sphinx_core", reason="the compiled Sphinx core is not installed")

CRYPTO = NativeCrypto()
ORACLE = PythonSphinxCore(CRYPTO)
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
LOW_ORDER = [
    0,
    1,
    PRIME - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
TWIST = [number for number in range(2, 30) if not is_on_curve(number.to_bytes(32, "little"))]
DEFAULT_TABLES = 512


def encode(number: int) -> bytes:
    return number.to_bytes(32, "little")


def key(number: int) -> bytes:
    return CRYPTO.x25519_public(encode(number))


def request(node_keys: list[bytes], secret: bytes = b"\x07" * 32) -> tuple[bytes, bytes, bytes, bytes]:
    hops = len(node_keys)
    return b"".join(node_keys), os.urandom(44 * (hops - 1) + 52), secret, os.urandom(248 - 60 * (hops - 1))


@pytest.fixture(autouse=True)
def usual_tables():
    yield
    core.limit_tables(DEFAULT_TABLES)


secrets = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.sampled_from([bytes(32), b"\xff" * 32, encode(ORDER), encode(8 * ORDER % 2**256), encode(2**254), encode(8)]),
    st.integers(0, 2**16).map(lambda difference: encode(8 * (ORDER // 8) + difference)),
)


@settings(max_examples=150)
@given(secret=secrets, scalars=st.lists(secrets, min_size=1, max_size=5))
def test_chains_of_any_secrets(secret, scalars):
    one = request([CRYPTO.x25519_public(scalar) for scalar in scalars], secret)
    assert core.build_headers([one]) == ORACLE.build_headers([one])


@settings(max_examples=150)
@given(secret=secrets, point=secrets.map(CRYPTO.x25519_public), is_not_canonical=st.booleans())
def test_agreement_with_any_secrets(secret, point, is_not_canonical):
    if is_not_canonical:
        point = point[:31] + bytes((point[31] | 0x80,))
    assert core.agree([(secret, point)]) == ORACLE.agree([(secret, point)])


@pytest.mark.parametrize("number", range(2, 19))
def test_coordinates_that_are_written_in_two_ways(number: int):
    secret = os.urandom(32)
    both = core.agree([(secret, encode(number)), (secret, encode(PRIME + number))])
    assert both[0] == both[1]
    if both[0]:
        assert both == ORACLE.agree([(secret, encode(number))] * 2)
    else:
        assert ORACLE.agree([(secret, encode(number))])  # on the twist: Python's way works


@pytest.mark.parametrize("number", LOW_ORDER)
@pytest.mark.parametrize("high_bit", [0, 1 << 255])
def test_points_of_low_order_are_left_to_python(number: int, high_bit: int):
    point = encode(number | high_bit)
    assert core.agree([(b"\x05" * 32, point)]) == [None]
    assert core.build_headers([request([point]), request([key(5), point])]) == [None, None]
    with pytest.raises(InvalidPublicKey):
        ORACLE.agree([(b"\x05" * 32, point)])


@pytest.mark.parametrize("number", TWIST)
def test_points_of_the_twist_are_left_to_python(number: int):
    assert core.build_headers([request([encode(number)])]) == [None]
    assert core.agree([(bytes(32), encode(number))]) == [None]


def test_the_others_of_a_call_do_not_suffer_from_one_that_fails():
    good = request([key(1), key(2), key(3)])
    requests = [good, request([key(1), encode(0)]), (*good[:3], os.urandom(128)), request([encode(2)])]
    built = core.build_headers(requests)
    assert built[1] is built[3] is None
    assert [built[0], built[2]] == ORACLE.build_headers([requests[0], requests[2]])


def test_what_carries_one_that_fails_fails():
    ack = (*request([encode(0)]), True, bytes(38), -1, 0)
    packet = (*request([key(1)]), True, bytes(2065), 0, 16)
    assert core.build_packets([ack, packet]) == [None, None]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 31, 32, 33, 64, 65, 130])
def test_batches_of_every_size(count: int):
    requests = [request([key(i % 7 + 1), key(i % 5 + 1)], os.urandom(32)) for i in range(count)]
    assert core.build_headers(requests) == ORACLE.build_headers(requests)
    packets = core.build_packets([(*one, True, os.urandom(38), -1, 0) for one in requests])
    assert core.process(encode(1), packets) == core.process(encode(1), packets[:1]) + core.process(
        encode(1), packets[1:]
    )
    agreements = [(os.urandom(32), key(i % 3 + 1)) for i in range(count)]
    assert core.agree(agreements) == ORACLE.agree(agreements)


def test_a_node_among_packets_that_are_none():
    secret = os.urandom(32)
    good = core.build_packets([(*request([CRYPTO.x25519_public(secret)]), True, bytes(2065), -1, 0)] * 2)
    packets = [b"", good[0], bytes(347), os.urandom(348 + 38), bytes(348 + 38), good[1], good[1][:-1], bytes(100_000)]
    layers = core.process(secret, packets)
    kinds = [type(layer) if isinstance(layer, tuple) else layer for layer in layers]
    # The metas here are random: what the blocks say is no matter, but they are read.
    assert kinds[1] is kinds[5] is tuple
    bad = core.BAD_LENGTH
    assert kinds[:1] + kinds[2:5] + kinds[6:] == [bad, bad, core.BAD_MAC, core.BAD_KEY, bad, bad]


@pytest.mark.parametrize("position", range(0, 348, 29))
def test_one_bit_of_a_header_changed(position: int):
    secret = encode(4)
    packet = bytearray(core.build_packets([(*request([key(4)]), True, bytes(38), -1, 0)])[0])
    packet[position] ^= 1
    assert core.process(secret, [packet])[0] in (core.BAD_MAC, core.BAD_KEY)


WRONG_REQUESTS = [
    (b"", bytes(52), bytes(32), bytes(248)),
    (bytes(31), bytes(52), bytes(32), bytes(248)),
    (bytes(6 * 32), bytes(5 * 44 + 52), bytes(32), b""),
    (bytes(32), bytes(51), bytes(32), bytes(248)),
    (bytes(32), bytes(52), bytes(33), bytes(248)),
    (bytes(32), bytes(52), bytes(32), bytes(247)),
    (bytes(64), bytes(96), bytes(32), bytes(248)),
]


@pytest.mark.parametrize("wrong", WRONG_REQUESTS)
def test_lengths_are_checked(wrong):
    for count in (0, 3):
        with pytest.raises(ValueError, match="bytes"):
            core.build_headers([request([key(1)])] * count + [wrong])
        with pytest.raises(ValueError, match="bytes"):
            core.build_packets([(*wrong, True, bytes(38), -1, 0)])


@pytest.mark.parametrize(
    ("payload", "carries", "at"),
    [
        (bytes(39), -1, 0),
        (b"", -1, 0),
        (bytes(2065), 1, 0),
        (bytes(2065), -2, 0),
        (bytes(2065), 0, -1),
        (bytes(2065), 0, 2065 - 386 + 1),
        (bytes(2065), 0, 2**40),
        (bytes(38), 0, 0),
    ],
)
def test_payloads_and_what_they_carry_are_checked(payload, carries, at):
    ack = (*request([key(1)]), True, bytes(38), -1, 0)
    with pytest.raises(ValueError, match=r"payload|carries"):
        core.build_packets([ack, (*request([key(1)]), True, payload, carries, at)])


def test_a_carried_packet_may_fill_its_place_to_the_end():
    ack = (*request([key(1)]), True, bytes(38), -1, 0)
    packet = (*request([key(2)]), True, bytes(2065), 0, 2065 - 386)
    assert core.build_packets([ack, packet]) == ORACLE.build_packets([ack, packet])


@pytest.mark.parametrize("length", [0, 15, 17, 96])
def test_material_is_checked(length: int):
    with pytest.raises(ValueError, match="seeds of 16"):
        core.seal(bytes(length), True, bytes(38))
    with pytest.raises(ValueError, match="seeds of 16"):
        core.unseal(bytes(length), bytes(38))
    with pytest.raises(ValueError, match="keys of 192"):
        core.seal(bytes(length), False, bytes(38))


@pytest.mark.parametrize("hops", range(1, 6))
@pytest.mark.parametrize("length", [38, 2065, 8209, 16401, 32785])
def test_payloads_sealed_and_opened(hops: int, length: int):
    payload, seeds, keys = os.urandom(length), os.urandom(16 * hops), os.urandom(192 * hops)
    assert core.seal(seeds, True, payload) == ORACLE.seal(seeds, True, payload)
    assert core.seal(keys, False, payload) == ORACLE.seal(keys, False, payload)
    assert core.unseal(seeds, payload) == ORACLE.unseal(seeds, payload)


@pytest.mark.parametrize(
    "call",
    [
        lambda: core.build_headers(),
        lambda: core.build_headers(5),
        lambda: core.build_headers([5]),
        lambda: core.build_headers([(bytes(32), bytes(52), bytes(32))]),
        lambda: core.build_headers([("x" * 32, bytes(52), bytes(32), bytes(248))]),
        lambda: core.build_packets([(*request([key(1)]), True, bytes(38), "0", 0)]),
        lambda: core.build_packets([(*request([key(1)]), True, None, -1, 0)]),
        lambda: core.agree([(bytes(32),)]),
        lambda: core.agree([(bytes(32), None)]),
        lambda: core.process(bytes(32), [None]),
        lambda: core.process(bytes(32)),
        lambda: core.seal(bytes(16), True),
        lambda: core.unseal(bytes(16)),
        lambda: core.limit_tables("1"),
    ],
)
def test_types_are_checked(call):
    with pytest.raises(TypeError):
        call()


def test_other_lengths_are_values_that_are_wrong():
    for call in (
        lambda: core.process(bytes(31), []),
        lambda: core.agree([(bytes(31), bytes(32))]),
        lambda: core.agree([(bytes(32), bytes(33))]),
        lambda: core.limit_tables(-1),
    ):
        with pytest.raises(ValueError, match=r"bytes|less"):
            call()


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_threads_that_push_each_others_tables_out(limit: int):
    core.limit_tables(limit)
    jobs = [[request([key(j % 5 + 1), key((j + i) % 7 + 1)], os.urandom(32)) for i in range(3)] for j in range(40)]
    expected = [ORACLE.build_headers(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(core.build_headers, jobs)) == expected


def test_other_threads_run_while_the_core_computes():
    big = [(*request([key(1)] * 5), True, os.urandom(32785), -1, 0) for _ in range(40)]
    turns = 0
    done = threading.Event()

    def build():
        core.build_packets(big)
        done.set()

    threading.Thread(target=build).start()
    while not done.is_set():
        turns += 1
    assert turns > 100


def test_a_second_interpreter_has_tables_of_its_own():
    script = """
import sys
import mix_sphinx_core as first
if sys.version_info < (3, 12):
    import _xxsubinterpreters as interpreters
    other = interpreters.create(isolated=False)
    run = interpreters.run_string
else:
    import _interpreters as interpreters
    other = interpreters.create()
    run = interpreters.exec
code = "import mix_sphinx_core as c; c.limit_tables(1); assert c.agree([(bytes(32), bytes([9]) + bytes(31))])"
assert run(other, code) is None
interpreters.destroy(other)
assert first.agree([(bytes(32), bytes([9]) + bytes(31))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
