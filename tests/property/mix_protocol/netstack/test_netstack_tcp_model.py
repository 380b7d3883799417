"""Two stacks and a network that does what it likes, against a model: two queues of bytes.

Whatever is lost, repeated, held back or let through in any order, each end reads exactly a prefix of what the other
wrote; and once the network behaves, everything arrives and both ends close.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import NetworkStack, TcpConfig, TcpConnection, TcpState

STREAM = SeededRandom("stream")(1 << 20)


class End:
    """A stack, its connection, and how far its stream has come."""

    def __init__(self, stack: NetworkStack, offset: int) -> None:
        self.stack = stack
        self.connection: TcpConnection | None = None
        self.stream = memoryview(STREAM)[offset:]
        self.written = 0
        self.read = 0
        self.closed = False
        self.outbox: list[bytes] = []


class TcpMachine(RuleBasedStateMachine):
    """Rules are what applications and the network do."""

    @initialize(
        window=st.sampled_from((2048, 5000, 65536, 262144)),
        send=st.sampled_from((2048, 100_000)),
        mtu=st.sampled_from((576, 1500)),
        nagle=st.booleans(),
        delay=st.sampled_from((0.0, 0.02)),
    )
    def open(self, window: int, send: int, mtu: int, nagle: bool, delay: float) -> None:
        config = TcpConfig(
            receive_buffer_bytes=window,
            send_buffer_bytes=send,
            nagle=nagle,
            reordering_ack_delay_s=delay,
            time_wait_s=2.0,
            user_timeout_s=1e6,
            connect_timeout_s=1e6,
        )
        self.now = 0.0
        left = NetworkStack(SeededRandom("l"), addresses=["10.0.0.1"], mtu_bytes=mtu, config=config)
        right = NetworkStack(SeededRandom("r"), addresses=["10.0.0.2"], mtu_bytes=mtu, config=config)
        self.ends = [End(left, 0), End(right, 1 << 19)]
        self.listener = right.listen_tcp(port=80)
        self.ends[0].connection = left.connect_tcp(("10.0.0.2", 80), self.now)

    def end(self, side: int) -> End:
        return self.ends[side]

    def collect(self) -> None:
        for end in self.ends:
            end.outbox += end.stack.packets_to_send(self.now)
        if self.ends[1].connection is None:
            self.ends[1].connection = self.listener.accept()

    @rule(side=st.integers(0, 1), count=st.integers(1, 20_000))
    def write(self, side: int, count: int) -> None:
        end = self.end(side)
        if end.connection is not None and not end.closed and end.written + count < len(STREAM) // 2:
            end.written += end.connection.send(end.stream[end.written : end.written + count])

    @rule(side=st.integers(0, 1), count=st.integers(1, 50_000))
    def read(self, side: int, count: int) -> None:
        end, other = self.end(side), self.end(1 - side)
        if end.connection is not None:
            data = end.connection.receive(count)
            assert data == other.stream[end.read : end.read + len(data)]
            end.read += len(data)
            assert end.read <= other.written

    @rule(side=st.integers(0, 1))
    @precondition(lambda self: all(end.connection is not None for end in self.ends))
    def close(self, side: int) -> None:
        end = self.end(side)
        assert end.connection is not None
        end.connection.close()
        end.closed = True

    @rule(side=st.integers(0, 1), which=st.randoms(use_true_random=False), share=st.floats(0, 1))
    def deliver_some_in_any_order(self, side: int, which: object, share: float) -> None:
        self.collect()
        end, other = self.end(side), self.end(1 - side)
        which.shuffle(end.outbox)  # type: ignore[attr-defined]
        count = round(len(end.outbox) * share)
        for packet in end.outbox[:count]:
            other.stack.receive_packet(packet, self.now)
        del end.outbox[:count]

    @rule(side=st.integers(0, 1), index=st.integers(0, 1000))
    def lose_one(self, side: int, index: int) -> None:
        self.collect()
        outbox = self.end(side).outbox
        if outbox:
            del outbox[index % len(outbox)]

    @rule(side=st.integers(0, 1), index=st.integers(0, 1000))
    def duplicate_one(self, side: int, index: int) -> None:
        self.collect()
        outbox = self.end(side).outbox
        if outbox:
            outbox.append(outbox[index % len(outbox)])

    @rule(seconds=st.sampled_from((0.001, 0.03, 0.3, 3.0)))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        for end in self.ends:
            end.stack.handle_timeout(self.now)

    @invariant()
    def nothing_fails(self) -> None:
        for end in getattr(self, "ends", []):
            if end.connection is not None:
                assert end.connection.error is None
                assert end.connection.receivable <= 262144

    def teardown(self) -> None:
        """The network behaves from now on: everything arrives, and both ends close."""
        if not hasattr(self, "ends"):
            return
        for _ in range(4000):
            self.collect()
            for side, end in enumerate(self.ends):
                for packet in end.outbox:
                    self.ends[1 - side].stack.receive_packet(packet, self.now)
                end.outbox.clear()
                self.read(side, 1 << 20)
            self.collect()
            if all(end.connection is not None for end in self.ends):
                for side, end in enumerate(self.ends):
                    if not end.closed:
                        self.close(side)
            states = {end.connection.state for end in self.ends if end.connection is not None}
            if states == {TcpState.CLOSED}:
                break
            due = [end.stack.next_timeout() for end in self.ends]
            if not any(end.outbox for end in self.ends):
                self.now = max(self.now, min((when for when in due if when is not None), default=self.now))
            for end in self.ends:
                end.stack.handle_timeout(self.now)
        for side, end in enumerate(self.ends):
            assert end.connection is not None
            assert end.connection.error is None
            assert end.read == self.ends[1 - side].written
            assert end.connection.at_eof
            assert end.connection.state is TcpState.CLOSED
            assert end.stack.connection_count == 0


TestTcpAgainstItsModel = TcpMachine.TestCase
TestTcpAgainstItsModel.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
