"""The README's table of parts is what records have."""

import re
from pathlib import Path

from support.unbound import RECORDS

from mix_dns import RECORD_TYPES

README = Path(__file__).parents[3] / "packages/mix_dns/README.md"


def test_the_parts_of_every_type():
    told: dict[str, set[str]] = {}
    for types, parts in re.findall(r"^\| ([A-Z, ]+) \| (`[a-z_`, ]+`) \|$", README.read_text(), re.MULTILINE):
        told |= {type: set(re.findall(r"`(\w+)`", parts)) for type in types.split(", ")}
    assert set(told) == set(RECORD_TYPES)
    for _, type, _, records in RECORDS:
        assert all(set(parts) == told[type] for parts in records), type
