import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_tunnel.options import OPTION_RULES
from mix_tunnel.rpc.naming import fields_to_camel, keys_to_camel, keys_to_snake, spell_option, to_camel, to_snake


@pytest.mark.parametrize(
    ("snake", "camel"),
    [("url", "url"), ("max_redirects", "maxRedirects"), ("tcp_keepalive_ms", "tcpKeepaliveMs"), ("a_b_c", "aBC")],
)
def test_names(snake, camel):
    assert to_camel(snake) == camel
    assert to_snake(camel) == snake


def test_every_option_has_the_reference_clients_name():
    assert {name: to_camel(name) for name in OPTION_RULES} == {
        name: rule.js_name for name, rule in OPTION_RULES.items()
    }


def test_only_names_of_members_change():
    inside = {"status_text": "some_text", "steps": [{"elapsed_ms": 1.5}], "headers": [("set_cookie", "a_b")]}
    outside = {"statusText": "some_text", "steps": [{"elapsedMs": 1.5}], "headers": [["set_cookie", "a_b"]]}
    assert keys_to_camel(inside) == outside
    assert keys_to_snake(outside) == {**inside, "headers": [["set_cookie", "a_b"]]}


@given(st.lists(st.from_regex(r"[a-z][a-z0-9]*", fullmatch=True), min_size=1, max_size=5).map("_".join))
def test_round_trip(name):
    # A digit that follows an underscore has no capital: such names are not used.
    if not any(part[0].isdigit() for part in name.split("_")):
        assert to_snake(to_camel(name)) == name


@pytest.mark.parametrize(
    ("option", "spelled"),
    [
        (("force_tls", "False"), "forceTls: false"),
        (("preferred_gateway", None), "preferredGateway"),
        (("total_s", None), "timeoutMs"),
        (("open_timeout_s", None), "openTimeoutMs"),
        (("max_redirects", None), "maxRedirects"),
    ],
)
def test_options_as_javascript_writes_them(option, spelled):
    assert spell_option(*option) == spelled


def test_an_errors_option_bears_javascripts_name():
    fields = {"option": "connect_s", "retry_after": 3}
    assert fields_to_camel(fields) == {"option": "connectTimeoutMs", "retryAfter": 3}
    assert fields_to_camel({"option": 3}) == {"option": 3}
