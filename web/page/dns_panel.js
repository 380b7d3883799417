import { clearDnsCache, resolve, reverse } from "mix-dns";

import { field, fillRows, find, make, offer, showStatus } from "./elements.js";
import { describeFailure, showFailure } from "./failure.js";
import { formatDuration, formatSum } from "./format.js";
import { startJob } from "./job.js";
import { log } from "./log.js";
import { rememberForm } from "./remembering.js";

/** @import { Playground } from "./playground.js" */

const TYPES = [
  "A", "AAAA", "CNAME", "MX", "TXT", "NS", "SOA", "SRV", "CAA", "PTR", "NAPTR", "HTTPS", "SVCB", "TLSA", "DS", "DNSKEY",
];
/** IPv4 or IPv6, roughly: the tunnel checks it properly. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[\da-f:]*:[\da-f:.]*)$/i;

/**
 * Make the panel that resolves names.
 *
 * @param {Playground | null} playground
 */
export function startDnsPanel(playground) {
  const [name, type] = [field("dns-name"), field("dns-type")];
  const form = /** @type {HTMLFormElement} */ (find("dns-form"));
  type.append(...TYPES.map((each) => make("option", "", each)));
  const site = playground?.site.name;
  name.value = site ?? "example.org";
  rememberForm(form, playground?.site.https ?? "");
  offer(find("dns-examples"), site ? makeExamples(site) : [], (example) => {
    name.value = example.name;
    type.value = example.type;
  });
  find("dns-clear").addEventListener("click", async () => {
    try {
      await clearDnsCache();
      showStatus(find("dns-said"), "the cache is empty");
    } catch (error) {
      showStatus(find("dns-said"), describeFailure(error).message, "bad");
    }
  });
  startJob({
    form,
    start: /** @type {HTMLButtonElement} */ (find("dns-send")),
    stop: find("dns-stop"),
    run: (signal) => ask(name.value.trim(), type.value, signal),
  });
}

/** @param {string} site */
function makeExamples(site) {
  return [
    { label: "address", name: site, type: "A" },
    { label: "mail", name: site, type: "MX" },
    { label: "texts", name: site, type: "TXT" },
    { label: "alias", name: `www.${site}`, type: "A" },
    { label: "umlaut", name: `bücher.${site}`, type: "A" },
    { label: "service", name: `_https._tcp.${site}`, type: "SRV" },
    { label: "HTTPS", name: site, type: "HTTPS" },
    { label: "reverse", name: "127.0.0.1", type: "PTR" },
    { label: "a long answer", name: `long.${site}`, type: "TXT" },
    { label: "no such name", name: `nothing.${site}`, type: "A" },
    { label: "no such record", name: site, type: "AAAA" },
    { label: "a broken server", name: `servfail.${site}`, type: "A" },
  ];
}

/**
 * @param {string} name
 * @param {string} type
 * @param {AbortSignal} signal
 */
async function ask(name, type, signal) {
  const isReverse = type === "PTR" && ADDRESS.test(name);
  const options = { signal, cache: field("dns-cache").checked };
  find("dns-result").hidden = false;
  find("dns-answer").hidden = true;
  showFailure(find("dns-error"), null);
  showStatus(find("dns-status"), "waiting…", "busy");
  const started = performance.now();
  try {
    const answer = isReverse ? await reverse(name, options) : await resolve(name, type, options);
    const { records } = answer;
    showStatus(find("dns-status"), formatSum(records.length, "record"), "good");
    find("dns-server").textContent = `${answer.server}, ${answer.transport}`;
    find("dns-time").textContent = answer.fromCache ? "from the cache" : formatDuration(answer.elapsedMs);
    find("dns-canonical").textContent = answer.canonicalName;
    fillRows(find("dns-records"), records.map((record) => [record.type, `${record.ttl} s`, record.text]));
    find("dns-answer").hidden = false;
    log(`DNS ${name} ${type}: ${formatSum(records.length, "record")} in ${formatDuration(performance.now() - started)}`);
  } catch (error) {
    const { code, message } = describeFailure(error);
    showStatus(find("dns-status"), code === "AbortError" ? "stopped" : "failed", "bad");
    showFailure(find("dns-error"), error);
    log(`DNS ${name} ${type}: ${message} (${code})`, "bad");
  }
}
