"""`mix fetch` with a tunnel that answers from memory: what is asked, what is written, how it ends."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from mix_fetch.cli import fetch_command
from mix_protocol.errors import MixError, NetworkFailure
from mix_tunnel.cli import running
from mix_tunnel.runtime.dns.errors import NameNotFound
from mix_tunnel.runtime.http.errors import BodyCut, TooManyRedirects
from mix_tunnel.runtime.tls_errors import CertificateExpired


class Answer:
    status, reason, http_version, url, redirected = 200, "OK", "1.1", "http://a.test/", False

    def __init__(self, pieces: list[bytes | MixError]) -> None:
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

    async def connect(self, options, *, on_state):
        self.options = options
        if self.setup_failure is not None:
            raise self.setup_failure
        return self

    async def fetch(self, request):
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        return Answer(self.pieces)

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


def test_options_reach_the_tunnel(tunnel):
    arguments = ("--directory", "http://127.0.0.1:1/api", "--no-force-tls", "--max-redirects", "2", "--no-cover")
    assert fetch("http://a.test/", *arguments)[0] == 0
    options = tunnel.options
    assert (options.directory_url, options.force_tls, options.max_redirects) == ("http://127.0.0.1:1/api", False, 2)
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
        ("http://a.test/", "--max-redirects", "many"),
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
