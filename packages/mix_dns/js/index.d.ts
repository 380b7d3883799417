export { setupMixTunnel, disconnectMixTunnel, getTunnelState, onTunnelState, getTunnelStats, MixError } from "mix-tunnel";
export type {
  SetupMixTunnelOptions,
  SetupMixTunnelOptions as SetupMixTunnelOpts,
  TunnelState,
  TunnelStats,
} from "mix-tunnel";

/** Which tunnel is meant, where a page has several. */
export interface TunnelChoice {
  /** Name of the tunnel to use. */
  tunnel?: string | undefined;
}

/** What any lookup takes. */
export interface LookupOptions extends TunnelChoice {
  /** Milliseconds for this lookup, up to an hour; the tunnel's `dnsTimeoutMs` by default. */
  timeoutMs?: number | undefined;
  /** Gives the lookup up; it stops in the tunnel unless others wait for the same. */
  signal?: AbortSignal | undefined;
  /** False asks a server anew, whatever was answered before. */
  cache?: boolean | undefined;
}

/**
 * A type's parts by the names that its RFC gives them. Domain names have no final dot (the root is "."); bytes are
 * hexadecimal or base64, as zone files have them.
 */
export interface RecordData {
  A: { address: string };
  AAAA: { address: string };
  CNAME: { target: string };
  MX: { preference: number; exchange: string };
  /** `strings` as they came, and `text`, which is all of them in one. */
  TXT: { strings: string[]; text: string };
  NS: { target: string };
  SOA: {
    mname: string;
    rname: string;
    serial: number;
    /** This one and the next three are seconds. */
    refresh: number;
    retry: number;
    expire: number;
    minimum: number;
  };
  SRV: { priority: number; weight: number; port: number; target: string };
  CAA: { flags: number; critical: boolean; tag: string; value: string };
  PTR: { target: string };
  NAPTR: {
    order: number;
    preference: number;
    flags: string;
    service: string;
    regexp: string;
    replacement: string;
  };
  HTTPS: ServiceBinding;
  SVCB: ServiceBinding;
  /** `certificate` is hexadecimal. */
  TLSA: { usage: number; selector: number; matchingType: number; certificate: string };
  /** `digest` is hexadecimal. */
  DS: { keyTag: number; algorithm: number; digestType: number; digest: string };
  /** `key` is base64. */
  DNSKEY: { flags: number; protocol: number; algorithm: number; key: string; keyTag: number };
}

/** RFC 9460. A `priority` of 0 makes it an alias for `target`. */
export interface ServiceBinding {
  priority: number;
  target: string;
  params: {
    alpn?: string[];
    noDefaultAlpn?: true;
    port?: number;
    ipv4hint?: string[];
    ipv6hint?: string[];
    /** Base64. */
    ech?: string;
    dohpath?: string;
    /** Names of the parameters that a client has to understand. */
    mandatory?: string[];
    /** Others by their name, or by "key" and their number: base64, or true where there is no value. */
    [key: string]: unknown;
  };
}

export type RecordType = keyof RecordData;

/** One record of an answer. */
export type DnsRecord<T extends RecordType = RecordType> = T extends RecordType
  ? {
      type: T;
      /** Seconds for which it may still be believed; counts down while the answer is kept. */
      ttl: number;
      /** What a zone file would say behind the type. */
      text: string;
      data: RecordData[T];
    }
  : never;

/** All that was asked for, and where it came from. */
export interface DnsAnswer<T extends RecordType = RecordType> {
  /** What was asked for, in normal form. */
  name: string;
  /** What kind of records was asked for, such as "MX". */
  type: T;
  /** The name that has the records: `name`, or where its aliases (CNAME) lead. */
  canonicalName: string;
  /** The server that answered, as an address or a URL. */
  server: string;
  /** How its answer came. */
  transport: "udp" | "tcp" | "tls" | "https";
  /** Whether the answer had been kept from an earlier lookup. */
  fromCache: boolean;
  /** Milliseconds that this lookup took. */
  elapsedMs: number;
  /** In the server's order; never empty. */
  records: DnsRecord<T>[];
}

/**
 * Resolve a host name through the mixnet to its IPv4 address, such as "192.0.2.1"; an IP address is returned as it is.
 *
 * The tunnel must be set up by `setupMixTunnel()`. Rejects with a `MixError` whose `code` begins with "dns." (such as
 * "dns.name_not_found"), or with the signal's reason.
 */
export declare function mixDNS(hostname: string, options?: LookupOptions): Promise<string>;

/**
 * All records of one type (A by default), with the canonical name and who answered. A name without any rejects with
 * "dns.name_not_found" when it does not exist, and with "dns.no_data" ("dns.no_address" for A) when it does.
 */
export declare function resolve(name: string, type?: undefined, options?: LookupOptions): Promise<DnsAnswer<"A">>;
export declare function resolve<T extends RecordType | Lowercase<RecordType>>(
  name: string,
  type: T,
  options?: LookupOptions,
): Promise<DnsAnswer<Uppercase<T> & RecordType>>;
export declare function resolve(name: string, type: string, options?: LookupOptions): Promise<DnsAnswer>;

/** The names of an IP address. */
export declare function reverse(ip: string, options?: LookupOptions): Promise<DnsAnswer<"PTR">>;

/** Forget every answer that the tunnel keeps, for fetches and WebSockets too. */
export declare function clearDnsCache(choice?: TunnelChoice): Promise<void>;
