"""What can go wrong with cookies. A server's bad cookie is ignored; only the caller hears of errors."""

from __future__ import annotations

from mix_protocol.errors import UsageError


class CookiesDisabled(UsageError):
    """The tunnel keeps no cookies."""

    code = "cookies.disabled"
    message = "this tunnel keeps no cookies; set it up with the option {cookies}"


class InvalidCookie(UsageError):
    """A cookie that was to be loaded is not one that a server could have set."""

    code = "cookies.invalid"
    message = "this is not a valid cookie"
