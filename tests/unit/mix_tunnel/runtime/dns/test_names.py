"""Names that may be asked for, of which hosts' names are a part."""

from __future__ import annotations

import dns.name
import pytest

from mix_tunnel.runtime.dns.errors import BadName, NameNotFound
from mix_tunnel.runtime.dns.messages import make_query
from mix_tunnel.runtime.dns.names import normal_name, question_name

NO_HOSTS = [
    ("1.0/25.2.0.192.in-addr.arpa", "1.0/25.2.0.192.in-addr.arpa", (b"1", b"0/25", b"2", b"0", b"192")),
    ("*.Example.test.", "*.example.test", (b"*", b"example")),
    ("My Printer._ipp._tcp.test", r"my\032printer._ipp._tcp.test", (b"my printer", b"_ipp")),
    (r"a\.b.test", r"a\.b.test", (b"a.b", b"test")),
    (r"\000\255.test", r"\000\255.test", (b"\0\xff", b"test")),
    ("-a-.test", "-a-.test", (b"-a-", b"test")),
    ("@", r"\@", (b"@", b"")),
    ("Büro Drucker._ipp.münchen.test", r"b\195\188ro\032drucker._ipp.xn--mnchen-3ya.test", (b"b\xc3\xbcro drucker",)),
    ("_dmarc.münchen。test", "_dmarc.xn--mnchen-3ya.test", (b"_dmarc", b"xn--mnchen-3ya", b"test")),
    (".", ".", (b"",)),
]


@pytest.mark.parametrize(("text", "normal", "labels"), NO_HOSTS)
def test_a_name_need_not_be_a_hosts(text, normal, labels):
    name = question_name(text)
    assert name == normal == question_name(normal)
    assert dns.name.from_text(name).labels[: len(labels)] == labels
    assert make_query(name, "TXT", bytes).question.startswith(dns.name.from_text(name).to_wire())


@pytest.mark.parametrize("text", [text for text, _, _ in NO_HOSTS if text != "-a-.test"])
def test_but_connections_go_to_hosts(text):
    with pytest.raises(BadName):
        normal_name(text)


def test_hyphens_stand_anywhere_in_a_hosts_name_as_browsers_have_it():
    assert normal_name("-A-.r3---sn.test") == "-a-.r3---sn.test"


@pytest.mark.parametrize(
    "text",
    ["", "..", "a..b", ".a", "a" * 64, "a." * 128, "a" * 2000, "\\", r"\9", r"\256", "a\nb", "\ud800", "192.0.2.1"],
)
def test_what_can_be_no_name_at_all(text):
    with pytest.raises(BadName):
        question_name(text)


@pytest.mark.parametrize("text", ["Onion", "a.onion.", r"a.\111nion", "a.ⓞnion"])
def test_onion_names_are_never_asked_for(text):
    with pytest.raises(NameNotFound):
        question_name(text)
