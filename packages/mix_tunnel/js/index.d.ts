import type { ErrorDescription } from "./protocol.js";

export * from "./errors.js";

/** How to set the tunnel up. The names and defaults are the reference client's, and two of our own at the end. */
export interface SetupMixTunnelOptions {
  /** Name of the tunnel, where a page has several at once; each has a worker and an address of its own ("default"). */
  tunnel?: string | undefined;
  /** Nym address of the exit's IP packet router; by default one is chosen. */
  preferredIpr?: string | undefined;
  /** Base58 identity of the entry gateway; by default one is chosen. */
  preferredGateway?: string | undefined;
  /** Name under which the client's keys are kept between two set-ups. */
  clientId?: string | undefined;
  /** Use only gateways with `wss://` (true); a gateway on a loopback address is always allowed. */
  forceTls?: boolean | undefined;
  /** Send packets at once instead of at random times, and no cover when there is nothing to send. */
  disablePoissonTraffic?: boolean | undefined;
  /** Switch the additional stream of cover packets off. */
  disableCoverTraffic?: boolean | undefined;
  /** Reply SURBs given to the exit with the opening message (10). */
  openReplySurbs?: number | undefined;
  /** Reply SURBs given to the exit with every further message (2). */
  dataReplySurbs?: number | undefined;
  /** Resolver asked first, `IP:PORT` (8.8.8.8:53), through the tunnel. */
  primaryDns?: string | undefined;
  /** Resolver asked when the first does not answer (1.1.1.1:53). */
  fallbackDns?: string | undefined;
  /** Milliseconds for the set-up, and for opening one connection. */
  connectTimeoutMs?: number | undefined;
  /** Milliseconds for which a tunnel that was lost tries to come back before it fails (600000). */
  reconnectTimeoutMs?: number | undefined;
  /** Milliseconds for one name to be resolved. */
  dnsTimeoutMs?: number | undefined;
  /** Idle milliseconds after which TCP sends a keep-alive probe; 0 sends none. */
  tcpKeepaliveMs?: number | undefined;
  /** Bytes of each TCP send and receive buffer. */
  tcpBufferSize?: number | undefined;
  /** Redirects that a fetch follows before it fails. */
  maxRedirects?: number | undefined;
  /** Log what the tunnel does to the console. */
  debug?: boolean | undefined;
  /** Base URL of the directory; by default Nym's mainnet. */
  directoryUrl?: string | undefined;
  /** Further trusted certificate authorities, as PEM texts, beside the public roots. */
  caCertificates?: string | readonly string[] | undefined;
}

export type TunnelStateName = "connecting" | "ready" | "shutting_down" | "shutdown" | "failed";

/** A finished step of connecting. */
export interface TunnelStep {
  /** Such as "fetching_directory"; "loading_worker" is the page's own first step. */
  step: string;
  elapsedMs: number;
}

/** Where the tunnel stands. */
export interface TunnelState {
  state: TunnelStateName;
  /** What is going on, for a person to read. */
  step: string;
  /** The finished steps of this connecting. */
  steps: TunnelStep[];
  elapsedMs: number;
  /** Why it failed, or why it is connecting again. */
  reason: ErrorDescription | null;
}

/** Counters since the tunnel was set up. */
export interface TunnelStats {
  realPacketsSent: number;
  coverPacketsSent: number;
  retransmittedPackets: number;
  acksReceived: number;
  coverPacketsReceived: number;
  packetsDropped: number;
  replySurbsGiven: number;
  repliesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  roundTripMs: number | null;
  gatewayReconnects: number;
}

/**
 * Set the page's tunnel up: resolves when the exit has given it an address. Rejects with a `MixError`, with the message
 * "tunnel already initialised" when there is one already. After `disconnectMixTunnel()` it may be called again.
 */
export declare function setupMixTunnel(options?: SetupMixTunnelOptions): Promise<void>;

/** Close the tunnel, or stop setting it up. The worker stays loaded for the next set-up. */
export declare function disconnectMixTunnel(tunnel?: string): Promise<void>;

/** The tunnel's state; "shutdown" before the first set-up. */
export declare function getTunnelState(tunnel?: string): Promise<TunnelState>;

/** Call back with every new state; the returned function stops that. */
export declare function onTunnelState(callback: (state: TunnelState) => void, tunnel?: string): () => void;

/** The tunnel's counters; rejects when there is no tunnel. */
export declare function getTunnelStats(tunnel?: string): Promise<TunnelStats>;
