/** What keeps a network from starting, or a command from being done. */
export class MixNetworkError extends Error {
  /**
   * Stable: `testing.not_installed`, `testing.not_ready`, `testing.ended`, `testing.no_answer`, or the code that the network
   * gave, such as `network.unknown_node`.
   */
  readonly code: string;
  /** Facts for programs. */
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(message: string, options: { code: string; fields?: Record<string, unknown>; cause?: unknown });
}

/** How the network is to be. */
export interface MixNetworkOptions {
  /** Layers times mix nodes in each: `"3x1"` by default, `"3x3"` … */
  mixes?: string;
  /** How many entry gateways. */
  entries?: number;
  /** How many exit gateways. */
  exits?: number;
  /** Length of an epoch, such as `"60s"`; each epoch then draws the layers anew. */
  epoch?: string;
  /** Links to emulate: `"home"`, `"mobile"`, `"mainnet"`, `"delay=80ms loss=1%"` … */
  link?: string;
  /** Servers of this machine that clients may reach through it: true for all ports, which is the default, or these. */
  allowLocal?: boolean | number[];
  /** Origins of other machines whose pages may use it too. */
  allowOrigins?: string[];
  /** Addresses by name; by default `app.test` is this machine, and there are no other names. */
  hosts?: Record<string, string>;
  /** More of what `mix-network up --help` lists. */
  arguments?: string[];
  /** The command to start, if it is not found by itself: `["mix-network"]`, `["python3", "-m", "mix_network"]` … */
  command?: string[];
  /** How long it may take until it is ready, in milliseconds; 60,000 by default. */
  timeoutMs?: number;
}

/** A node, with its counters. */
export interface MixNetworkNode {
  name: string;
  role: "entry-gateway" | "mix-node" | "exit-gateway";
  state: "running" | "slow" | "stopped" | "killed";
  layer?: number | null;
  received: number;
  forwarded: number;
  dropped: Record<string, number>;
  [counter: string]: unknown;
}

/** A network that runs. */
export interface MixNetwork {
  /** The directory's API over http, for `setupMixTunnel({ directoryUrl })`. */
  readonly directoryUrl: string;
  /** A page with the network's picture. */
  readonly statusUrl: string;
  /** Everything that `mix-network up --json` has said. */
  readonly description: Record<string, unknown>;
  /** Every node with its state and counters, the epoch, and what the exits do. */
  status(): Promise<{ nodes: MixNetworkNode[]; [more: string]: unknown }>;
  /** Add a mix node, to this layer or to the smallest; gives its name. */
  addMix(layer?: number): Promise<string>;
  /** End a node as SIGKILL does. */
  kill(node: string): Promise<void>;
  /** End a node, if it still runs, and start it again on its ports, with its keys. */
  restart(node: string): Promise<void>;
  /** Let a node do nothing any more, as SIGSTOP does. */
  stop(node: string): Promise<void>;
  /** Let what a node sends, and exchanges with clients, take links like this; `"delay=500ms"` by default. */
  slow(node: string, link?: string): Promise<void>;
  /** Undo `stop` and `slow`. */
  resume(node: string): Promise<void>;
  /** Change all nodes' Sphinx keys now; gives the new rotation's number. */
  rotateKeys(): Promise<number>;
  /** Make all links like this from now on. */
  setLink(link: string): Promise<void>;
  /** End the network. */
  close(): Promise<void>;
}

/**
 * Start a mixnet of its own; resolves when it is ready. It ends with `close`, or with this process, however that ends.
 *
 * Rejects with a `MixNetworkError`: `testing.not_installed` where there is no Python with `mix_network`.
 */
export function startMixNetwork(options?: MixNetworkOptions): Promise<MixNetwork>;
