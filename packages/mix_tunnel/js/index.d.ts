import type { ErrorDescription } from "./protocol.js";

export * from "./errors.js";

/**
 * How to set the tunnel up. Names and defaults are the reference client's, but for the default of `tcpBufferSize`; some
 * options are our own.
 */
export interface SetupMixTunnelOptions {
  /** Name of the tunnel, where a page has several at once; each has a worker and an address of its own ("default"). */
  tunnel?: string | undefined;
  /**
   * Folder of `worker.js` and `pyodide/` on the page's own origin, relative to the page; by default the folder of these
   * modules. Pages that a bundler makes need it: `npx --no-install mix-tunnel-assets FOLDER` fills one. Read when the worker starts.
   */
  assetsUrl?: string | URL | undefined;
  /**
   * Share the tunnel with the other pages of this origin that set it up so, with the same name and options (false): one
   * worker, one address and one set of cover traffic for all of them. A browser that can't gives the page a tunnel of its
   * own, and a warning in the state.
   */
  shared?: boolean | undefined;
  /** Nym address of the exit's IP packet router; by default one is chosen. */
  preferredIpr?: string | undefined;
  /** Base58 identity of the entry gateway; by default one is chosen. */
  preferredGateway?: string | undefined;
  /** Name under which the client's keys are kept, with `storagePassphrase`. */
  clientId?: string | undefined;
  /**
   * Keep the client's keys, and so its Nym address, in this browser (IndexedDB), encrypted with this passphrase; by
   * default they are forgotten, and every tunnel is a stranger to its gateway.
   */
  storagePassphrase?: string | undefined;
  /** Use only gateways with `wss://` (true); a gateway on a loopback address is always allowed. */
  forceTls?: boolean | undefined;
  /**
   * Take routes too whose nodes belong to one operator, address or network (/24, or /48 of IPv6), who could see both
   * ends (false); where all nodes are on loopback only one and the same node is refused.
   */
  allowCloseNodes?: boolean | undefined;
  /** Send packets at once instead of at random times, and no cover when there is nothing to send. */
  disablePoissonTraffic?: boolean | undefined;
  /** Switch the additional stream of cover packets off. */
  disableCoverTraffic?: boolean | undefined;
  /** Reply SURBs given to the exit with the opening message (10). */
  openReplySurbs?: number | undefined;
  /** Reply SURBs given to the exit with every further message (2). */
  dataReplySurbs?: number | undefined;
  /**
   * Where the exit can (ours do), let every packet that leaves bring exactly one back (true), so that the direction
   * towards you tells no more than the other; not with `disablePoissonTraffic`. It bounds downloads to some 70 kB/s.
   */
  balancedReplies?: boolean | undefined;
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
  /**
   * Bytes of each TCP send and receive buffer (262144): what one connection may have on its way during a round trip, and
   * half of the memory that it may take.
   */
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
  /**
   * Base58 keys of directories that sign what they list together; then only what enough of them have signed is accepted,
   * whichever of them `directoryUrl` is, and none of them alone can choose the nodes for you.
   */
  directoryKeys?: string | readonly string[] | undefined;
  /** How many of these keys must have signed; by default more than half. */
  directoryQuorum?: number | null | undefined;
  /** Further trusted certificate authorities, as PEM texts, beside the public roots. */
  caCertificates?: string | readonly string[] | undefined;
}

export type TunnelStateName = "connecting" | "ready" | "shutting_down" | "shutdown" | "failed";

/** A step of connecting that is over. */
export interface TunnelStep {
  /** Such as "fetching_directory"; "starting_worker" is the page's own first step. */
  step: string;
  elapsedMs: number;
  /** Why the step led nowhere; null if it succeeded. */
  error: Required<ErrorDescription> | null;
}

/** The published client's two parts that can end: the mixnet's side (bridge) and the Internet's (reactor). */
export type TaskName = "bridge" | "reactor";

