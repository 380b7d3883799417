"""Every error that can end a tunnel is told in the published client's words."""

from __future__ import annotations

import importlib
import pkgutil

from mix_protocol.errors import registered, revive
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost, TunnelCrashed
from mix_tunnel.worker.failure_kinds import BRIDGE, KIND_OF_CODE, KIND_OF_LAYER, PANIC, REACTOR, failure_kind

PACKAGES = ("mix_protocol", "mix_tunnel")
NOT_HERE = ("mix_tunnel.platform.browser", "mix_tunnel.worker.event_loop", "mix_tunnel.cli")


def codes() -> set[str]:
    """The codes of all error classes of ours that a worker may raise."""
    for name in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            if not module.name.startswith(NOT_HERE):
                importlib.import_module(module.name)
    return {code for code, cls in registered().items() if cls.__module__.startswith(PACKAGES)}


def test_every_layer_has_a_kind():
    known = codes()
    assert {code.partition(".")[0] for code in known} <= KIND_OF_LAYER.keys()
    assert KIND_OF_CODE.keys() <= known


def test_the_kinds_are_those_that_the_published_types_name():
    kinds = [*KIND_OF_LAYER.values(), *KIND_OF_CODE.values()]
    assert all(kind in (BRIDGE, REACTOR, PANIC) for kind in kinds)
    assert [kind["kind"] for kind in (BRIDGE, REACTOR, PANIC)] == ["task_exited", "task_exited", "task_panicked"]
    assert [kind.get("task") for kind in (BRIDGE, REACTOR, PANIC)] == ["bridge", "reactor", None]


def test_examples():
    assert failure_kind(GatewayConnectionLost()) == BRIDGE
    assert failure_kind(TunnelCrashed()) == PANIC
    assert failure_kind(revive("tcp.connection_reset", "reset", {})) == REACTOR
    assert failure_kind(revive("nobody.knows", "?", {})) == BRIDGE
