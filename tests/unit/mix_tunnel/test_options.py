import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_tunnel.options import (
    MAINNET_DIRECTORY_URL,
    OPTION_RULES,
    InvalidOption,
    TunnelOptions,
    parse_resolver,
)

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
IDENTITY = base58.encode(bytes(range(32)))
ROUTER = Recipient(b"i" * 32, b"k" * 32, b"g" * 32).to_text()


def test_the_defaults_are_the_published_clients_and_valid():
    options = TunnelOptions()
    assert options.directory_url == MAINNET_DIRECTORY_URL
    assert options.force_tls is True
    assert options.disable_poisson_traffic is False
    assert options.disable_cover_traffic is False
    assert (options.open_reply_surbs, options.data_reply_surbs) == (10, 2)
    assert options.connect_timeout_ms == 60_000
    assert options.client_id == "smolmix-wasm"
    assert options.tcp_buffer_size == 4 * 65_536  # on purpose not the published client's


def test_every_option_has_a_rule_and_every_rule_an_option():
    assert list(OPTION_RULES) == [field.name for field in fields(TunnelOptions)]


def test_javascript_names_are_the_python_names_in_camel_case():
    for name, rule in OPTION_RULES.items():
        head, *tail = name.split("_")
        assert rule.js_name == head + "".join(word.capitalize() for word in tail)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preferred_ipr", ROUTER),
        ("preferred_gateway", IDENTITY),
        ("client_id", "a"),
        ("force_tls", False),
        ("open_reply_surbs", 50),
        ("data_reply_surbs", 0),
        ("primary_dns", "9.9.9.9"),
        ("primary_dns", "9.9.9.9:5353"),
        ("fallback_dns", "[2620:fe::fe]:53"),
        ("fallback_dns", "2620:fe::fe"),
        ("connect_timeout_ms", 1),
        ("tcp_keepalive_ms", 0),
        ("tcp_buffer_size", 1 << 20),
        ("max_redirects", 0),
        ("directory_url", "http://127.0.0.1:8080/api"),
        ("ca_certificates", (PEM, PEM)),
    ],
)
def test_valid_values_are_kept(name: str, value: object):
    assert getattr(replace(TunnelOptions(), **{name: value}), name) == value


def test_one_certificate_or_a_list_becomes_a_tuple():
    assert TunnelOptions(ca_certificates=PEM).ca_certificates == (PEM,)  # type: ignore[arg-type]
    assert TunnelOptions(ca_certificates=[PEM]).ca_certificates == (PEM,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preferred_ipr", "nobody"),
        ("preferred_ipr", 7),
        ("preferred_gateway", "0OIl"),
        ("preferred_gateway", base58.encode(b"short")),
        ("client_id", ""),
        ("client_id", "x" * 129),
        ("force_tls", 1),
        ("force_tls", "yes"),
        ("disable_poisson_traffic", None),
        ("open_reply_surbs", 0),
        ("open_reply_surbs", 51),
        ("open_reply_surbs", True),
        ("data_reply_surbs", -1),
        ("data_reply_surbs", 2.0),
        ("primary_dns", "dns.example"),
        ("primary_dns", "9.9.9.9:0x"),
        ("primary_dns", "9.9.9.9:70000"),
        ("primary_dns", "9.9.9.9:0"),
        ("primary_dns", "9.9.9.9/x"),
        ("fallback_dns", ""),
        ("connect_timeout_ms", 0),
        ("connect_timeout_ms", float("nan")),
        ("tcp_buffer_size", 100),
        ("tcp_buffer_size", 1 << 40),
        ("max_redirects", -1),
        ("debug", "true"),
        ("directory_url", "ftp://example.org"),
        ("directory_url", "https://"),
        ("directory_url", "https://example.org:notaport"),
        ("ca_certificates", ("not a certificate",)),
        ("ca_certificates", 5),
    ],
)
def test_wrong_values_are_refused_at_once_with_the_options_name(name: str, value: object):
    with pytest.raises(InvalidOption) as caught:
        TunnelOptions(**{name: value})
    assert caught.value.code == "tunnel.invalid_option"
    assert caught.value.fields["option"] == name
    assert name in str(caught.value)
    assert OPTION_RULES[name].allowed in str(caught.value)


def wrong_values(kind: str) -> list[object]:
    """What no option of an annotated type may be; options of a new kind must be added here."""
    anything = [object(), b"bytes", {}, {"a": 1}, [None], ("",), 0.5, float("nan"), float("inf"), -1, 1 << 64, ""]
    match kind:
        case "bool":
            return [*anything, None, 0, 1, "true"]
        case "int":
            return [*anything, None, True, "5", [5]]
        case "int | None":
            return [*anything, True, "5", [5]]
        case "str":
            return [*anything, None, True, ["text"], "\ud800"]
        case "str | None":
            return [*anything, True, ["text"], "\ud800"]
        case "tuple[str, ...]":
            return [*anything, None, True, (5,), ("text", 5), "\ud800"]
    raise AssertionError(f"say what is wrong for {kind}")


EVERY_WRONG_VALUE = [(field.name, value) for field in fields(TunnelOptions) for value in wrong_values(str(field.type))]


@pytest.mark.parametrize(("name", "value"), EVERY_WRONG_VALUE, ids=lambda each: repr(each)[:20])
def test_every_option_refuses_every_wrong_type(name: str, value: object):
    with pytest.raises(InvalidOption) as caught:
        TunnelOptions(**{name: value})
    assert str(caught.value) == f"{name} must be {OPTION_RULES[name].allowed}"
    assert caught.value.fields == {"option": name, "allowed": OPTION_RULES[name].allowed}


@pytest.mark.parametrize("name", [field.name for field in fields(TunnelOptions) if field.type == "int"])
def test_every_number_has_a_range_that_it_tells_and_keeps(name: str):
    low, high = (int(end) for end in re.findall(r"\d+", OPTION_RULES[name].allowed))
    assert low <= getattr(TunnelOptions(), name) <= high
    for inside in (low, high):
        assert getattr(TunnelOptions(**{name: inside}), name) == inside
    for outside in (low - 1, high + 1):
        with pytest.raises(InvalidOption):
            TunnelOptions(**{name: outside})


def test_the_declarations_for_typescript_name_the_same_options():
    declarations = (Path(__file__).parents[3] / "packages/mix_tunnel/js/index.d.ts").read_text()
    body = declarations.partition("export interface SetupMixTunnelOptions {")[2].partition("\n}")[0]
    names = re.findall(r"^  (\w+)\?:", body, re.MULTILINE)
    assert names == ["tunnel", "assetsUrl", "shared", *(rule.js_name for rule in OPTION_RULES.values())]


@given(
    st.sampled_from(list(OPTION_RULES)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text()),
)
def test_any_value_is_either_kept_or_refused(name: str, value: object):
    try:
        options = TunnelOptions(**{name: value})
    except InvalidOption:
        return
    kept = getattr(options, name)
    assert kept == value or kept == (value,) or list(kept) == value


def test_resolver_texts_are_split():
    assert parse_resolver("8.8.8.8") == ("8.8.8.8", 53)
    assert parse_resolver("8.8.8.8:5300") == ("8.8.8.8", 5300)
    assert parse_resolver("[::1]:99") == ("::1", 99)
    assert parse_resolver("::1") == ("::1", 53)
