// A stranger's TypeScript against mix-dns: it has to compile, and its mistakes have to be found.
import { clearDnsCache, mixDNS, resolve, reverse, setupMixTunnel, type DnsAnswer, type SetupMixTunnelOpts } from "mix-dns";

async function use(type: string): Promise<string[]> {
  const options: SetupMixTunnelOpts = { dnsServers: ["tls://192.0.2.53#dns.test", "192.0.2.54"] };
  await setupMixTunnel(options);
  const address: string = await mixDNS("a.test", { timeoutMs: 5_000, signal: AbortSignal.timeout(1) });
  const mail = await resolve("a.test", "MX", { cache: false });
  const exchange: string = mail.records[0]!.data.exchange;
  const spelt = await resolve("a.test", "txt");
  const text: string = spelt.records[0]!.data.text;
  const plain: string = (await resolve("a.test")).records[0]!.data.address;
  const answer: DnsAnswer = await resolve("a.test", type);
  const known = answer.records.map((record) => {
    switch (record.type) {
      case "SRV":
        return `${record.data.port + record.data.weight} ${record.data.target}`;
      case "HTTPS":
        return record.data.params.alpn?.join() ?? "";
      default:
        return record.text;
    }
  });
  const names = (await reverse("192.0.2.1", { tunnel: "work" })).records.map(({ data }) => data.target);
  await clearDnsCache();
  return [address, exchange, text, plain, ...known, ...names];
}

// @ts-expect-error: a host name
void mixDNS(7);
// @ts-expect-error: milliseconds
void resolve("a.test", "A", { timeoutMs: "soon" });
// @ts-expect-error: there is no such option
void reverse("192.0.2.1", { server: "192.0.2.53" });
// @ts-expect-error: MX records have no address
void resolve("a.test", "MX").then(({ records }) => records[0]!.data.address);

void use;
