"""Cookies as browsers keep them (RFC 6265bis): a jar that lives as long as its tunnel."""

from .jar import CookieJar
from .scope import CookieScope

__all__ = ["CookieJar", "CookieScope"]
