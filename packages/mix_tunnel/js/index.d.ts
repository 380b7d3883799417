import type { ErrorDescription } from "./protocol.js";

export * from "./errors.js";

/** How to set the tunnel up. The names and defaults are the reference client's, and two of our own at the end. */
export interface SetupMixTunnelOptions {
  /** Name of the tunnel, where a page has several at once; each has a worker and an address of its own ("default"). */
  tunnel?: string | undefined;
  /**
   * Folder of `worker.js` and `pyodide/` on the page's own origin, relative to the page; by default the folder of these
   * modules. Pages that a bundler makes need it: `npx mix-tunnel-assets FOLDER` fills one. Read when the worker starts.
   */
  assetsUrl?: string | URL | undefined;
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
  /**
   * Resolvers asked by turns in place of these two: `IP`, `udp://IP`, `tcp://IP`, `tls://IP#NAME` or
   * `https://NAME/dns-query#IP`, each with a port if it isn't the usual one; all are reached through the tunnel.
   */
  dnsServers?: readonly string[] | undefined;
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
  /** Refuse to fetch plain http, which the exit can read and change; in redirects too. */
  httpsOnly?: boolean | undefined;
  /** Keep cookies from one fetch to the next, in a jar that lives as long as the tunnel. */
  cookies?: boolean | undefined;
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
  /** Such as "fetching_directory"; "starting_worker" is the page's own first step. */
  step: string;
  elapsedMs: number;
}

/** The published client's two parts that can end: the mixnet's side (bridge) and the Internet's (reactor). */
export type TaskName = "bridge" | "reactor";

/** Why a tunnel failed: the published client's `kind`, and what exactly happened, with a sentence for a person. */
export type FailureReason = ({ kind: "task_exited"; task: TaskName } | { kind: "task_panicked" }) &
  Required<ErrorDescription>;

interface TunnelProgress {
  /** What is going on, for a person to read. */
  step: string;
  /** The finished steps of this connecting. */
  steps: TunnelStep[];
  /** Milliseconds since this connecting began. */
  elapsedMs: number;
}

export interface TunnelConnecting extends TunnelProgress {
  state: "connecting";
  /** Why the tunnel is connecting again. */
  reason: FailureReason | null;
}

export interface TunnelReady extends TunnelProgress {
  state: "ready";
  reason: null;
}

export interface TunnelShuttingDown extends TunnelProgress {
  state: "shutting_down";
  reason: null;
}

export interface TunnelShutdown extends TunnelProgress {
  state: "shutdown";
  reason: null;
}

export interface TunnelFailed extends TunnelProgress {
  state: "failed";
  reason: FailureReason;
}

/** Where the tunnel stands. */
export type TunnelState = TunnelConnecting | TunnelReady | TunnelShuttingDown | TunnelShutdown | TunnelFailed;

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

/** The published package's name for the options. */
export type SetupMixTunnelOpts = SetupMixTunnelOptions;

/**
 * Set a tunnel up: resolves when the exit has given it an address. Rejects with a `MixError`, with the message
 * "tunnel already initialised" when there is one already. After `disconnectMixTunnel()` it may be called again.
 */
export declare function setupMixTunnel(options?: SetupMixTunnelOptions): Promise<void>;

/**
 * Start the worker before it is needed, so that a later `setupMixTunnel()` need not wait for Python: for instance when
 * a page is idle. No tunnel is set up and nothing is sent, but for the worker's own files. Resolves when it runs.
 */
export declare function preloadMixTunnel(options?: {
  tunnel?: string | undefined;
  assetsUrl?: string | URL | undefined;
}): Promise<void>;

/**
 * Close a tunnel, or stop setting it up. The default tunnel's worker stays loaded for the next set-up; that of a tunnel
 * with a name ends.
 */
export declare function disconnectMixTunnel(tunnel?: string): Promise<void>;

/** A tunnel's state; "shutdown" before the first set-up. */
export declare function getTunnelState(tunnel?: string): Promise<TunnelState>;

/**
 * Call back with every new state; the returned function stops that. The present state is no new one: ask
 * `getTunnelState()` for it.
 */
export declare function onTunnelState(callback: (state: TunnelState) => void, tunnel?: string): () => void;

/** A tunnel's counters; rejects when there is no tunnel. */
export declare function getTunnelStats(tunnel?: string): Promise<TunnelStats>;

/** Of no use: it is exported so that an import of the published package's name does not fail. */
export declare const EventKinds: Readonly<{ Loaded: "Loaded" }>;
