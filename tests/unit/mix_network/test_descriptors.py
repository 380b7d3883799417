"""Who gets how many descriptors."""

import subprocess
import sys

import pytest

from mix_network.descriptors import DescriptorBudget


@pytest.mark.parametrize(
    ("limit", "entries", "exits"), [(512, 1, 1), (1024, 1, 1), (1024, 2, 2), (1024, 4, 4), (4096, 4, 4), (65536, 4, 4)]
)
def test_all_bounds_together_stay_below_the_limit(limit, entries, exits):
    gateways, nodes = entries + exits, entries + exits + 3
    budget = DescriptorBudget.of(limit, exits=exits, gateways=gateways, nodes=nodes)
    everything = budget.flows * exits + budget.clients * gateways + budget.peers * nodes + budget.requests
    assert everything + 100 < limit


def test_with_plenty_everybody_gets_the_most():
    assert DescriptorBudget.of(65536, exits=1, gateways=2, nodes=5) == DescriptorBudget()


def test_with_next_to_nothing_everybody_gets_something():
    budget = DescriptorBudget.of(64, exits=4, gateways=8, nodes=11)
    assert min(budget.flows, budget.clients, budget.peers, budget.requests) >= 8


def test_the_soft_limit_is_raised_to_the_hard_one():
    program = (
        "import resource\n"
        "from mix_network.descriptors import descriptor_limit, raise_descriptor_limit\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "hard = min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "assert descriptor_limit() == 256\n"
        "raise_descriptor_limit()\n"
        "assert descriptor_limit() == hard, (descriptor_limit(), hard)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
