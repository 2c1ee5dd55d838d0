import assert from "node:assert/strict";
import { parseExposition } from "../support/exposition.ts";
import { addVxlan } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { done, makeQuietNamespace, openHost } from "./host.ts";
import { assertScriptShows } from "./metrics_script.ts";
import { scrape, scrapeRepeatedly } from "./scrape.ts";
import { openTlsHost } from "./tls_host.ts";

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

Deno.test("GET /metrics shows exactly what a script of calls and a lost route have changed", async () => {
  await using host = await openHost();
  await assertScriptShows(host, async () => {
    const { status, text } = await scrape(host.namespace, { accept: OPENMETRICS });
    assert.equal(status, "200 OK");
    return parseExposition(text, "openmetrics").flatMap(({ samples }) => samples);
  });
});

Deno.test("GET /metrics is answered over TLS in HTTP/1.1 and HTTP/2, to a client with a certificate", async () => {
  await using host = await openTlsHost();
  const { authority, namespace } = host;
  const prometheus = await authority.issue("prometheus");
  const [ca = "", cert = "", key = ""] = [
    authority.cert,
    prometheus.cert,
    prometheus.key,
  ].map((path) => Deno.readTextFileSync(path));
  const tls = { port: 50051, caCerts: [ca], cert, key };
  for (const alpnProtocols of [[], ["http/1.1"]]) {
    const options = { tls: { ...tls, alpnProtocols }, accept: OPENMETRICS };
    const { contentType, text } = await scrape(namespace, options);
    assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0;/);
    parseExposition(text, "openmetrics");
  }
  const fetched = await namespace.run([
    Deno.execPath(),
    "eval",
    `const client = Deno.createHttpClient(${JSON.stringify({ ...tls, http1: false })});
    const answer = await fetch("https://127.0.0.1:50051/metrics", { client });
    console.log(await answer.text());`,
  ]);
  assert.equal(fetched.code, 0, fetched.stderr);
  parseExposition(fetched.stdout.slice(0, -1), "prometheus");
});

Deno.test("GET /metrics is answered on a Unix socket", async () => {
  await Deno.mkdir("/run/quilt", { recursive: true });
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  const command = serveCommand([], undefined, "serve:unix");
  await using _sidecar = await startSidecar(namespace, { command });
  const to = { transport: "unix", path: "/run/quilt/sidecar.sock" } as const;
  const { text } = await scrape(namespace, { to });
  const names = parseExposition(text, "prometheus").map(({ name }) => name);
  assert.ok(names.includes("quilt_build_info"), names.join(" "));
});

Deno.test("GET /metrics is answered while a client calls without a pause, and so are its calls", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  let isOver = false;
  let calls = 0;
  const calling = (async () => {
    while (!isOver) {
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
      assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
      calls += 2;
    }
  })();
  const pages = await scrapeRepeatedly(namespace, 5);
  isOver = true;
  await calling;
  assert.equal(
    pages.filter((page) => page.startsWith("HTTP/1.1 200 OK\r\n")).length,
    5,
  );
  assert.ok(calls > 5, `${calls} calls`);
});
