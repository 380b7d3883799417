"""A pytest plugin for runs inside Pyodide: the worker's crypto takes the native one's place.

Tests that ask for `NativeCrypto` thus check the provider that the worker has. Tests that need an event loop of their
own are left to native runs: in Pyodide the loop belongs to the browser.
"""

from __future__ import annotations

import inspect
from typing import Any

import ossl

ossl.install()

from mix_protocol.crypto import native, worker  # noqa: E402

native.NativeCrypto = worker.WorkerCrypto  # type: ignore[misc,assignment]


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave asynchronous tests out."""
    kept = [item for item in items if not inspect.iscoroutinefunction(getattr(item, "function", None))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
