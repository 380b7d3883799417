"""Makes the nodes of a local network, each with keys of its own."""

from __future__ import annotations

from mix_network.exit.gateway import ExitGateway, ExitOptions, Gateway
from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.router_config import router_config
from mix_network.gateway.node import GatewayServer
from mix_network.gateway.terms import GatewayTerms
from mix_network.metrics import Role
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.node import MixNodeServer
from mix_network.node_keys import IdentityKeys, NoiseKeys, ServiceKeys, SphinxKeyring
from mix_network.options import NetworkOptions
from mix_network.workers.nodes import WorkedGateway, WorkedMixNode
from mix_network.workers.pool import WorkerPool
from mix_protocol.crypto.randomness import RandomBytes

MixNode = MixNodeServer | WorkedMixNode


class NodeFactory:
    """Makes nodes that do their work themselves, or whose work a pool of workers does.

    context -- what all nodes share
    """

    def __init__(
        self, context: NodeContext, options: NetworkOptions, random: RandomBytes, pool: WorkerPool | None
    ) -> None:
        self._context = context
        self._options = options
        self._random = random
        self._pool = pool

    def mix_node(self, name: str, layer: int) -> MixNode:
        """A mix node, which does not listen yet; so for the others."""
        context, identity, keyring, random = self._context, self._identity(), self._keyring(), self._random
        if self._pool is not None:
            return WorkedMixNode(
                self._pool, context, identity, keyring, random, name=name, layer=layer, noise=self._noise()
            )
        return MixNodeServer(context, identity, keyring, name=name, layer=layer, random=random, noise=self._noise())

    def entry(self, name: str) -> Gateway:
        """An entry gateway."""
        return self._gateway(name, "entry-gateway")

    def exit(self, name: str) -> ExitGateway:
        """An exit gateway with its router."""
        keys = ServiceKeys.generate(self._context.crypto, self._random)
        return ExitGateway(self._gateway(name, "exit-gateway"), keys, self._exit_options(), self._random)

    def _gateway(self, name: str, role: Role) -> Gateway:
        context, identity, keyring, random = self._context, self._identity(), self._keyring(), self._random
        if self._pool is not None:
            return WorkedGateway(
                self._pool, context, identity, keyring, random, name=name, role=role, noise=self._noise()
            )
        terms = GatewayTerms(require_bandwidth=self._options.require_bandwidth)
        return GatewayServer(context, identity, keyring, random, name=name, role=role, noise=self._noise(), terms=terms)

    def _exit_options(self) -> ExitOptions:
        options = self._options
        loopback = options.allow_local if isinstance(options.allow_local, bool) else frozenset(options.allow_local)
        if options.exit_policy is None:
            policy = ExitPolicy.default(allow_loopback=loopback)
        else:
            policy = ExitPolicy.parse(options.exit_policy, allow_loopback=loopback)
        return ExitOptions(
            policy=policy,
            router=router_config(options.advertise_version),
            resolver=HostsResolver(options.hosts, options.dns) if options.hosts else None,
            mean_ack_delay_ms=options.mean_ack_delay_ms,
            max_flows=self._context.budget.flows,
            tun=self._options.tun,
        )

    def _noise(self) -> NoiseKeys | None:
        return NoiseKeys.generate(self._context.crypto, self._random) if self._options.noise else None

    def _identity(self) -> IdentityKeys:
        return IdentityKeys.generate(self._context.crypto, self._random)

    def _keyring(self) -> SphinxKeyring:
        context = self._context
        return SphinxKeyring(context.crypto, self._random, context.schedule, context.wall_clock())
