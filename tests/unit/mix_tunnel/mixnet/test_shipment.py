from mix_protocol.delivery import Delivery
from mix_tunnel.mixnet.shipment import Shipment


def test_packets_are_held_until_every_fragment_of_their_message_has_arrived():
    one, two = Delivery(), Delivery()
    shipment = Shipment((one, None, two), 2)
    assert one.is_held
    assert two.is_held
    assert shipment.fragment_arrived() == ()
    assert shipment.fragment_arrived() == (one, two)
    one.delivered(2.0)
    assert (one.is_held, one.is_vouched_for, one.delivered_at) == (False, True, 2.0)


def test_one_fragment_given_up_lets_go_of_all():
    delivery = Delivery()
    shipment = Shipment((delivery,), 3)
    shipment.fragment_arrived()
    shipment.fragment_given_up()
    assert not delivery.is_held
    assert not delivery.is_vouched_for


def test_a_message_is_wanted_while_anything_in_it_is():
    one, two = Delivery(), Delivery()
    shipment = Shipment((one, two), 1)
    one.is_wanted = False
    assert shipment.is_wanted
    two.is_wanted = False
    assert not shipment.is_wanted
    assert Shipment((one, None), 1).is_wanted  # an acknowledgment, a datagram: nobody else repeats them
