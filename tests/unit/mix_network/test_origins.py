"""Which web pages may use a server of this machine."""

import pytest

from mix_network.origins import Origins

LOCAL = """
http://localhost http://localhost:3000 https://localhost http://LOCALHOST:1 http://a.b.localhost:5173
http://127.0.0.1:8080 http://127.9.9.9 http://[::1]:8080 http://localhost.:80
"""
FOREIGN = """
https://evil.example http://evil.example:8080 null http://localhost.evil.example http://127.0.0.1.evil.example
http://127.0.0.1.nip.io http://evil.example/http://localhost http://localhost@evil.example http://evil.example#localhost
http://evil.example?localhost chrome-extension://abcdefgh file:// file://localhost http:// localhost 127.0.0.1 http://0
http://[::1].evil.example http://[::ffff:8.8.8.8] http://192.168.1.1 http://10.0.0.1 http://0.0.0.0 http://localhosts
http://notlocalhost http://127.1 http://2130706433 http://localhost:80:80
"""
ODD = (
    "",
    " http://localhost",
    "http://localhost ",
    "http://evil.example\nhttp://localhost",
    "http://localhost, http://evil.example",
)


@pytest.mark.parametrize("origin", LOCAL.split())
def test_pages_of_this_machine_may_come(origin):
    assert Origins(only_local=True).allows([origin], ["127.0.0.1:8000"])


@pytest.mark.parametrize("origin", [*FOREIGN.split(), *ODD])
def test_others_may_not_where_the_network_leads_to_this_machine(origin):
    assert not Origins(only_local=True).allows([origin], ["127.0.0.1:8000"])
    assert Origins(only_local=False).allows([origin], ["127.0.0.1:8000"])


def test_programs_say_no_origin():
    assert Origins(only_local=True).allows([], ["127.0.0.1:8000"])
    assert Origins(only_local=True).allows([], [])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost:8000", "[::1]:9", "x.localhost", "LocalHost"])
@pytest.mark.parametrize("only_local", [True, False])
def test_names_of_this_machine_are_served(host, only_local):
    assert Origins(only_local=only_local).allows([], [host])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "",
        "a b",
        "[::1",
        "1:2:3",
    ],
)
@pytest.mark.parametrize("only_local", [True, False])
def test_other_names_never_are(host, only_local):
    assert not Origins(only_local=only_local).allows([], [host])


def test_nobody_has_two():
    origins = Origins(only_local=True)
    assert not origins.allows(["http://localhost", "https://evil.example"], ["localhost"])
    assert not origins.allows(["http://localhost", "http://localhost"], ["localhost"])
    assert not origins.allows([], ["localhost", "localhost"])


def test_further_origins_and_their_hosts_may_be_let_in():
    origins = Origins(only_local=True, also=["https://App.test", "http://192.168.1.5:3000", "null"])
    for origin in ("https://app.test", "https://app.test:443", "http://192.168.1.5:3000", "null"):
        assert origins.allows([origin], ["app.test"])
    for origin in ("http://app.test", "https://app.test:8443", "https://x.app.test", "http://192.168.1.5"):
        assert not origins.allows([origin], ["localhost"])
    assert origins.allows([], ["192.168.1.5:3000"])
    assert not origins.allows([], ["null"])


@pytest.mark.parametrize("text", ["app.test", "https://", "*", "https://app.test/", "https://a b"])
def test_what_is_no_origin_is_told(text):
    with pytest.raises(ValueError, match="looks like"):
        Origins(only_local=True, also=[text])


def test_a_server_for_everybody_is_called_by_any_name():
    public = Origins(only_local=False, any_host=True)
    assert public.allows(["https://app.example"], ["gateway.example:9000"])
    assert public.allows([], ["192.0.2.7:9000"])
    assert not public.allows([], ["192.0.2.7:9000", "other"])
