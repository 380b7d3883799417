"""What a node counts, as it tells it: each document, every metric of the table, and of the dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from mix_network.gateway.sessions import DAY_S, SessionStatistics
from mix_network.metrics import NodeMetrics
from mix_network.node.figures import NodeFigures
from mix_network.node.metrics_api import UPDATED_S, metrics_endpoints
from mix_network.node.prometheus import METRICS, render
from mix_protocol.node_api.answers import decode_answer
from mix_protocol.node_api.metrics import MixingStats, SessionStats, VerlocStats, WireguardStats

DASHBOARD = Path(__file__).parents[4] / "packages/mix_network/deploy/grafana.json"
EXIT = {
    **dict.fromkeys(("clients", "messages", "payloads_dropped", "packets_from_clients", "packets_to_clients"), 1),
    **dict.fromkeys(("replies_sent", "replies_dropped", "refused", "flow_count"), 2),
    "flows": {"tcp": 3, "udp": 0},
}


class Node:
    def __init__(self) -> None:
        self.now = 20_000 * DAY_S + 100.0
        self.metrics = NodeMetrics("exit", "exit-gateway")
        self.sessions = SessionStatistics(lambda: self.now)
        self.figures = NodeFigures(
            self.metrics,
            gateway=lambda: {"clients": 5, "connected": 2, "inbox_bytes": 999},
            exit=lambda: EXIT,
            sessions=self.sessions,
        )
        endpoints = metrics_endpoints(self.figures, lambda: self.now)
        app = Starlette(routes=[Route(path, endpoint) for path, endpoint in endpoints.items()])
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node/metrics/")

    async def ask(self, path, kind):
        return decode_answer((await self.http.get(path)).content, kind, path)


async def test_the_old_form_tells_what_came_between_two_updates():
    node = Node()
    node.metrics.received, node.metrics.forwarded = 10, 7
    node.metrics.drop("queue_full")
    told = await node.ask("mixing", MixingStats)
    assert (told.received_since_startup, told.received_since_last_update) == (0, 0)
    node.now += UPDATED_S
    told = await node.ask("mixing", MixingStats)
    assert (told.received_since_startup, told.sent_since_startup, told.dropped_since_startup) == (10, 7, 1)
    node.metrics.received = 25
    node.now += UPDATED_S - 1
    assert await node.ask("mixing", MixingStats) == told
    node.now += 1
    told = await node.ask("mixing", MixingStats)
    assert (told.received_since_startup, told.received_since_last_update, told.sent_since_last_update) == (25, 15, 0)
    assert (told.previous_update_time, told.update_time) == ("2024-10-04T00:02:10Z", "2024-10-04T00:02:40Z")


async def test_sessions_are_those_of_the_day_before_and_numbers_alone():
    node = Node()
    for identity in (b"a" * 32, b"b" * 32, b"a" * 32):
        node.sessions.started(identity)
    node.sessions.finished()
    assert (await node.ask("sessions", SessionStats)).sessions_started == 0
    node.now += DAY_S
    told = await node.ask("sessions", SessionStats)
    assert (told.sessions_started, told.sessions_finished, told.unique_active_users) == (3, 1, 2)
    assert (told.unique_active_users_hashes, told.sessions, told.update_time) == ([], [], "2024-10-05T00:00:00Z")
    node.now += 2 * DAY_S
    assert (await node.ask("sessions", SessionStats)).sessions_started == 0


async def test_what_a_node_does_not_do_it_says():
    node = Node()
    assert await node.ask("wireguard-stats", WireguardStats) == WireguardStats()
    assert await node.ask("verloc", VerlocStats) == VerlocStats(previous="unavailable", current="unavailable")


def test_every_metric_of_the_table_is_told_and_nothing_else():
    node = Node()
    node.metrics.drop("replayed")
    families = {family.name: family for family in text_string_to_metric_families(render(node.figures).decode())}
    samples = {sample.name for family in families.values() for sample in family.samples}
    names = [told.name for told in METRICS]
    assert len(set(names)) == len(names)
    assert {name for name in samples if not name.startswith("process_")} == set(names)
    assert families["mix_exit_flows"].samples[0].labels == {"protocol": "tcp"}
    assert families["mix_node_inbox_bytes"].samples[0].value == 999
    plain = {told.key for told in METRICS if told.part == "node"}
    assert plain == node.metrics.snapshot().keys() - {"name", "role"}
    assert {told.key for told in METRICS if told.part == "exit"} == EXIT.keys() - {"flow_count"}


def test_the_dashboard_asks_for_metrics_that_there_are():
    dashboard = json.loads(DASHBOARD.read_text())
    node = Node()
    node.metrics.drop("replayed")
    families = list(text_string_to_metric_families(render(node.figures).decode()))
    told = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            names = set(re.findall(r"\b(?:mix|process)_[a-z_]+", expression))
            assert names <= told.keys(), expression
            for labels in re.findall(r"by \((\w+)\)", expression):
                assert all(labels in told[name] for name in names), expression
            asked |= names
    assert {told.name for told in METRICS} <= asked
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(set(places)) == len(places)
