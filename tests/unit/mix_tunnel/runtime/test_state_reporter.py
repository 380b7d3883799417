"""What a tunnel tells of its connecting: which steps led somewhere, which did not, and why."""

from __future__ import annotations

from mix_tunnel.runtime.state_reporter import MAX_STEPS, StateReporter
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost, GatewaySilent
from mix_tunnel.state import Phase, Step, TunnelState


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def reporter() -> tuple[StateReporter, Clock, list[TunnelState]]:
    clock, told = Clock(), []
    return StateReporter(clock, told.append), clock, told


def test_a_step_that_led_nowhere_bears_its_error():
    subject, clock, told = reporter()
    lost, silent = GatewayConnectionLost(), GatewaySilent()
    subject.begin(lost)
    subject.enter(Step.CONNECTING_GATEWAY)
    clock.now += 2.0
    subject.step_failed(silent)
    subject.wait()
    assert told[-1].phase is Phase.CONNECTING
    assert told[-1].step == "waiting to try again"
    assert told[-1].reason is lost
    clock.now += 5.0
    subject.enter(Step.CONNECTING_GATEWAY)
    clock.now += 1.0
    subject.ready()
    taken = [(step.step, step.elapsed_ms, step.error) for step in subject.state.steps]
    assert taken == [(Step.CONNECTING_GATEWAY, 2000.0, silent), (Step.CONNECTING_GATEWAY, 1000.0, None)]
    assert subject.state.elapsed_ms == 8000.0


def test_a_failure_between_steps_is_no_step():
    subject, _, _ = reporter()
    subject.begin()
    subject.enter(Step.REGISTERING)
    error = GatewaySilent()
    subject.step_failed(error)
    subject.step_failed(GatewayConnectionLost())
    assert [step.error for step in subject.state.steps] == []
    subject.wait()
    assert [step.error for step in subject.state.steps] == [error]


def test_the_last_step_of_a_tunnel_that_failed_bears_the_reason():
    subject, _, _ = reporter()
    subject.begin()
    subject.enter(Step.FETCHING_DIRECTORY)
    error = GatewayConnectionLost()
    subject.failed(error)
    assert [(step.step, step.error) for step in subject.state.steps] == [(Step.FETCHING_DIRECTORY, error)]


def test_who_tries_for_hours_is_told_of_the_last_steps():
    subject, clock, _ = reporter()
    subject.begin(GatewayConnectionLost())
    for number in range(1000):
        subject.enter(Step.CONNECTING_GATEWAY)
        clock.now += number
        subject.step_failed(GatewaySilent())
    subject.wait()
    assert len(subject.state.steps) == MAX_STEPS
    assert subject.state.steps[-1].elapsed_ms == 999_000.0
