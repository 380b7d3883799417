"""Serves web/examples: each page is one file, so its policy names its inline scripts by their hashes."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def script_sources(html: str) -> str:
    """The hashes of a page's inline scripts and import maps, as `script-src` wants them (CSP 3, section 2.3.1)."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


class ExamplePages:
    """The pages of a folder.

    policy -- of the playground; each example's has the hashes of its scripts besides
    """

    def __init__(self, folder: Path, policy: str) -> None:
        self._folder = folder
        self._policy = policy

    async def answer(self, request: Request) -> Response:
        """One page by its name."""
        names = {path.name: path for path in self._folder.glob("*.html")}
        path = names.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        html = path.read_text()
        policy = self._policy.replace("script-src ", f"script-src {script_sources(html)} ")
        return HTMLResponse(html, headers={"content-security-policy": policy})
