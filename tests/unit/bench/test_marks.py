"""Tables between marks."""

import pytest
from bench.marks import END, NoMark, mark_of, put

TEXT = f"before\n{mark_of('one')}\nold\nlines\n{END}\nbetween\n{mark_of('two')}\nkept\n{END}\nafter\n"


def test_only_the_table_of_that_name_is_replaced():
    changed = put(TEXT, "one", "| new \\1 |")
    assert changed == TEXT.replace("old\nlines", "| new \\1 |")


def test_putting_twice_is_putting_once():
    once = put(TEXT, "two", "table")
    assert put(once, "two", "table") == once


@pytest.mark.parametrize("text", ["", f"{mark_of('one')}\nno end\n", f"no begin\n{END}\n"])
def test_a_text_without_the_marks_is_refused(text: str):
    with pytest.raises(NoMark, match="one"):
        put(text, "one", "table")
