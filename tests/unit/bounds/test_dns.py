"""DNS: answers that a hostile server makes for the resolver, and queries of a hostile client for the exit's own."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import ip_address

import pytest
from support.bounded_work import check_bounded

from mix_network.exit.hosts_resolver import HostsResolver
from mix_tunnel.runtime.dns.answers import interpret
from mix_tunnel.runtime.dns.errors import MalformedAnswer
from mix_tunnel.runtime.dns.messages import Query, belongs_to, make_query, read_message

MAX_BYTES = 65_535
QUESTION = b"\xc0\x0c"
"""A pointer to the question's name."""
LONG_NAME = b"".join(b"\x01" + bytes((97 + index % 26,)) for index in range(120))
A, SOA, MX, TXT, NAPTR, CNAME, DNSKEY, HTTPS, CAA = 1, 6, 15, 16, 35, 5, 48, 65, 257


def u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def record(name: bytes, type: int, data: bytes) -> bytes:
    return name + u16(type) + b"\x00\x01\x00\x00\x00\x3c" + u16(len(data)) + data


def query_for(type: str) -> Query:
    return make_query("a.test", type, lambda count: bytes(count), identifier=7)


def fill(records: Iterable[bytes], most: int = 5000) -> list[bytes]:
    """As many records as there is room for."""
    chosen: list[bytes] = []
    room = MAX_BYTES - 12 - len(query_for("A").question)
    for each in itertools.islice(records, most):
        room -= len(each)
        if room < 0:
            break
        chosen.append(each)
    return chosen


@cache
def labels_of_one_hash() -> list[bytes]:
    """Labels whose names dnspython hashes to the same number: its hash is a plain polynomial."""
    groups: dict[int, list[str]] = defaultdict(list)
    for letters in itertools.product("abcdefghijklmnopqrstuvwxyz0123456789", repeat=3):
        groups[ord(letters[0]) * 81 + ord(letters[1]) * 9 + ord(letters[2])].append("".join(letters))
    block = max(groups.values(), key=len)
    return ["".join(parts).encode() for parts in itertools.islice(itertools.product(block, repeat=3), 5000)]


def colliding(type: int = A, data: bytes = b"\x01\x02\x03\x04") -> list[bytes]:
    return fill(record(bytes((len(label),)) + label + QUESTION, type, data) for label in labels_of_one_hash())


def alias_chain(count: int) -> list[bytes]:
    """CNAMEs of names of one hash, each to the next."""
    names = [bytes((len(label),)) + label + b"\x00" for label in labels_of_one_hash()[:count]]
    return fill(record(one, CNAME, other) for one, other in zip([QUESTION, *names], names, strict=False))


def long_exchanges() -> list[bytes]:
    first = record(QUESTION, MX, b"\x00\x01" + LONG_NAME + b"\x00")
    at = 12 + len(query_for("MX").question) + 2 + 10 + 2
    return fill([first, *(record(QUESTION, MX, u16(index) + u16(0xC000 | at)) for index in range(511))])


def deep_owners() -> list[bytes]:
    at = 12 + len(query_for("A").question)
    first = record(LONG_NAME + b"\x00", A, b"1234")
    others = (
        record(b"\x01" + bytes((97 + i % 26,)) + u16(0xC000 | at + 2 * (i % 120)), A, b"1234") for i in range(4999)
    )
    return fill([first, *others])


def svcb(parameters: bytes) -> list[bytes]:
    return [record(QUESTION, HTTPS, b"\x00\x01\x00" + parameters)]


