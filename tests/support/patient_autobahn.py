"""Autobahn's cases with more patience: as they are, most give up after a second, which a busy machine can miss."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from kosoku.cases import CASES

STRETCH = 20


class _Patient:
    """A case's connection, which is closed or killed later than the case asks for.

    Cases close it themselves as soon as all is there that they expect, so this costs time only where they fail.
    """

    def __init__(self, connection: Any) -> None:
        object.__setattr__(self, "_connection", connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._connection, name, value)

    def closeAfter(self, seconds: float) -> None:
        self._connection.closeAfter(STRETCH * seconds)

    def killAfter(self, seconds: float) -> None:
        self._connection.killAfter(STRETCH * seconds)


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the rest of the test."""
    base = sys.modules[next(iter(CASES.values())).__mro__[-2].__module__].Case
    begin = base.__init__
    monkeypatch.setattr(base, "__init__", lambda case, connection: begin(case, _Patient(connection)))
