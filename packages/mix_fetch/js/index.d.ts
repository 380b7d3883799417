import type { SetupMixTunnelOptions } from "mix-tunnel";

export {
  setupMixTunnel,
  disconnectMixTunnel,
  getMixTunnel,
  getTunnelState,
  onTunnelState,
  getTunnelStats,
  MixError,
} from "mix-tunnel";
export type { SetupMixTunnelOptions, SetupMixTunnelOptions as SetupMixTunnelOpts, TunnelState, TunnelStats } from "mix-tunnel";

/**
 * What `mixFetch` understands beside the URL: `fetch`'s own options, and a few more.
 *
 * `mode`, `cache`, `referrer`, `referrerPolicy`, `keepalive`, `priority` and `window` are for browsers alone and are
 * passed over.
 */
export interface MixFetchInit extends Omit<RequestInit, "body"> {
  /** All that `fetch` takes, and asynchronous iterables; a stream needs no `duplex`. */
  body?: BodyInit | ArrayBufferView | AsyncIterable<Uint8Array> | null | undefined;
  /** Streams are sent as they come; the answer is read beside that. */
  duplex?: "half" | undefined;
  /** Redirects to follow before the request fails, from 0 to 100; the tunnel's by default (5). */
  maxRedirects?: number | undefined;
  /** Milliseconds for everything, the body's last byte included. */
  timeoutMs?: number | undefined;
  /** Milliseconds for a new connection: name, TCP and TLS; the tunnel's `connectTimeoutMs` by default. */
  connectTimeoutMs?: number | undefined;
  /** Milliseconds from the request's last byte to the response's headers (300000). */
  responseTimeoutMs?: number | undefined;
  /** Milliseconds without any byte of the body (300000). */
  idleTimeoutMs?: number | undefined;
  /** Name of the tunnel to use, where a page has several. */
  tunnel?: string | undefined;
}

/**
 * Fetch over the mixnet, as `fetch()` does: a real `Response` whose body streams, whatever its status.
 *
 * What differs from `fetch()`: `set-cookie` headers can be read, every request header can be set, and
 * `redirect: "manual"` gives the redirect itself. Cookies are kept only by a tunnel that was set up with `cookies: true`.
 * Rejects with a `MixError`, which is a `TypeError` with a `code`, or with the signal's reason when it is aborted.
 */
export declare function mixFetch(input: string | URL | Request, init?: MixFetchInit): Promise<Response>;

/** Set the tunnel up and return `mixFetch` for it. */
export declare function createMixFetch(options?: SetupMixTunnelOptions): Promise<typeof mixFetch>;

/** A cookie of a tunnel's jar, as JSON. */
export interface MixCookie {
  name: string;
  value: string;
  /** The host that set it, or the domain that it said. */
  domain: string;
  /** Whether it goes to this host alone, and not to those below it. */
  hostOnly: boolean;
  path: string;
  /** Seconds since 1970; null for the life of the tunnel. */
  expires: number | null;
  secure: boolean;
  httpOnly: boolean;
  sameSite: "default" | "lax" | "strict" | "none";
}

/** Which tunnel is meant, where a page has several. */
export interface TunnelChoice {
  tunnel?: string | undefined;
}

/** All cookies of the tunnel's jar, to be kept or looked at; empty unless the tunnel was set up with `cookies: true`. */
export declare function exportCookies(choice?: TunnelChoice): Promise<MixCookie[]>;

/** Put cookies into the tunnel's jar, as `exportCookies` gave them; a wrong one rejects, and then none is added. */
export declare function importCookies(
  cookies: readonly (Pick<MixCookie, "name" | "value" | "domain"> & Partial<MixCookie>)[],
  choice?: TunnelChoice,
): Promise<void>;

/** Forget every cookie of the tunnel's jar. */
export declare function clearCookies(choice?: TunnelChoice): Promise<void>;
