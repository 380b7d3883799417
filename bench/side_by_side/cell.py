"""A cell of the matrix: what the links are like, and whether there is cover traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Cover = Literal["off", "on"]
COVERS: tuple[Cover, ...] = ("off", "on")
LINKS = {"plain": "none", "home": "home", "mainnet": "mainnet"}
"""How `mix-network up --link` calls them."""
_PATIENCE = {"plain": 1, "home": 2, "mainnet": 5}
_REPETITIONS = {"plain": 20, "home": 10, "mainnet": 5}


@dataclass(frozen=True)
class Cell:
    """One of them."""

    link: str
    cover: Cover

    def __str__(self) -> str:
        return f"{self.link}, cover {self.cover}"

    @property
    def is_plain(self) -> bool:
        """Whether the links are those of this machine, as quick as can be."""
        return self.link == "plain"

    @property
    def link_option(self) -> str:
        """For the network."""
        return LINKS[self.link]

    @property
    def setup_options(self) -> dict[str, Any]:
        """Of a tunnel. Both clients call them the same."""
        is_off = self.cover == "off"
        return {"disableCoverTraffic": is_off, "disablePoissonTraffic": is_off}

    @property
    def patience(self) -> int:
        """By what time-outs are multiplied."""
        return _PATIENCE[self.link]

    @property
    def repetitions(self) -> int:
        """How often something small is measured in a round."""
        return _REPETITIONS[self.link]
