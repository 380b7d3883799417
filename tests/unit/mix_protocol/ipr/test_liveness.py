from mix_protocol.ipr.liveness import Liveness, LivenessPolicy


def test_an_idle_connection_is_kept_alive():
    liveness = Liveness(LivenessPolicy(keepalive_s=25.0), 0.0)
    assert liveness.deadline() == 25.0
    assert not liveness.wants_probe(24.9)
    assert liveness.wants_probe(25.0)


def test_sending_counts_as_life():
    liveness = Liveness(LivenessPolicy(keepalive_s=25.0, silence_s=None), 0.0)
    liveness.sent(20.0)
    assert liveness.deadline() == 45.0


def test_silence_is_measured_from_the_first_unanswered_packet():
    liveness = Liveness(LivenessPolicy(silence_s=10.0), 0.0)
    liveness.sent(1.0)
    liveness.sent(9.0)
    assert liveness.deadline() == 11.0
    liveness.received()
    assert liveness.deadline() == 9.0 + 25.0


def test_an_exit_is_lost_after_so_many_probes():
    liveness = Liveness(LivenessPolicy(silence_s=10.0, probe_interval_s=5.0, max_probes=2), 0.0)
    liveness.sent(0.0)
    for moment in (10.0, 15.0):
        assert liveness.wants_probe(moment)
        assert not liveness.is_lost(moment)
        liveness.probed(moment)
    assert not liveness.is_lost(19.9)
    assert liveness.is_lost(20.0)


def test_any_answer_ends_probing():
    liveness = Liveness(LivenessPolicy(), 0.0)
    liveness.sent(0.0)
    liveness.probed(10.0)
    liveness.received()
    assert not liveness.is_lost(100.0)
    assert liveness.deadline() == 35.0


def test_an_exit_that_never_answers_probes_is_not_lost_while_nothing_else_is_asked():
    liveness = Liveness(LivenessPolicy(keepalive_s=25.0, max_probes=1), 0.0)
    for moment in range(25, 1000, 25):
        assert liveness.deadline() == moment
        assert liveness.wants_probe(moment)
        assert not liveness.is_lost(moment)
        liveness.probed(moment)
    liveness.sent(1000.0)
    assert liveness.deadline() == 1006.0
    liveness.probed(1006.0)
    assert liveness.is_lost(1011.0)


def test_where_nothing_gets_through_silence_says_nothing_about_the_exit():
    liveness = Liveness(LivenessPolicy(silence_s=6.0, probe_interval_s=5.0, max_probes=3, needs_delivery=True), 0.0)
    liveness.sent(0.0)
    moment = 6.0
    for _ in range(20):
        assert liveness.deadline() == moment
        assert not liveness.is_lost(moment)
        assert liveness.wants_probe(moment)
        liveness.probed(moment)
        moment += 5.0
    for _ in range(2):
        liveness.delivered(moment)
        assert not liveness.is_lost(moment)
        liveness.probed(moment)
        moment += 5.0
    assert not liveness.is_lost(moment)
    liveness.delivered(moment)
    assert liveness.is_lost(moment)


def test_an_exit_that_takes_nothing_may_stand_still_for_a_while_until_it_is_gone():
    policy = LivenessPolicy(silence_s=6.0, probe_interval_s=5.0, max_probes=3, needs_delivery=True, gone_s=40.0)
    liveness = Liveness(policy, 0.0)
    liveness.sent(0.0)
    moment = 6.0
    while moment < 46.0:
        liveness.path_returned(moment)
        assert not liveness.is_lost(moment)
        liveness.probed(moment)
        moment += 5.0
    liveness.path_returned(moment)
    assert liveness.is_lost(moment)


def test_an_exit_that_comes_back_after_standing_still_has_all_its_time():
    policy = LivenessPolicy(silence_s=6.0, probe_interval_s=5.0, max_probes=3, needs_delivery=True, gone_s=40.0)
    liveness = Liveness(policy, 0.0)
    liveness.sent(0.0)
    for moment in (6.0, 11.0, 16.0, 21.0, 26.0, 31.0):
        liveness.path_returned(moment)
        liveness.probed(moment)
    for moment in (36.0, 41.0):
        liveness.delivered(moment)
        liveness.path_returned(moment)
        assert not liveness.is_lost(moment)
        liveness.probed(moment)
    liveness.received()
    assert not liveness.is_lost(1000.0)


def test_absence_of_our_own_brings_the_next_keepalive_nearer():
    liveness = Liveness(LivenessPolicy(keepalive_s=25.0), 0.0)
    liveness.note_absence(20.0)
    assert liveness.deadline() == 5.0


def test_a_suspected_exit_is_asked_at_once():
    liveness = Liveness(LivenessPolicy(), 0.0)
    liveness.suspect(1.0)
    assert liveness.wants_probe(1.0)
    liveness.probed(1.0)
    liveness.received(answers_probe=True)
    assert not liveness.wants_probe(20.0)
    liveness.suspect(20.0)
    for moment in (20.0, 25.0, 30.0):
        assert liveness.wants_probe(moment)
        assert not liveness.is_lost(moment)
        liveness.probed(moment)
    assert liveness.is_lost(35.0)


def test_an_exit_that_did_answer_probes_is_lost_when_it_stops():
    liveness = Liveness(LivenessPolicy(keepalive_s=25.0, probe_interval_s=5.0, max_probes=2), 0.0)
    liveness.probed(25.0)
    liveness.received(answers_probe=True)
    liveness.probed(50.0)
    assert liveness.deadline() == 55.0
    liveness.probed(55.0)
    assert not liveness.is_lost(59.0)
    assert liveness.is_lost(60.0)


def test_without_watching_for_silence_nothing_is_ever_lost():
    liveness = Liveness(LivenessPolicy(keepalive_s=25.0, silence_s=None, max_probes=1), 0.0)
    liveness.sent(0.0)
    for moment in (25.0, 50.0, 75.0):
        assert liveness.deadline() == moment
        liveness.probed(moment)
        assert not liveness.is_lost(moment + 24)


def test_everything_can_be_switched_off():
    liveness = Liveness(LivenessPolicy(keepalive_s=None, silence_s=None), 0.0)
    liveness.sent(0.0)
    assert liveness.deadline() is None
    assert not liveness.wants_probe(1e9)
