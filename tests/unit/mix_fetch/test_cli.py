"""`mix fetch` with a tunnel that answers from memory: what is asked, what is written, how it ends."""

from __future__ import annotations

import tempfile
from email import message_from_bytes
from pathlib import Path

import pytest
from click.testing import CliRunner

from mix_fetch.cli import fetch_command
from mix_fetch.cli.cookie_files import read_cookie_file, write_cookie_file
from mix_protocol.errors import MixError, NetworkFailure
from mix_tunnel.api import HttpTimeouts
from mix_tunnel.cli import running
from mix_tunnel.runtime.dns.errors import NameNotFound
from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.errors import BodyCut, TooManyRedirects
from mix_tunnel.runtime.http.url import HttpUrl
from mix_tunnel.runtime.tls_errors import CertificateExpired


class Answer:
    reason, http_version, url, redirected = "OK", "1.1", "http://a.test/", False

    def __init__(self, pieces: list[bytes | MixError], status: int) -> None:
        self.status = status
        self.headers = [("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2")]
        self._pieces = pieces

    async def read(self, max_bytes: int = 65_536) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, MixError):
            raise piece
        return piece

    async def aclose(self) -> None:
        self._pieces.clear()


class Tunnel:
    """Remembers what it was asked; answers with pieces, or fails."""

    def __init__(self) -> None:
        self.pieces: list[bytes | MixError] = [b"hello ", b"world"]
        self.failure: MixError | None = None
        self.setup_failure: MixError | None = None
        self.requests = []
        self.options = None
        self.closed = 0
        self.http = self
        self.cookies = CookieJar(lambda: 0.0)
        self.timeouts = HttpTimeouts()
        self.status = 200

    async def connect(self, options, *, on_state):
        self.options = options
        if self.setup_failure is not None:
            raise self.setup_failure
        return self

    async def fetch(self, request):
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        return Answer(self.pieces, self.status)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed += 1


@pytest.fixture
def tunnel(monkeypatch):
    tunnel = Tunnel()
    monkeypatch.setattr(running, "Tunnel", tunnel)
    return tunnel


