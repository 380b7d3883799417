from mix_protocol.gateway.registry import FREE_ALLOWANCE_BYTES, MAX_ALLOWANCE_BYTES, ClientRecord, ClientRegistry

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
MIDNIGHT = NOON + 12 * 3600


def test_an_allowance_is_spent_down_to_nothing():
    record = ClientRecord(b"i" * 32, b"k" * 32)
    assert record.allowance(NOON) == 0
    assert not record.spend(1, NOON)
    assert record.grant(5000, NOON) == 5000
    assert record.spend(2413, NOON)
    assert record.spend(2413, NOON)
    assert not record.spend(2413, NOON)
    assert record.allowance(NOON) == 174


def test_an_allowance_ends_with_the_utc_day():
    record = ClientRecord(b"i" * 32, b"k" * 32)
    record.grant(FREE_ALLOWANCE_BYTES, NOON)
    assert record.allowance(MIDNIGHT - 1) == FREE_ALLOWANCE_BYTES
    assert record.allowance(MIDNIGHT) == 0
    assert not record.spend(1, MIDNIGHT)
    assert record.grant(100, MIDNIGHT) == 100


def test_claims_add_up_within_a_day_and_stay_a_number_of_the_protocol():
    record = ClientRecord(b"i" * 32, b"k" * 32)
    assert record.grant(100, NOON) + 100 == record.grant(100, NOON)
    assert record.grant(1 << 63, NOON) == MAX_ALLOWANCE_BYTES


def test_registering_again_changes_the_key_alone():
    registry = ClientRegistry()
    registry.register(b"a", b"old").grant(100, NOON)
    registry.get(b"a").use_timestamp(5)
    record = registry.register(b"a", b"new")
    assert (record.shared_key, record.allowance(NOON), record.last_timestamp) == (b"new", 100, 5)
    assert len(registry) == 1


def test_the_longest_absent_client_makes_room():
    registry = ClientRegistry(max_clients=2)
    registry.register(b"a", b"k")
    registry.register(b"b", b"k")
    registry.get(b"a")
    registry.register(b"c", b"k")
    assert [identity in registry for identity in (b"a", b"b", b"c")] == [True, False, True]


def test_records_can_be_stored_and_restored():
    registry = ClientRegistry()
    registry.register(b"a", b"k").grant(100, NOON)
    copy = ClientRegistry()
    for record in registry:
        copy.restore(record)
    assert copy.get(b"a").allowance(NOON) == 100


def test_a_record_does_not_show_its_key():
    assert "secret" not in repr(ClientRecord(b"a", b"secret"))
