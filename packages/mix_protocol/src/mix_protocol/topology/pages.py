"""Collecting a list that the directory serves in pages.

Servers of today send everything as page 0, but the published client goes on asking until it has `total` rows, and so
does this: `next_page` is what to ask for, `receive` takes the answer, `result` is the whole.
"""

from __future__ import annotations

from dataclasses import replace

from mix_protocol.topology.described import DescribedNode, DescribedNodes
from mix_protocol.topology.documents import MAX_NODES, Pagination, SkimmedMetadata, SkimmedNode, SkimmedNodes
from mix_protocol.topology.errors import DocumentTooLarge, InconsistentDocuments, MalformedDocument

MAX_PAGES = 64
"""A list in more pages than this is refused: it would keep a client asking for a long time."""


class _Pages:
    """How far a list has come."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next_page: int | None = 0
        self._rows = 0

    @property
    def next_page(self) -> int | None:
        """Number of the page to ask for; None when the list is complete."""
        return self._next_page

    def _count(self, pagination: Pagination) -> None:
        if self._next_page is None:
            raise MalformedDocument("the directory sent a page that nobody asked for", what=self._what)
        self._rows += pagination.size
        if max(pagination.total, self._rows) > MAX_NODES:
            raise DocumentTooLarge(what=self._what)
        if self._rows >= pagination.total:
            self._next_page = None
        elif self._next_page + 1 == MAX_PAGES:
            raise DocumentTooLarge("the directory serves a list in too many pages; check the directory URL")
        elif pagination.size == 0:
            raise MalformedDocument("the directory's list ends before its announced total", what=self._what)
        else:
            self._next_page += 1


class SkimmedPages(_Pages):
    """Collects the pages of a `skimmed` endpoint."""

    def __init__(self) -> None:
        super().__init__("skimmed nodes")
        self._metadata: SkimmedMetadata | None = None
        self._nodes: list[SkimmedNode] = []

    def receive(self, page: SkimmedNodes) -> None:
        """Add the page that `next_page` named. Raises `InconsistentDocuments` if the epoch changed in between."""
        self._count(page.nodes.pagination)
        first = self._metadata
        if first is not None and replace(page.metadata, refreshed_at=first.refreshed_at) != first:
            raise InconsistentDocuments("the pages of the node list belong to different epochs; try again in a moment")
        self._metadata = self._metadata or page.metadata
        self._nodes += page.nodes.data

    def result(self) -> SkimmedNodes:
        """The whole list as one document; only when `next_page` is None."""
        if self.next_page is not None or self._metadata is None:
            raise ValueError("the list is not complete yet")
        return SkimmedNodes.of(self._metadata, self._nodes)


class DescribedPages(_Pages):
    """Collects the pages of `described`."""

    def __init__(self) -> None:
        super().__init__("described nodes")
        self._nodes: list[DescribedNode] = []

    def receive(self, page: DescribedNodes) -> None:
        """Add the page that `next_page` named."""
        self._count(page.pagination)
        self._nodes += page.data

    def result(self) -> DescribedNodes:
        """The whole list as one document; only when `next_page` is None."""
        if self.next_page is not None:
            raise ValueError("the list is not complete yet")
        return DescribedNodes.of(self._nodes)
