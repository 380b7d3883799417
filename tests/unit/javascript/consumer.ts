// A stranger's TypeScript against our declarations: it has to compile, and its mistakes have to be found.
import { createMixFetch, mixFetch, setupMixTunnel as setup } from "mix-fetch";
import {
  CallCancelled,
  MixError,
  TunnelAlreadyInitialised,
  UsageError,
  disconnectMixTunnel,
  getTunnelState,
  getTunnelStats,
  onTunnelState,
  setupMixTunnel,
  type TunnelState,
} from "mix-tunnel";

async function use(): Promise<string> {
  const stop: () => void = onTunnelState((state: TunnelState) => console.log(state.state, state.steps[0]?.elapsedMs));
  await setupMixTunnel({ preferredGateway: undefined, disableCoverTraffic: true, caCertificates: ["PEM"] });
  const sameFunction: typeof setupMixTunnel = setup;
  const fetcher: typeof fetch = mixFetch as typeof fetch;
  try {
    const response: Response = await mixFetch(new URL("https://site.test/"), { method: "POST", body: new FormData() });
    return await response.text();
  } catch (error) {
    if (error instanceof TunnelAlreadyInitialised || error instanceof UsageError || error instanceof CallCancelled) {
      return error.code;
    }
    if (error instanceof MixError) {
      const asTypeError: TypeError = error;
      return `${asTypeError.message} ${error.retryable} ${JSON.stringify(error.fields)}`;
    }
    throw error;
  } finally {
    const { bytesSent, roundTripMs } = await getTunnelStats();
    console.log(bytesSent + (roundTripMs ?? 0), (await getTunnelState()).reason?.code, sameFunction, fetcher);
    await disconnectMixTunnel();
    stop();
  }
}

// @ts-expect-error: there is no such option
void setupMixTunnel({ preferredNetworkRequester: "x" });
// @ts-expect-error: a number of milliseconds
void setupMixTunnel({ connectTimeoutMs: "soon" });
// @ts-expect-error: no such state
const wrong: TunnelState["state"] = "idle";
// @ts-expect-error: it promises a function
const notAFunction: number = createMixFetch();

void [use, wrong, notAFunction];
