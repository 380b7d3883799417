// Whatever compiles against the published packages compiles against ours: each of our exports can stand for theirs.
import { expectTypeOf } from "expect-type";
import type * as publishedDns from "@nymproject/mix-dns";
import type * as publishedFetch from "@nymproject/mix-fetch";
import type * as publishedTunnel from "@nymproject/mix-tunnel";
import type * as publishedWebSocket from "@nymproject/mix-websocket";

import * as dns from "mix-dns";
import * as fetching from "mix-fetch";
import * as tunnel from "mix-tunnel";
import * as websocket from "mix-websocket";

// Each facade's lifecycle, and their options' type under their name.
expectTypeOf(tunnel.setupMixTunnel).toExtend<typeof publishedTunnel.setupMixTunnel>();
expectTypeOf(tunnel.disconnectMixTunnel).toExtend<typeof publishedTunnel.disconnectMixTunnel>();
expectTypeOf<publishedFetch.SetupMixTunnelOpts>().toExtend<fetching.SetupMixTunnelOpts>();
expectTypeOf(fetching.setupMixTunnel).toEqualTypeOf(tunnel.setupMixTunnel);
expectTypeOf(dns.setupMixTunnel).toEqualTypeOf(tunnel.setupMixTunnel);
expectTypeOf(websocket.setupMixTunnel).toEqualTypeOf(tunnel.setupMixTunnel);
expectTypeOf(dns.getTunnelState).toEqualTypeOf(tunnel.getTunnelState);
expectTypeOf(websocket.disconnectMixTunnel).toEqualTypeOf(tunnel.disconnectMixTunnel);

// States: the same names, and a failed one's reason has a kind.
type PublishedState = Awaited<ReturnType<typeof publishedTunnel.getTunnelState>>;
expectTypeOf<tunnel.TunnelState["state"]>().toEqualTypeOf<PublishedState["state"]>();
expectTypeOf<NonNullable<tunnel.TunnelState["reason"]>["kind"]>().toExtend<string>();

expectTypeOf(fetching.mixFetch).toExtend<typeof publishedFetch.mixFetch>();
expectTypeOf(fetching.createMixFetch).toExtend<typeof publishedFetch.createMixFetch>();
expectTypeOf(dns.mixDNS).toExtend<typeof publishedDns.mixDNS>();

// Both classes' instances have private members, so they are compared by what a page can see.
type Seen<T> = { [K in keyof T]: T[K] };
expectTypeOf<Seen<websocket.MixWebSocket>>().toExtend<Seen<publishedWebSocket.MixWebSocket>>();
expectTypeOf<ConstructorParameters<typeof publishedWebSocket.MixWebSocket>>().toExtend<
  ConstructorParameters<typeof websocket.MixWebSocket>
>();
expectTypeOf<websocket.MixWebSocketReadyState>().toEqualTypeOf<publishedWebSocket.MixWebSocketReadyState>();

// And where the browser's own are wanted, ours will do.
expectTypeOf<typeof fetching.mixFetch>().toExtend<typeof fetch>();
expectTypeOf<Omit<websocket.MixWebSocket, "close" | "send" | "addEventListener" | "removeEventListener" | `on${string}`>>()
  .toExtend<Omit<WebSocket, "close" | "send" | "addEventListener" | "removeEventListener" | `on${string}`>>();
expectTypeOf<Parameters<WebSocket["send"]>[0]>().toExtend<Parameters<websocket.MixWebSocket["send"]>[0]>();

// A lookup's records have the parts of their type.
expectTypeOf<Awaited<ReturnType<typeof dns.reverse>>["records"][number]["data"]>().toEqualTypeOf<{ target: string }>();
