"""The demo's name server: what it knows, what it denies, and what it does with anything else."""

from __future__ import annotations

import sys
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[3] / "web"))

from demo_names import DemoNames

UDP_BYTES = 1232
NAMES = DemoNames(8443, b"certificate")


def ask(name: str, record_type: str, max_bytes: int = 65_535, **options: int) -> dns.message.Message:
    query = dns.message.make_query(name, record_type, **options)
    wire = NAMES.answer(query.to_wire(), max_bytes)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert answer.id == query.id
    assert answer.question == query.question
    return answer


def texts(answer: dns.message.Message) -> list[str]:
    return sorted(f"{dns.rdatatype.to_text(rrset.rdtype)} {record}" for rrset in answer.answer for record in rrset)


@pytest.mark.parametrize(
    ("name", "record_type", "expected"),
    [
        ("demo.test", "A", ["A 127.0.0.1"]),
        ("DeMo.TeSt", "A", ["A 127.0.0.1"]),
        ("demo.test", "MX", ["MX 10 mail.demo.test.", "MX 20 backup.demo.test."]),
        ("_https._tcp.demo.test", "SRV", ["SRV 0 5 8443 demo.test."]),
        ("www.demo.test", "A", ["A 127.0.0.1", "CNAME demo.test."]),
        ("www.demo.test", "CNAME", ["CNAME demo.test."]),
        ("xn--bcher-kva.demo.test", "A", ["A 127.0.0.1", "CNAME demo.test.", "CNAME www.demo.test."]),
        ("1.0.0.127.in-addr.arpa", "PTR", ["PTR demo.test."]),
    ],
)
def test_what_it_knows(name: str, record_type: str, expected: list[str]):
    answer = ask(name, record_type)
    assert answer.rcode() == dns.rcode.NOERROR
    assert texts(answer) == expected


@pytest.mark.parametrize(
    ("name", "record_type", "rcode", "has_authority"),
    [
        ("nothing.demo.test", "A", dns.rcode.NXDOMAIN, True),
        ("demo.test", "AAAA", dns.rcode.NOERROR, True),
        ("_tcp.demo.test", "A", dns.rcode.NOERROR, True),  # no records, but names below it
        ("example.org", "A", dns.rcode.NXDOMAIN, False),
        ("servfail.demo.test", "A", dns.rcode.SERVFAIL, False),
        ("refused.demo.test", "A", dns.rcode.REFUSED, False),
    ],
)
def test_what_it_denies(name: str, record_type: str, rcode: dns.rcode.Rcode, has_authority: bool):
    answer = ask(name, record_type)
    assert answer.rcode() == rcode
    assert answer.answer == []
    assert bool(answer.authority) == has_authority


def test_a_long_answer_is_truncated_over_udp_alone():
    truncated = ask("long.demo.test", "TXT", UDP_BYTES, use_edns=0, payload=4096)
    assert truncated.flags & dns.flags.TC
    assert truncated.answer == []
    assert len(texts(ask("long.demo.test", "TXT"))) == 40


def test_silence():
    assert NAMES.answer(dns.message.make_query("silent.demo.test", "A").to_wire(), UDP_BYTES) is None
    response = dns.message.make_response(dns.message.make_query("demo.test", "A"))
    assert NAMES.answer(response.to_wire(), UDP_BYTES) is None, "an answer is no question"


@given(st.binary(max_size=600))
def test_any_bytes(query: bytes):
    assert isinstance(NAMES.answer(query, UDP_BYTES), bytes | None)


@given(st.data())
def test_damaged_queries(data: st.DataObject):
    wire = bytearray(dns.message.make_query("www.demo.test", "A", use_edns=0).to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(NAMES.answer(bytes(wire), UDP_BYTES), bytes | None)
