"""Which server is asked when: order, turns, repetition, rests. The servers are scripted."""

from __future__ import annotations

import asyncio

import pytest

from mix_protocol.errors import MixError, NetworkFailure
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.dns.answers import Answer
from mix_tunnel.runtime.dns.errors import MalformedAnswer, QueryRefused, ResolvingTimedOut, ServerFailed
from mix_tunnel.runtime.dns.resolver import ResolverOptions
from mix_tunnel.runtime.dns.servers import DnsServer
from mix_tunnel.runtime.dns.transports import Reply
from mix_tunnel.runtime.dns.upstreams import EDNS_AGAIN_S, MAX_REST_S, MIN_REST_S, Upstream, Upstreams
from mix_tunnel.runtime.tunnel_errors import TunnelClosed

ANSWER = Answer("a.test", (), 60)


class Scripted:
    """Does the same with every question: answers, fails, or (None) is silent."""

    def __init__(self, outcome: Answer | Exception | None) -> None:
        self.outcome = outcome
        self.asked = 0
        self.offers: list[bool] = []
        """Whether each question offered EDNS."""

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        self.asked += 1
        self.offers.append(edns)
        if self.outcome is None:
            await asyncio.get_running_loop().create_future()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Reply(self.outcome, "udp")

    async def aclose(self) -> None:
        pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def make(*outcomes, rotate=False, kind="udp", attempts=4, clock=None):
    scripted = [Scripted(outcome) for outcome in outcomes]
    upstreams = Upstreams(
        [Upstream(DnsServer.parse(f"{kind}://192.0.2.{index}"), server) for index, server in enumerate(scripted)],
        clock or Clock(),
        rotate=rotate,
        attempts=attempts,
        retry_interval_s=lambda: 0.01,
    )
    return upstreams, scripted


async def ask(upstreams: Upstreams, *, within_s: float = 60.0):
    return await upstreams.ask("a.test", "A", asyncio.get_running_loop().time() + within_s)


def counts(scripted: list[Scripted]) -> list[int]:
    return [server.asked for server in scripted]


async def test_the_first_is_asked_first():
    upstreams, scripted = make(ANSWER, ANSWER)
    for _ in range(3):
        assert str((await ask(upstreams)).server) == "udp://192.0.2.0"
    assert counts(scripted) == [3, 0]


async def test_by_turns():
    upstreams, scripted = make(ANSWER, ANSWER, ANSWER, rotate=True)
    for _ in range(6):
        await ask(upstreams)
    assert counts(scripted) == [2, 2, 2]


async def test_a_datagram_is_repeated_and_a_stream_is_trusted_but_edns_is_left_out_once():
    for kind, expected in (("udp", [True, False, True, True]), ("tcp", [True, False]), ("tls", [True])):
        upstreams, scripted = make(None, kind=kind)
        with pytest.raises(ResolvingTimedOut):
            await ask(upstreams, within_s=0.2)
        assert scripted[0].offers == expected


class DropsEdns(Scripted):
    """Answers in the old way alone."""

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        self.outcome = None if edns else ANSWER
        return await super().exchange(name, type, edns=edns)


async def test_a_server_that_drops_edns_is_asked_without_it_for_a_while():
    clock, server = Clock(), DropsEdns(None)
    upstream = Upstream(DnsServer.parse("192.0.2.1"), server)
    upstreams = Upstreams([upstream], clock, rotate=False, attempts=2, retry_interval_s=lambda: 0.01)
    for _ in range(2):
        await ask(upstreams)
    assert server.offers == [True, False, False]
    clock.now += EDNS_AGAIN_S
    await ask(upstreams)
    assert server.offers[3:] == [True, False]


@pytest.mark.parametrize("count", [1, 3, 6])
def test_there_is_an_attempt_left_for_a_server_that_drops_edns(count):
    servers = [f"192.0.2.{number}" for number in range(count)]
    assert ResolverOptions.from_tunnel(TunnelOptions(dns_servers=servers)).attempts > count


async def test_every_server_has_its_chance():
    upstreams, scripted = make(*[QueryRefused()] * 6, ANSWER, attempts=2)
    assert await ask(upstreams)
    assert counts(scripted) == [1] * 7


async def test_a_server_that_fails_again_and_again_rests_ever_longer():
    clock = Clock()
    upstreams, scripted = make(NetworkFailure(), ANSWER, clock=clock)
    for _ in range(5):
        await ask(upstreams)
    assert counts(scripted) == [2, 5]  # after two failures it is spared
    clock.now = MIN_REST_S
    for _ in range(5):
        await ask(upstreams)
    assert counts(scripted) == [3, 10]  # its next rest is twice as long
    clock.now += MIN_REST_S
    await ask(upstreams)
    assert counts(scripted) == [3, 11]
    for _ in range(20):
        clock.now += MAX_REST_S
        await ask(upstreams)
    assert counts(scripted) == [23, 31]


async def test_an_answer_ends_its_troubles():
    clock = Clock()
    upstreams, scripted = make(NetworkFailure(), ANSWER, clock=clock)
    for _ in range(2):
        await ask(upstreams)
    scripted[0].outcome = ANSWER
    clock.now = MIN_REST_S
    await ask(upstreams)
    scripted[0].outcome = NetworkFailure()
    await ask(upstreams)
    await ask(upstreams)
    assert scripted[0].asked == 5  # it takes two failures in a row again


async def test_servfail_may_be_the_names_own_fault():
    upstreams, scripted = make(ServerFailed(rcode="SERVFAIL"), ANSWER)
    for _ in range(5):
        await ask(upstreams)
    assert counts(scripted) == [5, 5]


async def test_silence_is_a_failure():
    upstreams, scripted = make(None, ANSWER, kind="tcp")
    for _ in range(4):
        await ask(upstreams)
    assert counts(scripted) == [2, 4]


async def test_when_all_rest_all_are_asked():
    upstreams, scripted = make(NetworkFailure(), NetworkFailure())
    for _ in range(4):
        with pytest.raises(NetworkFailure):
            await ask(upstreams)
    scripted[1].outcome = ANSWER
    assert str((await ask(upstreams)).server) == "udp://192.0.2.1"


async def test_a_closed_tunnel_ends_it_at_once():
    upstreams, scripted = make(TunnelClosed(), ANSWER)
    with pytest.raises(TunnelClosed):
        await ask(upstreams)
    assert counts(scripted) == [1, 0]


async def test_the_most_telling_error_is_told():
    upstreams, _ = make(NetworkFailure(), QueryRefused(), None)
    with pytest.raises(MixError) as caught:
        await ask(upstreams, within_s=0.1)
    assert isinstance(caught.value, QueryRefused)


@pytest.mark.expects_crashes
async def test_a_bug_of_ours_at_one_servers_answer_is_that_attempts(caplog):
    upstreams, (bad, good) = make(ZeroDivisionError("10.0.0.1"), ANSWER)
    told = await ask(upstreams)
    assert (told.reply.answer, bad.asked, good.asked) == (ANSWER, 1, 1)
    upstreams, _ = make(ZeroDivisionError("10.0.0.1"))
    with pytest.raises(MalformedAnswer):
        await ask(upstreams)
    assert "10.0.0.1" not in caplog.text
