"""Calls that the worker's only tunnel cannot serve as it stands."""

from __future__ import annotations

from mix_protocol.errors import Closed, PeerIncompatible, UsageError


class TunnelAlreadyInitialised(UsageError):
    """A tunnel is set up, or being set up, already."""

    code = "tunnel.already_initialised"
    message = "tunnel already initialised"


class OtherOptions(UsageError):
    """The pages that share a tunnel have set it up with other options. Field `options` names those that differ."""

    code = "tunnel.other_options"
    message = (
        "the pages that share this tunnel have set it up with other options; "
        "give the same, use a tunnel of another name, or disconnect it in all of them first"
    )


class TunnelNotShared(PeerIncompatible):
    """The browser lets pages share no worker, so this page has a tunnel of its own. It is a warning, not a failure."""

    code = "tunnel.not_shared"
    message = "this browser lets pages share no worker, so this page has a tunnel of its own"


class TunnelNotSetUp(UsageError):
    """A call needs a tunnel, and there is none that is ready."""

    code = "tunnel.not_set_up"
    message = "the tunnel is not ready: call setupMixTunnel() first and wait for it"


class PageNeeded(UsageError):
    """The JavaScript packages run outside a page, such as in Node, where there are no Web Workers."""

    code = "tunnel.page_needed"
    message = "a tunnel needs a page with Web Workers; render on a server without it, and set it up in the browser"


class SetupCancelled(Closed):
    """The tunnel was disconnected while it was being set up."""

    code = "tunnel.setup_cancelled"
    message = "the tunnel was disconnected before it was ready"
