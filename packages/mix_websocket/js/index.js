export {
  setupMixTunnel,
  disconnectMixTunnel,
  getTunnelState,
  onTunnelState,
  getTunnelStats,
  MixError,
} from "mix-tunnel";
export { MixWebSocket } from "./mix_websocket.js";
