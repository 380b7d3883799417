"""What holds for every module of error classes."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

from mix_protocol.errors import KINDS, MixError, registered, revive


def error_classes(module: ModuleType) -> list[type[MixError]]:
    """The error classes that a module defines."""
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, MixError) and value.__module__ == module.__name__
    ]


def check_error_classes(module: ModuleType, layer: str) -> None:
    """Each has a code of its layer, a sentence and a kind of its own, and survives a border."""
    classes = error_classes(module)
    assert classes
    for cls in classes:
        assert re.fullmatch(rf"{layer}\.[a-z0-9_]+", cls.__dict__["code"]), cls
        assert "message" in cls.__dict__, cls
        assert inspect.getdoc(cls), cls
        assert cls not in KINDS
        assert sum(issubclass(cls, kind) for kind in KINDS) == 1, cls
        assert registered()[cls.code] is cls
        error = cls()
        sentence = str(error)
        assert error.template == cls.message
        assert sentence[0].islower() or sentence.split()[0].isupper(), sentence
        assert not sentence.endswith("."), sentence
        assert "://" not in sentence, sentence
        assert type(revive(cls.code, sentence, {})) is cls
