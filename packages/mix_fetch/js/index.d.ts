import type { SetupMixTunnelOptions } from "mix-tunnel";

export { setupMixTunnel, disconnectMixTunnel, getTunnelState, onTunnelState, getTunnelStats, MixError } from "mix-tunnel";
export type { SetupMixTunnelOptions, TunnelState, TunnelStats } from "mix-tunnel";

/**
 * Fetch over the mixnet, as `fetch()` does: a real `Response` whose body streams.
 *
 * Understood of `init`: `method`, `headers`, `body`, `redirect` and `signal`; the rest is for browsers alone. What
 * differs from `fetch()`: `set-cookie` headers can be read, and `redirect: "manual"` gives the redirect itself.
 * Rejects with a `MixError`, which is a `TypeError` with a `code`, or with the signal's reason when it is aborted.
 */
export declare function mixFetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;

/** Set the tunnel up and return `mixFetch`. */
export declare function createMixFetch(options?: SetupMixTunnelOptions): Promise<typeof mixFetch>;