def fetch(*arguments: str, stdin: bytes | None = None):
    """Run the command with its body going to a file; returns exit code, body, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "out")
        result = CliRunner().invoke(fetch_command, [*arguments, "-o", str(path)], input=stdin)
        return result.exit_code, path.read_bytes() if path.exists() else None, result.output


def test_a_get(tunnel):
    assert fetch("http://a.test/x") == (0, b"hello world", "")
    request = tunnel.requests[0]
    assert (request.method, request.url, request.body, list(request.headers)) == ("GET", "http://a.test/x", None, [])
    assert tunnel.closed == 1


def test_data_makes_a_post(tunnel):
    assert fetch("http://a.test/", "-d", "a=1", "-d", "b=2", "-H", "X-A: 1:2")[0] == 0
    request = tunnel.requests[0]
    assert (request.method, request.body) == ("POST", b"a=1&b=2")
    assert list(request.headers) == [("X-A", "1:2"), ("Content-Type", "application/x-www-form-urlencoded")]


def test_data_from_a_file_as_it_is(tunnel, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"\x00\r\n\xff")
    arguments = ("-d", f"@{path}", "-X", "PUT", "-H", "content-type: application/json")
    assert fetch("http://a.test/", *arguments)[0] == 0
    request = tunnel.requests[0]
    assert (request.method, request.body) == ("PUT", b"\x00\r\n\xff")
    assert list(request.headers) == [("content-type", "application/json")]


def test_data_from_standard_input(tunnel):
    assert fetch("http://a.test/", "-d", "@-", stdin=b"from stdin")[0] == 0
    assert tunnel.requests[0].body == b"from stdin"


def test_the_head_is_included_when_wanted(tunnel):
    code, body, _ = fetch("http://a.test/", "-i")
    assert code == 0
    assert body == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello world"


def test_a_form_with_files(tunnel, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG")
    fields = ("a=1", f"file=@{path}", f"other=@{path};type=x/own;filename=o.bin", f"text=<{path}", 'odd"name=2')
    assert fetch("http://a.test/", *(word for field in fields for word in ("-F", field)))[0] == 0
    request = tunnel.requests[0]
    message = message_from_bytes(
        b"Content-Type: " + dict(request.headers)["Content-Type"].encode() + b"\n\n" + request.body
    )
    parts = [
        (
            p.get_param("name", header="content-disposition"),
            p.get_filename(),
            p.get_content_type(),
            p.get_payload(decode=True),
        )
        for p in message.get_payload()
    ]
    assert request.method == "POST"
    assert parts == [
        ("a", None, "text/plain", b"1"),
        ("file", "photo.png", "image/png", b"\x89PNG"),
        ("other", "o.bin", "x/own", b"\x89PNG"),
        ("text", None, "text/plain", b"\x89PNG"),
        ("odd%22name", None, "text/plain", b"2"),
    ]


def test_a_file_is_put_while_it_is_read(tunnel, tmp_path):
    path = tmp_path / "big"
    path.write_bytes(bytes(200_000))
    read = []

    async def take(request):
        read.extend([len(piece) async for piece in request.body])
        return Answer([], 200)

    tunnel.fetch = take
    assert fetch("http://a.test/", "-T", str(path))[0] == 0
    assert (sum(read), max(read)) == (200_000, 65_536)


def test_a_put_tells_the_files_length(tunnel, tmp_path):
    path = tmp_path / "small"
    path.write_bytes(b"abc")
    assert fetch("http://a.test/", "-T", str(path))[0] == 0
    assert (tunnel.requests[0].method, tunnel.requests[0].headers) == ("PUT", [("Content-Length", "3")])


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (("-u", "user:pass:word"), {"Authorization": "Basic dXNlcjpwYXNzOndvcmQ="}),
        (("-A", "own/1.0", "-b", "a=1; b=2"), {"User-Agent": "own/1.0", "Cookie": "a=1; b=2"}),
        (("-H", "user-agent: mine", "-A", "own/1.0"), {"user-agent": "mine"}),
    ],
)
def test_headers_of_options(tunnel, arguments, headers):
    assert fetch("http://a.test/", *arguments)[0] == 0
    assert dict(tunnel.requests[0].headers) == headers


def test_a_password_is_asked_for(tunnel):
    code, _, said = fetch("http://a.test/", "-u", "user", stdin=b"secret\n")
    assert code == 0
    assert dict(tunnel.requests[0].headers) == {"Authorization": "Basic dXNlcjpzZWNyZXQ="}
    assert "secret" not in said


def test_the_head_alone(tunnel):
    tunnel.pieces = []
    code, body, _ = fetch("http://a.test/", "-I")
    assert (code, tunnel.requests[0].method) == (0, "HEAD")
    assert body.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("status", "code"), [(404, 22), (500, 22), (399, 0)])
def test_statuses_can_fail(tunnel, status, code):
    tunnel.status = status
    assert fetch("http://a.test/", "-f")[:2] == (code, b"hello world" if code == 0 else None)


def test_options_reach_the_request(tunnel):
    arguments = ("--max-redirs", "2", "--connect-timeout", "3", "--raw", "--no-location", "--integrity", "sha256-x")
    assert fetch("http://a.test/", *arguments)[0] == 0
    request = tunnel.requests[0]
    assert (request.max_redirects, request.redirect, request.decode, request.integrity) == (
        2,
        "manual",
        False,
        "sha256-x",
    )
    assert request.timeouts == HttpTimeouts(connect_s=3)


def test_curls_habits_change_nothing(tunnel):
    assert fetch("http://a.test/", "-L", "--compressed", "-m", "60")[0] == 0
    request = tunnel.requests[0]
    assert (request.redirect, request.decode, request.timeouts, request.max_redirects) == ("follow", True, None, None)


def test_cookies_are_kept_in_a_file(tunnel, tmp_path):
    path = tmp_path / "jar"
    jar = ("-b", str(path), "-c", str(path))
    tunnel.cookies.store(
        HttpUrl.parse("https://a.test/"), ["a=1; Secure; HttpOnly; Max-Age=1000", "b=2; Domain=a.test"]
    )
    assert fetch("https://a.test/", *jar)[0] == 0
    assert tunnel.options.cookies
    exported = tunnel.cookies.export()
    assert {cookie["name"]: cookie["expires"] for cookie in exported} == {"a": 1000.0, "b": None}
    assert path.stat().st_mode & 0o077 == 0
    assert "#HttpOnly_a.test\tFALSE\t/\tTRUE\t1000\ta\t1\n.a.test\tTRUE\t/\tFALSE\t0\tb\t2\n" in path.read_text()
    tunnel.cookies.clear()
    assert fetch("https://a.test/", "-b", str(path))[0] == 0
    assert tunnel.cookies.export() == exported


def test_cookies_are_kept_even_when_the_body_is_cut(tunnel, tmp_path):
    path = tmp_path / "jar"
    tunnel.pieces = [BodyCut()]
    tunnel.cookies.store(HttpUrl.parse("https://a.test/"), ["a=1"])
    assert fetch("https://a.test/", "-c", str(path))[0] == 18
    assert "\ta\t1\n" in path.read_text()


def test_cookies_that_cannot_be_written(tunnel):
    code, _, said = fetch("https://a.test/", "-c", "/no/such/folder/jar")
    assert code == 23
    assert said.startswith("mix: the cookies can't be written")


@pytest.mark.parametrize("text", ["a.test\tFALSE\t/", "a.test\tFALSE\t/\tFALSE\tsoon\ta\t1", "\xff\tx"])
def test_files_that_hold_no_cookies(tunnel, tmp_path, text):
    path = tmp_path / "jar"
    path.write_text(text, encoding="latin-1")
    code, _, said = fetch("https://a.test/", "-b", str(path))
    assert (code, tunnel.options) == (2, None)
    assert "-b" in said


def test_options_reach_the_tunnel(tunnel):
    arguments = ("--directory", "http://127.0.0.1:1/api", "--no-force-tls", "--no-cover")
    assert fetch("http://a.test/", *arguments)[0] == 0
    options = tunnel.options
    assert (options.directory_url, options.force_tls) == ("http://127.0.0.1:1/api", False)
    assert options.disable_cover_traffic
    assert options.disable_poisson_traffic


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nowhere",),
        ("ftp://a.test/",),
        ("http://user:secret@a.test/",),
        ("http://a.test/", "-X", "GE T"),
        ("http://a.test/", "-H", "no colon"),
        ("http://a.test/", "-H", "Connection: close"),
        ("http://a.test/", "-d", "@/no/such/file"),
        ("http://a.test/", "--timeout", "0"),
        ("http://a.test/", "--max-redirs", "many"),
        ("http://a.test/", "--connect-timeout", "0"),
        ("http://a.test/", "-F", "no equals sign"),
        ("http://a.test/", "-F", "file=@/no/such/file"),
        ("http://a.test/", "-T", "/no/such/file"),
        ("http://a.test/", "-d", "a", "-F", "b=c"),
        ("http://a.test/", "-I", "-d", "a"),
        ("http://a.test/", "-b", "a=1\r\nX: y"),
        ("http://a.test/", "http://b.test/"),
    ],
)
def test_mistakes_are_found_before_anything_is_set_up(tunnel, arguments):
    code, body, said = fetch(*arguments)
    assert code == 2
    assert body is None
    assert "Error:" in said
    assert "secret" not in said
    assert tunnel.options is None


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(NameNotFound(), 6), (CertificateExpired(), 60), (TooManyRedirects(), 47), (NetworkFailure("cable cut"), 56)],
)
def test_a_failure_is_one_sentence(tunnel, failure, expected):
    tunnel.failure = failure
    code, body, said = fetch("http://a.test/")
    assert (code, body) == (expected, None)
    assert said == f"mix: {failure} [{failure.code}]\n"
    assert tunnel.closed == 1


def test_a_cut_body_keeps_what_came(tunnel):
    tunnel.pieces = [b"half", BodyCut()]
    code, body, said = fetch("http://a.test/")
    assert (code, body) == (18, b"half")
    assert said.count("\n") == 1


def test_no_tunnel(tunnel):
    tunnel.setup_failure = NetworkFailure("the directory is away")
    code, _, said = fetch("http://a.test/")
    assert code == 97
    assert said == "mix: the tunnel can't be set up: the directory is away [mix.network_failure]\n"


def test_every_cookie_of_a_server_can_be_read_again_from_a_file(tmp_path):
    jar = CookieJar(lambda: 0.0)
    lines = ["=a=b", "n=a\tb", "t\tab=x", "z=\x85\xa0é", "e=", "h=1; HttpOnly", "d=1; Domain=a.test; Max-Age=9"]
    jar.store(HttpUrl.parse("https://a.test/p;q/r"), lines)
    path = tmp_path / "jar"
    write_cookie_file(str(path), jar.export())
    again = CookieJar(lambda: 0.0)
    again.load(read_cookie_file(str(path)))
    kept = [cookie for cookie in jar.export() if "\t" not in cookie["name"]]
    assert [{**cookie, "same_site": "default"} for cookie in kept] == again.export()
    assert len(kept) == len(lines) - 1
