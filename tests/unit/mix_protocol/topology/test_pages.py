from dataclasses import replace

import pytest

from mix_protocol.topology.described import DescribedNodes
from mix_protocol.topology.documents import MAX_NODES, NodePage, Pagination
from mix_protocol.topology.errors import DocumentTooLarge, InconsistentDocuments, MalformedDocument
from mix_protocol.topology.pages import MAX_PAGES, DescribedPages, SkimmedPages

from .conftest import described, gateway, skimmed


def page(number, total, *nodes, **metadata):
    document = skimmed(*nodes, **metadata)
    pagination = Pagination(total=total, page=number, size=len(nodes))
    return replace(document, nodes=NodePage(pagination=pagination, data=list(nodes)))


def test_everything_on_one_page():
    pages = SkimmedPages()
    assert pages.next_page == 0
    pages.receive(page(0, 1, gateway(1)))
    assert pages.next_page is None
    assert pages.result() == skimmed(gateway(1))


def test_an_empty_list_is_complete():
    pages = SkimmedPages()
    pages.receive(page(0, 0))
    assert pages.result().nodes.data == []


def test_three_pages():
    pages = SkimmedPages()
    for number in range(3):
        assert pages.next_page == number
        pages.receive(page(number, 3, gateway(number + 1)))
    assert [node.node_id for node in pages.result().nodes.data] == [1, 2, 3]


@pytest.mark.parametrize("metadata", [{"epoch": 1001}, {"rotation": 42}])
def test_the_epoch_changes_between_pages(metadata):
    pages = SkimmedPages()
    pages.receive(page(0, 2, gateway(1)))
    with pytest.raises(InconsistentDocuments):
        pages.receive(page(1, 2, gateway(2), **metadata))


def test_a_page_without_rows_would_go_on_for_ever():
    pages = SkimmedPages()
    pages.receive(page(0, 2, gateway(1)))
    with pytest.raises(MalformedDocument):
        pages.receive(page(1, 2))


def test_unreadable_rows_count():
    """Otherwise a client would ask for a page that does not exist."""
    pages = SkimmedPages()
    nodes = page(0, 3, gateway(1)).nodes
    sent = replace(page(0, 3), nodes=replace(nodes, pagination=Pagination(total=3, page=0, size=3)))
    pages.receive(sent)
    assert pages.next_page is None
    assert len(pages.result().nodes.data) == 1


def test_pages_without_end():
    pages = SkimmedPages()
    for number in range(MAX_PAGES - 1):
        pages.receive(page(number, MAX_NODES, gateway(1)))
    with pytest.raises(DocumentTooLarge):
        pages.receive(page(MAX_PAGES - 1, MAX_NODES, gateway(1)))


def test_a_total_beyond_reason():
    with pytest.raises(DocumentTooLarge):
        SkimmedPages().receive(page(0, MAX_NODES + 1, gateway(1)))


def test_a_page_too_many():
    pages = SkimmedPages()
    pages.receive(page(0, 1, gateway(1)))
    with pytest.raises(MalformedDocument):
        pages.receive(page(1, 1, gateway(2)))


def test_a_result_too_early():
    with pytest.raises(ValueError, match="not complete"):
        SkimmedPages().result()


def test_described_nodes_come_in_pages_too():
    pages = DescribedPages()
    for number in range(2):
        pagination = Pagination(total=2, page=number, size=1)
        pages.receive(DescribedNodes(pagination=pagination, data=[described(number + 1)]))
    assert pages.next_page is None
    assert pages.result() == DescribedNodes.of([described(1), described(2)])
