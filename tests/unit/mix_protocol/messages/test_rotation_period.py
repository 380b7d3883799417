from mix_protocol.addressing import KeyRotation
from mix_protocol.messages.rotation_period import RotationPeriod


def test_a_period_tells_when_its_surbs_are_good():
    period = RotationPeriod(rotation_id=41, started_at=1000.0, epoch_s=60.0, validity_epochs=24)
    assert period.key_rotation is KeyRotation.ODD
    assert period.announced_at == 940.0
    assert period.overlap_ends_at == 1060.0
    assert period.key_lifetime_s == 1500.0
