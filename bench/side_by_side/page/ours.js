// The page of this project's client.
import { mixDNS } from "mix-dns";
import { mixFetch } from "mix-fetch";
import { onTunnelState, preloadMixTunnel, setupMixTunnel } from "mix-tunnel";
import { MixWebSocket } from "mix-websocket";

import { echoing, hold } from "./page.js";

const assetsUrl = "/mix-tunnel/";

hold({
  preload: () => preloadMixTunnel({ assetsUrl }),
  // A call of preloadMixTunnel would start the worker, too, and so could change what is measured.
  workerReady: () =>
    new Promise((resolve) => {
      onTunnelState(({ state, steps }) => {
        if (state === "ready" || steps.some(({ step }) => step === "starting_worker")) {
          resolve(undefined);
        }
      });
    }),
  setup: (options) => setupMixTunnel({ ...options, assetsUrl }),
  fetch: mixFetch,
  resolve: mixDNS,
  async webSocket(url) {
    const socket = new MixWebSocket(url);
    await socket.opened();
    return echoing(socket);
  },
});
