from mix_protocol.messages.surb_keys import SurbKeys

HOUR = 3600.0


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_a_key_is_given_once():
    keys = SurbKeys()
    keys.remember(digest(1), key(1), 0.0)
    assert keys.take(digest(2)) is None
    assert keys.take(digest(1)) == key(1)
    assert keys.take(digest(1)) is None
    assert len(keys) == 0


def test_keys_age_out_after_a_day_by_the_hour():
    keys = SurbKeys()
    for hour in range(30):
        now = hour * HOUR
        timeout = keys.next_timeout()
        if timeout is not None and timeout <= now:
            keys.handle_timeout(now)
        keys.remember(digest(hour), key(hour), now)
    assert len(keys) == 25
    assert keys.take(digest(4)) is None
    assert keys.take(digest(5)) == key(5)
    assert keys.take(digest(29)) == key(29)


def test_a_key_lives_for_at_least_a_day():
    keys = SurbKeys()
    keys.remember(digest(1), key(1), 0.0)
    keys.remember(digest(2), key(2), HOUR - 1)
    keys.handle_timeout(HOUR - 1 + 24 * HOUR)
    assert keys.take(digest(2)) == key(2)
    assert keys.next_timeout() == 25 * HOUR
    keys.handle_timeout(25 * HOUR)
    assert keys.next_timeout() is None
    assert keys.take(digest(1)) is None


def test_their_number_is_bounded_and_the_oldest_go():
    keys = SurbKeys(capacity=240)
    for number in range(10_000):
        keys.remember(digest(number), key(number), 0.0)
        assert len(keys) <= 250
    assert keys.take(digest(9_999)) == key(9_999)
    assert keys.take(digest(9_770)) == key(9_770)
    assert keys.take(digest(0)) is None


def test_keys_are_not_shown():
    keys = SurbKeys()
    keys.remember(digest(1), b"k" * 16, 0.0)
    assert "kkkk" not in repr(keys) + repr(vars(keys))


def test_a_key_can_be_looked_at_before_it_is_taken():
    keys = SurbKeys()
    keys.remember(b"identifier", b"key", 0.0)
    assert keys.get(b"identifier") == keys.get(b"identifier") == keys.take(b"identifier") == b"key"
    assert keys.get(b"identifier") is None
