export { setupMixTunnel, disconnectMixTunnel, getTunnelState } from "mix-tunnel";
