export * from "./errors.js";
export { getMixTunnel } from "./handle.js";
export * from "./lifecycle.js";

/** Exported by the published package, whose worker says so when it is loaded; ours has a channel of its own for that. */
export const EventKinds = Object.freeze({ Loaded: "Loaded" });
