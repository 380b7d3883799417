"""Answers that no standard allows and that servers give all the same: what we make of each, and who reads it so too."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from support.http_server import Conversation

STATUS = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
CODING = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"2\r\nok\r\n0\r\n\r\n"
CURL, CHROMIUM = "curl", "chromium"
BOTH = frozenset({CURL, CHROMIUM})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OddAnswer:
    """One answer to a GET.

    body -- what is read, or None when it is refused at once
    agree -- foreign programs of the same opinion; others wait, refuse, or read something else
    closes -- whether the server closes the connection behind it
    """

    name: str
    wire: bytes
    body: bytes | None = b"ok"
    agree: frozenset[str] = BOTH
    closes: bool = False


def _fields(name: str, fields: bytes, body: bytes | None = b"ok", agree: frozenset[str] = BOTH) -> OddAnswer:
    return OddAnswer(name, STATUS + LENGTH + fields + b"\r\nok", body, agree)


def _coded(name: str, fields: bytes, body: bytes | None = b"ok", agree: frozenset[str] = BOTH) -> OddAnswer:
    return OddAnswer(name, STATUS + fields + b"\r\n" + CHUNKS, body, agree)


def _chunked(name: str, chunks: bytes, body: bytes | None = b"ok", agree: frozenset[str] = BOTH) -> OddAnswer:
    return OddAnswer(name, STATUS + CODING + b"\r\n" + chunks, body, agree)


def _begun(name: str, status: bytes, body: bytes | None = b"ok", agree: frozenset[str] = BOTH) -> OddAnswer:
    return OddAnswer(name, status + b"\r\n" + LENGTH + b"\r\nok", body, agree)


def _long(name: str, value: bytes, body: bytes | None = b"ok", agree: frozenset[str] = BOTH) -> OddAnswer:
    return OddAnswer(name, STATUS + b"Content-Length:" + value + b"\r\n\r\nok", body, agree)


CHROMIUM_ALONE = frozenset({CHROMIUM})
CURL_ALONE = frozenset({CURL})

ODD_ANSWERS = (
    # Names, values and lines.
    _fields("space before the colon", b"X-A : b\r\n"),
    _fields("names that are no tokens", b"X (A): b\r\nX\xe9: c\r\nX Y: d\r\n: e\r\n"),
    _fields("folded lines", b"X-A: b\r\n  c\r\n\td\r\n"),
    _fields("a length folded into another value", b"X-A: b\r\n Content-Length: 9\r\n"),
    _fields("Latin-1 and UTF-8", "X-A: café\r\n".encode("latin-1") + "X-B: café\r\n".encode()),
    _fields("control characters", b"X-A: b\x01c\x0bd\x0c\x7f\r\n"),
    _fields("a second CR at the line's end", b"X-A: b\r\r\n"),
    _fields("CR in a value", b"X-A: b\rc\r\n"),
    _fields("300 fields", b"".join(b"X-%d: y\r\n" % number for number in range(300))),
    _fields("a field of 100 kB", b"X-A: " + b"a" * 100_000 + b"\r\n"),
    _fields("a zero byte in a value", b"X-A: b\0c\r\n", None),
    _fields("a zero byte in a name", b"X\0A: b\r\n", None),
    _fields("a line without a colon", b"nonsense\r\n", None, CURL_ALONE),
    OddAnswer("a rest of no line", STATUS + b" X-A: b\r\n" + LENGTH + b"\r\nok", None, CURL_ALONE),
    OddAnswer("lines without CR", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    OddAnswer("lines with and without CR", STATUS + b"Content-Length: 2\nX: y\r\n\nok"),
    OddAnswer("white space before a framing colon", STATUS + b"Content-Length\t: 2\r\n\r\nok", b"ok", CHROMIUM_ALONE),
    # Status lines.
    _begun("no reason", b"HTTP/1.1 200"),
    _begun("an empty reason", b"HTTP/1.1 200 "),
    _begun("a reason in Latin-1", b"HTTP/1.1 200 D\xe9"),
    _begun("a reason glued on", b"HTTP/1.1 200OK"),
    _begun("more spaces", b"HTTP/1.1  200  OK"),
    _begun("lower case", b"http/1.1 200 OK"),
    _begun("HTTP/1.0", b"HTTP/1.0 200 OK"),
    _begun("HTTP/2", b"HTTP/2 200 OK"),
    _begun("HTTP/2.0", b"HTTP/2.0 200 OK"),
    _begun("status 999", b"HTTP/1.1 999 OK"),
    _begun("a zero byte in the reason", b"HTTP/1.1 200 O\0K", None),
    _begun("a status of two digits", b"HTTP/1.1 20 OK", None, CURL_ALONE),
    _begun("a status of four digits", b"HTTP/1.1 2000 OK", None, CURL_ALONE),
    _begun("status 000", b"HTTP/1.1 000 OK", None, CURL_ALONE),
    _begun("tabs", b"HTTP/1.1\t200\tOK", None, CURL_ALONE),
    _begun("no version", b"HTTP 200 OK", None, CURL_ALONE),
    _begun("a radio's status line", b"ICY 200 OK", None, CURL_ALONE),
    _begun("an empty line before", b"\r\nHTTP/1.1 200 OK", None, CURL_ALONE),
    OddAnswer("no head at all", b"ok", None, BOTH, closes=True),
    OddAnswer("no field at all", STATUS + b"\r\nok", closes=True),
    _begun("provisional with a length", b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK"),
    _begun("100 provisional ones", b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + b"HTTP/1.1 200 OK", agree=CURL_ALONE),
    _begun("another protocol unasked", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade", None, NOBODY),
    # One length.
    _long("the same length twice", b" 2\r\nContent-Length: 2"),
    _long("the same length in a list", b" 2, 2"),
    _long("zeros before the length", b" 002"),
    _long("two lengths", b" 2\r\nContent-Length: 3", None, CHROMIUM_ALONE),
    _long("two lengths in a list", b" 2, 3", None, NOBODY),
    _long("a length with a sign", b" +2", None, NOBODY),
    _long("a length below zero", b" -1", None, CURL_ALONE),
    _long("no length", b"", None, CURL_ALONE),
    _long("a length in words", b" two", None, CURL_ALONE),
    _long("a length in hex", b" 0x2", None, NOBODY),
    _long("a length with a unit", b" 2 bytes", None, NOBODY),
    _long("a length beyond counting", b" " + b"9" * 4_000, None, NOBODY),
    OddAnswer("more than the length", STATUS + LENGTH + b"\r\nokay"),
    OddAnswer("less than the length", STATUS + b"Content-Length: 5\r\n\r\nok", None, BOTH, closes=True),
    # One coding.
    _coded("chunked twice", CODING + CODING),
    _coded("chunked twice in a list", b"Transfer-Encoding: chunked, chunked\r\n"),
    _coded("chunked in capitals", b"Transfer-Encoding: CHUNKED\r\n"),
    _coded("chunked and a comma", b"Transfer-Encoding: chunked,\r\n"),
    _coded("identity before chunked", b"Transfer-Encoding: identity, chunked\r\n"),
    _coded("identity behind chunked", b"Transfer-Encoding: chunked, identity\r\n"),
    _coded("a length before chunked", b"Content-Length: 5\r\n" + CODING),
    _coded("a length behind chunked", CODING + b"Content-Length: 500\r\n"),
    _coded("a folded coding", b"Transfer-Encoding:\r\n chunked\r\n", b"ok", CHROMIUM_ALONE),
    _coded("chunked within quotes", b'Transfer-Encoding: "chunked"\r\n', None, CURL_ALONE),
    _coded("compressed on the way", b"Transfer-Encoding: gzip, chunked\r\n", None, CURL_ALONE),
    _fields("identity and a length", b"Transfer-Encoding: identity\r\n", b"ok", CHROMIUM_ALONE),
    _fields("an empty coding", b"Transfer-Encoding:\r\n", b"ok", CHROMIUM_ALONE),
    _fields("an unknown coding", b"Transfer-Encoding: foo\r\n", None, CURL_ALONE),
    OddAnswer("identity to the end", STATUS + b"Transfer-Encoding: identity\r\n\r\nok", closes=True),
    # Chunks.
    _chunked("chunk extensions", b'2;a=b;c="d"\r\nok\r\n0;e\r\n\r\n'),
    _chunked("a long chunk extension", b"2;" + b"a" * 15_000 + b"\r\nok\r\n0\r\n\r\n"),
    _chunked("space before an extension", b"2 ; last=no\r\nok\r\n0\r\n\r\n"),
    _chunked("a tab before an extension", b"2\t;last=no\r\nok\r\n0\r\n\r\n", b"ok", CURL_ALONE),
    _chunked("space behind the size", b"2  \r\nok\r\n0  \r\n\r\n"),
    _chunked("zeros before the size", b"0" * 18 + b"2\r\nok\r\n000\r\n\r\n", b"ok", CHROMIUM_ALONE),
    _chunked("chunks without CR", b"2\nok\n0\n\n"),
    _chunked("sizes without CR", b"2\nok\r\n0\r\n\r\n"),
    _chunked("data without CR", b"2\r\nok\n0\r\n\r\n"),
    _chunked("trailers", b"2\r\nok\r\n0\r\nX-T: v\r\nX U : w\r\n\r\n"),
    _chunked("space before the size", b" 2\r\nok\r\n0\r\n\r\n", None),
    _chunked("a size of seventeen digits", b"10000000000000002\r\nok\r\n0\r\n\r\n", None),
    _chunked("a size with 0x", b"0x2\r\nok\r\n0\r\n\r\n", None),
    _chunked("a size below zero", b"-2\r\nok\r\n0\r\n\r\n", None),
    _chunked("an empty line for a size", b"\r\n2\r\nok\r\n0\r\n\r\n", None),
    _chunked("nothing behind the data", b"2\r\nok0\r\n\r\n", None),
    _chunked("more data than the size", b"2\r\nokay\r\n0\r\n\r\n", None),
    _chunked("no chunks at all", b"ok\r\n0\r\n\r\n", None),
    OddAnswer("no last chunk", STATUS + CODING + b"\r\n2\r\nok\r\n", None, BOTH, closes=True),
    OddAnswer("no end of the last chunk", STATUS + CODING + b"\r\n2\r\nok\r\n0\r\n", None, BOTH, closes=True),
)  # fmt: skip
BY_NAME = {answer.name: answer for answer in ODD_ANSWERS}


def path_of(answer: OddAnswer) -> str:
    """Where `converse` gives it."""
    return f"/{ODD_ANSWERS.index(answer)}"


async def converse(conversation: Conversation) -> None:
    """Give the answers that are asked for; redirect from /d/e?… to what stands there; echo any other target."""
    while True:
        target = (await conversation.request()).target
        path, _, query = target.partition("?")
        if path == "/d/e":
            await conversation.send(
                b"HTTP/1.1 302 F\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % unquote_to_bytes(query)
            )
        elif path[1:].isdigit():
            answer = ODD_ANSWERS[int(path[1:])]
            await conversation.send(answer.wire)
            if answer.closes:
                return
        else:
            await conversation.respond(body=target.encode())
