// The page of the published client, which is used as its README says.
import { mixDNS } from "@nymproject/mix-dns";
import { mixFetch } from "@nymproject/mix-fetch";
import { getMixTunnel, setupMixTunnel } from "@nymproject/mix-tunnel";
import { MixWebSocket } from "@nymproject/mix-websocket";

import { echoing, hold } from "./page.js";

hold({
  preload: getMixTunnel,
  workerReady: getMixTunnel,
  setup: setupMixTunnel,
  fetch: mixFetch,
  resolve: mixDNS,
  async webSocket(url) {
    const socket = new MixWebSocket(url);
    await socket.opened();
    return echoing(socket);
  },
});
