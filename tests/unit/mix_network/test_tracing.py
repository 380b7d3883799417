"""Packets' ways as traces: spans of the real SDK, and a collector that gets them over HTTP."""

from __future__ import annotations

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from support.waiting import until

from mix_network.errors import InvalidNetworkOption, TracingUnavailable
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_network.processes.network import ProcessNetwork
from mix_network.tracing.packet_traces import LOST_S, PacketTraces

A, B, C = (bytes([number]) * 100 for number in range(3))


def test_a_trace_has_a_span_for_each_node_and_those_of_lost_packets_end():
    exporter = InMemorySpanExporter()
    traces = PacketTraces(exporter, lambda: 1000.0)
    traces.started("entry", A, 5.0)
    traces.started("entry", C, 5.001)  # too close to the one before
    traces.passed("mix-1", A, B, 5.5)
    traces.passed("mix-1", A, B, 5.6)  # a replay
    traces.passed("mix-2", C, None, 5.7)
    traces.passed("exit", B, None, 6.0)
    traces.started("mix-1", C, 7.0, is_cover=True)
    traces.started("entry", A, 7.0 + LOST_S)
    traces.close()
    spans = exporter.get_finished_spans()
    packet = next(span for span in spans if span.name == "packet")
    hops = sorted(
        (span for span in spans if span.parent and span.parent.span_id == packet.context.span_id),
        key=lambda span: (span.start_time, span.end_time),
    )
    seconds = [
        (span.name, (span.start_time - packet.start_time) / 1e9, (span.end_time - packet.start_time) / 1e9)
        for span in hops
    ]
    assert seconds == [("entry", 0, 0.5), ("mix-1", 0.5, 1.0), ("exit", 1.0, 1.0)]
    assert packet.start_time == 1000 * 10**9
    assert packet.end_time - packet.start_time == 10**9
    lost = next(span for span in spans if span.name == "cover")
    assert lost.status.status_code is StatusCode.ERROR
    assert lost.end_time == lost.start_time
    told = " ".join(span.to_json() for span in spans)
    assert A.hex() not in told


async def test_a_local_network_sends_its_cover_to_a_collector():
    got: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        async with LocalNetwork(NetworkOptions(trace=url, node_cover=20)) as network:
            await until(lambda: network.entry.metrics.loops_returned >= 10)
    finally:
        server.shutdown()
        server.server_close()
    spans = [
        span
        for body in got
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    whole = {span.trace_id for span in spans if span.name == "cover" and span.status.code == 0}
    ways = {}
    for span in sorted(spans, key=lambda span: span.start_time_unix_nano):
        if span.parent_span_id and span.trace_id in whole:
            ways.setdefault(span.trace_id, []).append(span.name)
    assert any(re.search("(entry|exit) mix-1 mix-2 mix-3 (entry|exit)", " ".join(way)) for way in ways.values()), ways


def test_where_the_packages_are_missing_that_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TracingUnavailable):
        LocalNetwork(NetworkOptions(trace="http://127.0.0.1:4318/v1/traces"))


@pytest.mark.parametrize("options", [{"trace": "127.0.0.1:4318"}, {"trace": "http://127.0.0.1:4318", "workers": 1}])
def test_what_can_not_be_traced_is_refused(options):
    with pytest.raises(InvalidNetworkOption) as caught:
        NetworkOptions(**options)
    assert caught.value.fields["option"] == "trace"


def test_nodes_that_are_programs_are_never_traced(tmp_path):
    with pytest.raises(InvalidNetworkOption, match="to hide that"):
        ProcessNetwork(NetworkOptions(trace="http://127.0.0.1:4318/v1/traces"), tmp_path)
