"""The decoders of `mix_protocol`, one target for each of its folders; the table of them is the tests'."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from support.every_decoder import DECODERS

from fuzz.draws import Draws
from fuzz.registry import target


def _names(layer: str) -> list[str]:
    return [name for name in DECODERS if name.startswith(f"{layer}.")]


def _seeds(layer: str) -> Iterable[bytes]:
    for number, name in enumerate(_names(layer)):
        yield from (bytes([number]) + sample for sample in DECODERS[name].samples)


def _run(layer: str, data: bytes) -> None:
    draws = Draws(data)
    decoder = DECODERS[draws.choice(_names(layer))]
    decoder.decode(draws.rest())


for _layer in sorted({name.partition(".")[0] for name in DECODERS}):
    _target = partial(_run, _layer)
    _target.__name__ = f"decoders_{_layer}"  # type: ignore[attr-defined]
    target(partial(_seeds, _layer))(_target)
