"""docs/httpbin.md is whole; that its cells are true is for the tests of `mixFetch`, `MixTransport` and `mix fetch`."""

from support.httpbin_cases import CASES
from support.httpbin_table import COLUMNS, PATH, rewritten


def rows() -> list[list[str]]:
    """The cells of each endpoint."""
    lines = [line for line in PATH.read_text().splitlines() if line.startswith("| <code>")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_there_is_a_row_for_each_endpoint_and_nothing_else():
    assert PATH.read_text() == rewritten(), "WRITE_TABLES=1 writes it again"
    assert len(rows()) == len({case.rule for case in CASES})


def test_every_endpoint_is_the_same_every_way():
    differences = {
        endpoint: cells for endpoint, _, *cells in rows() if cells[: len(COLUMNS)] != ["same"] * len(COLUMNS)
    }
    assert differences == {}