ANSWERS: dict[str, tuple[str, Callable[[], list[bytes]]]] = {
    "names of one hash": ("A", colliding),
    "names of one hash that are zones": ("A", lambda: colliding(SOA, QUESTION * 2 + bytes(20))),
    "aliases of one hash": ("A", lambda: alias_chain(5000)),
    "addresses": ("A", lambda: fill(record(QUESTION, A, b"\x01\x01" + u16(index)) for index in range(5000))),
    "as many addresses as are read": ("A", lambda: [record(QUESTION, A, b"\x01\x01" + u16(i)) for i in range(512)]),
    "long names by pointers": ("MX", long_exchanges),
    "long owners": ("A", lambda: fill(itertools.repeat(record(LONG_NAME + b"\x00", A, b"1234")))),
    "pointers into a long owner": ("A", deep_owners),
    "a long text": ("TXT", lambda: [record(QUESTION, TXT, (b"\xff" + bytes(255)) * 255)]),
    "short texts": ("TXT", lambda: fill(record(QUESTION, TXT, u16(0x0200 + index) + b"x") for index in range(511))),
    "empty strings": ("TXT", lambda: [record(QUESTION, TXT, bytes(16_000))]),
    "just too few empty strings": ("TXT", lambda: [record(QUESTION, TXT, bytes(2000))]),
    "parameters": ("HTTPS", lambda: svcb(b"".join(u16(300 + index) + u16(0) for index in range(4000)))),
    "address hints": ("HTTPS", lambda: svcb(u16(4) + u16(16_000) + b"\x01\x02\x03\x04" * 4000)),
    "protocols": ("HTTPS", lambda: svcb(u16(1) + u16(16_000) + b"\x01a" * 8000)),
    "an opaque parameter": ("HTTPS", lambda: svcb(u16(333) + u16(16_000) + bytes(16_000))),
    "a long key": ("DNSKEY", lambda: [record(QUESTION, DNSKEY, b"\x01\x00\x03\x05" + bytes(16_000))]),
    "a long value": ("CAA", lambda: [record(QUESTION, CAA, b"\x00\x05issue" + bytes(16_000))]),
    "expressions": (
        "NAPTR",
        lambda: [record(QUESTION, NAPTR, u16(i) + bytes(4) + b"\x10" + b"\xff" * 16 + b"\x00") for i in range(500)],
    ),
}


def response(query: Query, records: list[bytes], section: int) -> bytes:
    counts = [u16(len(records)) if index == section else b"\x00\x00" for index in range(3)]
    return u16(query.identifier) + b"\x81\x80\x00\x01" + b"".join(counts) + query.question + b"".join(records)


@pytest.mark.parametrize("section", range(3), ids=("answer", "authority", "additional"))
@pytest.mark.parametrize("case", ANSWERS)
def test_answers(case: str, section: int) -> None:
    type, make = ANSWERS[case]
    query = query_for(type)
    wire = response(query, make(), section)

    def read() -> None:
        assert belongs_to(wire, query)
        interpret(read_message(wire, query, over_stream=True), "a.test", type, len(wire))

    check_bounded(read)


def test_many_other_names_beside_the_answer_do_no_harm() -> None:
    query = query_for("A")
    wire = response(query, [record(QUESTION, A, b"\x01\x02\x03\x04"), *colliding()[:2000]], 0)
    answer = interpret(read_message(wire, query), "a.test", "A")
    assert [each.text for each in answer.records] == ["1.2.3.4"]


def test_too_many_records_of_the_name_are_refused() -> None:
    query = query_for("A")
    wire = response(query, [record(QUESTION, A, b"\x01\x01" + u16(index)) for index in range(513)], 0)
    with pytest.raises(MalformedAnswer):
        read_message(wire, query)


ASKED = b"\x01a\x04test\x00\x00\x01\x00\x01"
OPTIONS = b"".join(u16(index) + b"\x00\x00" for index in range(1000))
QUESTIONS = b"".join(b"\x01" + bytes((97 + index % 26,)) + b"\x00\x00\x01\x00\x01" for index in range(9000))
QUERIES: dict[str, tuple[list[int], bytes]] = {
    "names of one hash": ([1, len(colliding()), 0, 0], ASKED + b"".join(colliding())),
    "questions": ([9000, 0, 0, 0], QUESTIONS),
    "options of EDNS": ([1, 0, 0, 1], ASKED + b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00" + u16(len(OPTIONS)) + OPTIONS),
    "one long name": ([1, 0, 0, 0], LONG_NAME + b"\x00\x00\x01\x00\x01"),
}


@pytest.mark.parametrize("case", QUERIES)
def test_queries_at_the_exit(case: str) -> None:
    counts, rest = QUERIES[case]
    query = b"\x12\x34\x01\x00" + b"".join(map(u16, counts)) + rest
    resolver = HostsResolver({"a.test": [ip_address("127.0.0.1")]})
    with asyncio.Runner() as runner:
        check_bounded(lambda: runner.run(resolver.answer(query[:65_535], 65_535)))
