"""A tunnel's cookies from Python."""

from __future__ import annotations

import pytest
from support.http_server import serve_answers
from support.kernel_tunnel import kernel_tunnel

from mix_fetch import clear_cookies, export_cookies, import_cookies, mix_fetch
from mix_protocol.errors import UsageError
from mix_tunnel.runtime.http.cookies import CookieJar


class WithJar:
    """A tunnel with a jar, whatever its HTTP does."""

    def __init__(self) -> None:
        self.http = None
        self.cookies = CookieJar(lambda: 0.0)


def test_a_jar_is_filled_exported_and_emptied():
    tunnel = WithJar()
    import_cookies([{"name": "a", "value": "1", "domain": "a.test"}], tunnel)
    (cookie,) = export_cookies(tunnel)
    assert (cookie["name"], cookie["value"], cookie["domain"], cookie["path"]) == ("a", "1", "a.test", "/")
    clear_cookies(tunnel)
    assert export_cookies(tunnel) == []


@pytest.mark.parametrize("wrong", [5, [5], [{"name": "a"}], [{"name": "a;", "value": "1", "domain": "a.test"}]])
def test_what_is_no_cookie_is_refused(wrong):
    tunnel = WithJar()
    with pytest.raises(UsageError) as caught:
        import_cookies(wrong, tunnel)
    assert caught.value.code == "cookies.invalid"
    assert export_cookies(tunnel) == []


def test_a_tunnel_must_be_there():
    with pytest.raises(UsageError) as caught:
        export_cookies("no such tunnel")
    assert caught.value.code == "tunnel.not_set_up"


async def test_without_a_jar_nothing_is_kept():
    async def answer(conversation, received):
        await conversation.respond(body=received.headers.get("cookie", "none").encode(), Set_Cookie="a=1")

    async with kernel_tunnel() as tunnel, serve_answers(answer) as server:
        for _ in range(2):
            assert await (await mix_fetch(server.url(), tunnel=tunnel)).text() == "none"
