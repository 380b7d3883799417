import { disconnectMixTunnel, getTunnelState, getTunnelStats, setupMixTunnel } from "./lifecycle.js";
import { connectTcp, connectTls } from "./sockets.js";
import { DEFAULT_TUNNEL, findTunnel } from "./tunnels.js";
import { openUdp } from "./udp_socket.js";

/** @import { MixTunnel, SetupMixTunnelOptions } from "./index.js" */

/** @type {typeof import("./index.js").getMixTunnel} */
export async function getMixTunnel(tunnel = DEFAULT_TUNNEL) {
  findTunnel(tunnel); // throws for what can't be a name
  return new TunnelHandle(tunnel);
}

/**
 * A tunnel by its name, whether it is set up or not.
 * @implements {MixTunnel}
 */
class TunnelHandle {
  #name;

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  get state() {
    return findTunnel(this.#name).state;
  }

  stats() {
    return getTunnelStats(this.#name);
  }

  /** @type {MixTunnel["tcpConnect"]} */
  async tcpConnect(options) {
    return connectTcp(this.#name, { ...options });
  }

  /** @type {MixTunnel["tlsConnect"]} */
  async tlsConnect(options) {
    return connectTls(this.#name, { ...options });
  }

  /** @type {MixTunnel["udpSocket"]} */
  async udpSocket(options) {
    return openUdp(this.#name, { ...options });
  }

  /** @param {SetupMixTunnelOptions} [options] */
  setupMixTunnel(options) {
    return setupMixTunnel({ ...options, tunnel: this.#name });
  }

  disconnectMixTunnel() {
    return disconnectMixTunnel(this.#name);
  }

  getTunnelState() {
    return getTunnelState(this.#name);
  }
}
