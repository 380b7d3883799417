"""Why a tunnel failed, in the published client's words.

That client has two tasks and tells which of them ended: the bridge, between gateway and exit, and the reactor, which
holds the connections to the Internet; or that one panicked. Each layer of ours belongs to one of these.
"""

from __future__ import annotations

from mix_protocol.errors import MixError

BRIDGE = {"kind": "task_exited", "task": "bridge"}
REACTOR = {"kind": "task_exited", "task": "reactor"}
PANIC = {"kind": "task_panicked"}

KIND_OF_LAYER = {
    "addressing": BRIDGE,
    "codec": BRIDGE,
    "cookies": REACTOR,
    "crypto": BRIDGE,
    "directory": BRIDGE,
    "dns": REACTOR,
    "fetch": REACTOR,
    "gateway": BRIDGE,
    "http": REACTOR,
    "http2": REACTOR,
    "ip": REACTOR,
    "ipr": BRIDGE,
    "messages": BRIDGE,
    "mix": BRIDGE,
    "mixwire": BRIDGE,
    "node_api": BRIDGE,
    "noise": BRIDGE,
    "platform": BRIDGE,
    "rpc": PANIC,
    "socket": REACTOR,
    "sphinx": BRIDGE,
    "storage": BRIDGE,
    "tcp": REACTOR,
    "tls": REACTOR,
    "topology": BRIDGE,
    "tunnel": BRIDGE,
    "udp": REACTOR,
    "websocket": REACTOR,
    "worker": PANIC,
}
"""The first half of an error's code to what it is for the published client."""
KIND_OF_CODE = {"tunnel.crashed": PANIC}
"""Codes that are another kind than their layer."""


def failure_kind(error: MixError) -> dict[str, str]:
    """The published `kind` of an error, and its `task`, if it has one."""
    layer = error.code.partition(".")[0]
    return KIND_OF_CODE.get(error.code) or KIND_OF_LAYER.get(layer, BRIDGE)
