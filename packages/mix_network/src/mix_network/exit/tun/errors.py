"""What can keep an exit from forwarding through the kernel."""

from __future__ import annotations

from mix_protocol.errors import UsageError


class TunUnavailable(UsageError):
    """An exit can't forward through a TUN device here. Field `reason` tells what is missing."""

    code = "exit.tun_unavailable"
    message = "the exit can't forward through a TUN device here; leave the option out to forward by ordinary sockets"
