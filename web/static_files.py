"""Static files, sent in the form that `build.py` has compressed beforehand, where the client takes it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FORMS = (("br", ".br"), ("gzip", ".gz"))
"""Content codings and the endings of their files, the best first."""


def accepted_codings(header: str) -> set[str]:
    """The content codings in an Accept-Encoding that are not refused by a weight of zero (RFC 9110, 12.5.3)."""
    return set(_accepted(header))


def _accepted(header: str) -> Iterator[str]:
    for part in header.lower().split(","):
        coding, _, parameters = part.partition(";")
        name, _, weight = parameters.strip().partition("=")
        if not (name.strip() == "q" and _is_zero(weight)):
            yield coding.strip()


def _is_zero(weight: str) -> bool:
    try:
        return float(weight) == 0
    except ValueError:
        return False


class CompressedFiles(StaticFiles):
    """A folder whose files may have a `.br` and a `.gz` beside them."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or one of its forms; which one it is depends on Accept-Encoding, and caches are told so."""
        accepted = accepted_codings(Headers(scope=scope).get("accept-encoding", ""))
        has_forms, chosen, content_coding = False, os.fspath(full_path), ""
        for coding, ending in reversed(_FORMS):
            path = f"{os.fspath(full_path)}{ending}"
            if os.path.isfile(path):
                has_forms = True
                if coding in accepted:
                    chosen, content_coding = path, coding
        stat_result = os.stat(chosen) if content_coding else stat_result
        answer = super().file_response(
            chosen, stat_result, scope, status_code
        )  # the type is that of the name before it
        if content_coding:
            answer.headers["content-encoding"] = content_coding
        if has_forms:
            answer.headers["vary"] = "Accept-Encoding"
        return answer
