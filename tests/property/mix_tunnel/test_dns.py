"""Whatever a DNS server sends, and whatever text is given, the answer is a value or a typed error."""

from __future__ import annotations

import contextlib
import json

import dns.message
import dns.name
import dns.rdata
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.name_server import respond

from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.answers import Answer, interpret
from mix_tunnel.runtime.dns.errors import BadAddress, BadDnsServer, BadName, NameNotFound
from mix_tunnel.runtime.dns.messages import CaseNotKept, Query, Truncated, belongs_to, make_query, read_message
from mix_tunnel.runtime.dns.names import normal_name, question_name, reverse_name
from mix_tunnel.runtime.dns.records import RECORD_TYPES, read_record
from mix_tunnel.runtime.dns.servers import DnsServer

EXAMPLES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CNAME": "b.test.",
    "MX": "10 mail.test.",
    "TXT": '"v=spf1 -all" "\\240\\159"',
    "NS": "ns.test.",
    "SOA": "ns.test. admin.test. 1 3600 600 86400 120",
    "SRV": "1 2 443 a.test.",
    "CAA": '128 issue "ca.test"',
    "PTR": "a.test.",
    "NAPTR": '1 2 "S" "SIP+D2U" "!^.*$!sip:x@a.test!" .',
    "HTTPS": '1 . alpn="h3,h2" no-default-alpn port=8443 ipv4hint=192.0.2.1 key65333="x"',
    "SVCB": '1 a.test. mandatory=alpn alpn="dot" ech="AAT+DQAA" ipv6hint=2001:db8::1 dohpath="/q{?dns}"',
    "TLSA": "3 1 1 " + "ab" * 32,
    "DS": "60485 5 1 " + "2b" * 20,
    "DNSKEY": "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3",
}


def question(type: str) -> Query:
    return make_query("a.test", type, lambda count: bytes(count), identifier=7)


def answer_to(type: str) -> bytes:
    query = dns.message.from_wire(question(type).wire)
    chain = () if type == "CNAME" else ("a.test. 60 IN CNAME c.test.",)
    owner = "a.test." if type == "CNAME" else "c.test."
    return respond(query, *chain, f"{owner} 60 IN {type} {EXAMPLES[type]}").to_wire()


ANSWERS = {type: answer_to(type) for type in RECORD_TYPES}


def read(wire: bytes, type: str) -> Answer | None:
    """The answer; None for what is an error of ours, or no answer to the question."""
    query = question(type)
    try:
        if not belongs_to(wire, query):
            return None
        answer = interpret(read_message(wire, query), "a.test", type, len(wire))
    except (MixError, Truncated):
        return None
    for record in answer.records:
        assert record.type == type
        assert record.text
        json.dumps(dict(record.data))
    assert 0 <= answer.ttl_s <= 86_400
    return answer


@pytest.mark.parametrize("type", RECORD_TYPES)
def test_each_type_is_read(type):
    answer = read(ANSWERS[type], type)
    assert answer.canonical_name == ("a.test" if type == "CNAME" else "c.test")
    assert [record.type for record in answer.records] == [type]


@given(st.sampled_from(RECORD_TYPES), st.binary(max_size=200))
def test_bytes_are_an_answer_or_are_refused(type, data):
    read(b"\0\x07\x80" + data, type)
    wire = question(type).wire
    read(wire[:2] + b"\x80\x80" + wire[4:] + data, type)


@given(st.sampled_from(RECORD_TYPES), st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), max_size=4))
@settings(max_examples=1000)
def test_a_damaged_answer_is_an_answer_or_is_refused(type, damages):
    wire = bytearray(ANSWERS[type])
    for position, value in damages:
        wire[position % (len(wire) - 2) + 2] = value
    read(bytes(wire), type)


@given(st.sampled_from(RECORD_TYPES), st.data())
def test_a_shortened_answer_is_refused(type, data):
    wire = ANSWERS[type]
    assert read(wire[: data.draw(st.integers(0, len(wire) - 1))], type) is None


@given(st.sampled_from(RECORD_TYPES), st.binary(max_size=100))
def test_a_record_of_any_bytes_is_a_record_or_is_refused(type, data):
    with contextlib.suppress(dns.exception.DNSException, ValueError):
        rdata = dns.rdata.from_wire("IN", type, data, 0, len(data))
        json.dumps(dict(read_record(rdata, 60).data))


@given(st.sampled_from(["a.test", "xn--bcher-kva.example", "_dmarc.a-b.test", "0.0.127.in-addr.arpa"]), st.data())
def test_a_random_spelling_is_the_same_name_and_is_insisted_on(name, data):
    query = make_query(name, "A", lambda count: data.draw(st.binary(min_size=count, max_size=count)), random_case=True)
    sent = dns.message.from_wire(query.wire)
    assert sent.question[0].name == dns.name.from_text(name)
    response = respond(sent).to_wire()
    assert belongs_to(response, query, case_counts=True)
    other = response[:12] + query.question.swapcase() + response[12 + len(query.question) :]
    assert belongs_to(other, query)
    with pytest.raises(CaseNotKept):
        belongs_to(other, query, case_counts=True)


@given(st.integers(1, 60))
def test_padded_questions_have_a_multiple_of_128_bytes(length):
    assert len(make_query("a" * length + ".test", "A", bytes, padded=True).wire) % 128 == 0


@given(st.text())
@example("xn--")
@example("\ud800")
@example("a..b")
def test_a_text_is_a_host_name_or_is_refused(text):
    with contextlib.suppress(BadName):
        name = normal_name(text)
        assert normal_name(name) == name
        make_query(name, "A", lambda count: bytes(count))
    with contextlib.suppress(BadName, NameNotFound):
        assert question_name(question_name(text)) == question_name(text)


@given(st.ip_addresses())
def test_every_address_has_a_reverse_name(address):
    assert question_name(reverse_name(str(address))) == reverse_name(address)


@given(st.text())
@example("fe80::1%eth0")
def test_a_text_is_an_address_or_is_refused(text):
    with contextlib.suppress(BadAddress):
        assert reverse_name(text).endswith(".arpa")


@given(st.text() | st.from_regex(r"(udp|tcp|tls|https)://[a-z0-9.:\[\]]*(/[a-z?]*)?(#[a-z0-9.]*)?", fullmatch=True))
@example("https://dns.test/dns-query#192.0.2.1")
@example("tls://[2001:db8::1]:8853#dns.test")
@example("2001:db8::1")
@example("https://[2001:db8::1]/q?a")
def test_a_text_is_a_server_or_is_refused(text):
    with contextlib.suppress(BadDnsServer):
        server = DnsServer.parse(text)
        assert DnsServer.parse(str(server)) == server
