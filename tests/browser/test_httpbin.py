"""`mixFetch` asks all of httpbin in one page: its column of the table in docs/httpbin.md."""

from __future__ import annotations

import base64
import ssl
from typing import Any

import httpx
from support.httpbin_cases import CASES, Case, Outcome
from support.httpbin_site import httpbin_site
from support.httpbin_table import check_column, summarize
from support.threaded import in_thread
from support.tls_server import authority, pem_of

ASK = """
  const { clearCookies } = await import("/mix-fetch/index.js");
  await disconnectMixTunnel();
  const trusting = { ...options, caCertificates: [values.ca] };
  await setupMixTunnel(trusting);
  await setupMixTunnel({ ...trusting, cookies: true, tunnel: "jar" });

  const encode = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const ask = async ({ url, method, headers, body, cookies }) => {
    const bytes = body === null ? undefined : Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    const response = await mixFetch(url, { method, headers, body: bytes, tunnel: cookies ? "jar" : undefined });
    return { status: response.status, url: response.url, headers: [...response.headers],
      body: encode(new Uint8Array(await response.arrayBuffer())) };
  };

  const results = new Array(values.requests.length);
  const work = async (queue) => {
    for (let item = queue.shift(); item; item = queue.shift()) results[item.index] = await ask(item);
  };
  const together = values.requests.filter((item) => !item.alone);
  const alone = values.requests.filter((item) => item.alone && !item.cookies);
  await Promise.all([...Array(8).fill(together), alone].map(work));
  for (const item of values.requests.filter((each) => each.cookies)) {
    await clearCookies({ tunnel: "jar" });
    await work([item]);
  }
  return results;
"""


def request_of(index: int, case: Case, origin: str) -> dict[str, Any]:
    return {
        "index": index,
        "url": origin + case.path,
        "method": case.method,
        "headers": case.all_headers,
        "body": None if case.body is None else base64.b64encode(case.body).decode(),
        "alone": case.draws or case.cookies,
        "cookies": case.cookies,
    }


def ask_directly(origin: str, case: Case) -> Outcome:
    context = ssl.create_default_context(cadata=pem_of(authority()))
    with httpx.Client(verify=context, follow_redirects=True, timeout=60) as client:
        response = client.request(case.method, origin + case.path, headers=case.all_headers, content=case.body)
        # A page's Headers joins what is repeated, apart from cookies.
        joined = [(name, value) for name, value in response.headers.items() if name != "set-cookie"]
        cookies = [("set-cookie", value) for value in response.headers.get_list("set-cookie")]
        return Outcome.of(case, response.status_code, str(response.url), [*joined, *cookies], response.content)


def test_every_endpoint(api: Any):
    with in_thread(httpbin_site()) as origin:
        requests = [request_of(index, case, origin) for index, case in enumerate(CASES)]
        answers = api(ASK, ca=pem_of(authority()), requests=requests)
        found = {}
        for case, answer in zip(CASES, answers, strict=True):
            body = base64.b64decode(answer["body"])
            headers = [(name, value) for name, value in answer["headers"]]
            got = Outcome.of(case, answer["status"], answer["url"], headers, body)
            found[case] = got.difference(ask_directly(origin, case))
    check_column("mixFetch", summarize(found))
