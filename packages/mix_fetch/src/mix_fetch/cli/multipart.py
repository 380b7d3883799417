"""Forms with files: `multipart/form-data` (RFC 7578), as browsers write it."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field

_ESCAPES = str.maketrans({"\n": "%0A", "\r": "%0D", '"': "%22"})


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form; one with a file name is a file."""

    name: str
    content: bytes = field(repr=False)
    file_name: str | None = None
    content_type: str | None = None

    @classmethod
    def parse(cls, text: str) -> FormField:
        """Read `NAME=VALUE`, `NAME=@FILE` (a file) or `NAME=<FILE` (its content as a value), with curl's `;type=` and
        `;filename=` behind a file. Raises ValueError for another form, OSError for a file that can't be read.
        """
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(text)
        if value[:1] not in ("@", "<"):
            return cls(name, value.encode("utf-8", errors="surrogateescape"))
        path, *attributes = value[1:].split(";")
        given = dict(attribute.strip().partition("=")[::2] for attribute in attributes)
        with open(path, "rb") as file:
            content = file.read()
        if value[0] == "<":
            return cls(name, content, content_type=given.get("type"))
        guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return cls(name, content, given.get("filename", path.rpartition("/")[2]), given.get("type", guessed))


def encode_form(fields: Sequence[FormField], boundary: str) -> bytes:
    """The body of a form; the boundary must occur in no field."""
    pieces: list[bytes] = []
    for part in fields:
        disposition = f'form-data; name="{part.name.translate(_ESCAPES)}"'
        if part.file_name is not None:
            disposition += f'; filename="{part.file_name.translate(_ESCAPES)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if part.content_type is not None:
            head += f"Content-Type: {part.content_type}\r\n"
        pieces += [f"{head}\r\n".encode("utf-8", errors="surrogateescape"), part.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)