/** Why a tunnel failed: the published client's `kind`, and what exactly happened, with a sentence for a person. */
export type FailureReason = ({ kind: "task_exited"; task: TaskName } | { kind: "task_panicked" }) &
  Required<ErrorDescription>;

interface TunnelProgress {
  /** What is going on, for a person to read; empty before the first set-up. */
  step: string;
  /** The steps of this connecting that are over; of very many the last ones. */
  steps: TunnelStep[];
  /** Milliseconds since this connecting began. */
  elapsedMs: number;
  /** What is not as it should be though the tunnel works, such as an identity that could not be kept. */
  warnings: Required<ErrorDescription>[];
  /** How many of the directories in `directoryKeys` vouch for the nodes; 0 where one directory lists them, unsigned. */
  directorySignatures: number;
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

/** Counters since the tunnel was set up, which only grow, and a few figures of this moment. */
export interface TunnelStats {
  /** Sphinx packets that carry a fragment of a message for the first time. */
  realPacketsSent: number;
  /** Sphinx packets that carry nothing: loop cover, or with balanced replies a reply SURB alone. */
  coverPacketsSent: number;
  /** Sphinx packets that carry a fragment again, because its acknowledgement stayed away. */
  retransmittedPackets: number;
  /** Acknowledgements of our fragments. */
  acksReceived: number;
  /** Packets with nothing in them that came: loop cover, and with balanced replies those without an answer. */
  coverPacketsReceived: number;
  /** Payloads pushed by the entry gateway that could not be opened. */
  packetsDropped: number;
  /** Reply SURBs handed to exits: what they may answer with, one for each packet of an answer. */
  replySurbsGiven: number;
  /** Reply SURBs that the exit holds now: given minus used; those lost on the way count as held for a day. */
  surbsHeld: number;
  /** Messages that came back by reply SURBs. */
  repliesReceived: number;
  /** Bytes of the IP packets sent through the exit, their headers included. */
  bytesSent: number;
  /** Bytes of the IP packets received through the exit, their headers included. */
  bytesReceived: number;
  /** Milliseconds from sending a fragment to its acknowledgement, a moving average; null before the first. */
  roundTripMs: number | null;
  /** Times the connection to an entry gateway was lost and made again. */
  gatewayReconnects: number;
  /** TCP connections that are open now, those under TLS and those kept for reuse included. */
  openConnections: number;
  /** Milliseconds since the tunnel was ready for the first time. */
  uptimeMs: number;
}

export interface TcpConnectOptions {
  /** A host name, resolved through the tunnel, or an IP address. */
  host: string;
  /** 1 to 65535. */
  port: number;
  /** Stops the connecting; later, resets the connection. */
  signal?: AbortSignal | undefined;
}

export interface TlsConnectOptions extends TcpConnectOptions {
  /** Application protocols to offer, most wanted first; none by default. */
  alpn?: readonly string[] | undefined;
}

/** A TCP connection that leaves at the exit; with `tlsConnect`, encrypted as far as the server. */
export interface TcpSocket {
  /**
   * What arrives; ends at the other side's half-close, has an error when the connection breaks. Who does not read lets
   * the other side wait. Cancelling it lets `writable` go on.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * What is sent. A write is done when the tunnel has taken the bytes; `close()` is the half-close, after which
   * `readable` goes on; `abort()` resets the connection.
   */
  readonly writable: WritableStream<BufferSource>;
  /** Resolves when both directions have ended in order; rejects with what broke the connection. */
  readonly closed: Promise<void>;
  /** The tunnel's address on the Internet, as the exit gave it. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The application protocol that the server chose; null without TLS, or when it chose none. */
  readonly alpn: string | null;
  /** Close both directions: what has been written is still sent, what arrives from now on is dropped. */
  close(): Promise<void>;
}

/** A UDP datagram: to whom it goes, or from whom it came. */
export interface Datagram {
  /** At most 65507 bytes; paths may carry less. */
  data: BufferSource;
  /** A host name or an IP address; what arrives has the address. */
  host: string;
  port: number;
}

/** An unconnected UDP socket whose datagrams leave at the exit. They may be lost, as datagrams may. */
export interface UdpSocket {
  /** What arrives. What comes faster than it is read is dropped, once 256 KiB wait. Cancelling it closes the socket. */
  readonly readable: ReadableStream<Datagram & { data: Uint8Array<ArrayBuffer> }>;
  /** What is sent. It has an error when a name can't be resolved, or a datagram can't be one. */
  readonly writable: WritableStream<Datagram>;
  /** Resolves when the socket is closed; rejects with what broke it. */
  readonly closed: Promise<void>;
  /** Send what has been written, then free the port. */
  close(): Promise<void>;
}

/** A tunnel by its name, whether it is set up or not. All that fails rejects with a `MixError`. */
export interface MixTunnel {
  readonly state: TunnelState;
  /** As `getTunnelStats()`. */
  stats(): Promise<TunnelStats>;
  /** Open a TCP connection. */
  tcpConnect(options: TcpConnectOptions): Promise<TcpSocket>;
  /** Open a TLS connection that ends in this page: certificate and host name are verified. */
  tlsConnect(options: TlsConnectOptions): Promise<TcpSocket>;
  /** Open a UDP socket. */
  udpSocket(options?: { signal?: AbortSignal | undefined }): Promise<UdpSocket>;
  setupMixTunnel(options?: SetupMixTunnelOptions): Promise<void>;
  disconnectMixTunnel(): Promise<void>;
  getTunnelState(): Promise<TunnelState>;
}

/** The published package's name for the options. */
export type SetupMixTunnelOpts = SetupMixTunnelOptions;

/**
 * Set a tunnel up: resolves when the exit has given it an address. Rejects with a `MixError`, with the message
 * "tunnel already initialised" when there is one already. After `disconnectMixTunnel()` it may be called again.
 *
 * Nobody has to wait for it: requests that are made from then on wait until the tunnel is ready, and fail as the set-up does.
 */
export declare function setupMixTunnel(options?: SetupMixTunnelOptions): Promise<void>;

/**
 * Start the worker before it is needed, so that a later `setupMixTunnel()` need not wait for Python: for instance when
 * a page is idle. No tunnel is set up and nothing is sent, but for the worker's own files. Resolves when it runs.
 */
export declare function preloadMixTunnel(options?: {
  tunnel?: string | undefined;
  assetsUrl?: string | URL | undefined;
  shared?: boolean | undefined;
}): Promise<void>;

/**
 * Close a tunnel, or stop setting it up. The default tunnel's worker stays loaded for the next set-up; that of a tunnel
 * with a name ends. A shared tunnel is left, and goes on as long as other pages are in it.
 */
export declare function disconnectMixTunnel(tunnel?: string): Promise<void>;

/** A tunnel's state; before the first set-up "connecting", as in the published package, with an empty `step`. */
export declare function getTunnelState(tunnel?: string): Promise<TunnelState>;

/**
 * Call back with every new state; the returned function stops that. The present state is no new one: ask
 * `getTunnelState()` for it.
 */
export declare function onTunnelState(callback: (state: TunnelState) => void, tunnel?: string): () => void;

/** A tunnel's counters; rejects when there is no tunnel. */
export declare function getTunnelStats(tunnel?: string): Promise<TunnelStats>;

/**
 * Call back with a tunnel's counters again and again, for as long as there is a tunnel, be it this one or the next; the
 * returned function stops that. `intervalMs` is the time between two calls, from 50 (1000).
 */
export declare function onTunnelStats(
  callback: (stats: TunnelStats) => void,
  options?: { intervalMs?: number | undefined; tunnel?: string | undefined },
): () => void;

/** A tunnel's handle, for raw sockets. It sets nothing up. */
export declare function getMixTunnel(tunnel?: string): Promise<MixTunnel>;

/** Of no use: it is exported so that an import of the published package's name does not fail. */
export declare const EventKinds: Readonly<{ Loaded: "Loaded" }>;
