"""A node's counters, read from what it tells Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

_PREFIX = "mix_node_"


def read_counters(text: str) -> dict[str, Any]:
    """The counters by the names of `NodeMetrics`. Raises ValueError for what Prometheus could not read either."""
    counters: dict[str, Any] = {"dropped": {}}
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix(_PREFIX)
        if name == family.name:
            continue
        for sample in family.samples:
            if name == "dropped":
                counters["dropped"][sample.labels["reason"]] = int(sample.value)
            elif not sample.name.endswith("_created"):
                counters[name] = int(sample.value)
    return counters
