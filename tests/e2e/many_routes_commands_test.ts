/**
 * What the commands show of 5,000 routes, and how soon.
 *
 * @alone
 */
import assert from "node:assert/strict";
import { isJsonObject, parseJsonObject } from "../../deploy/json.ts";
import { slowness } from "../support/slowness.ts";
import { bounded } from "../support/suite.ts";
import { atTerminal, openOperatorHost, type OperatorHost, WINDOW } from "./operator.ts";

const ROUTES = 5_000;

function manyRoutes(): string {
  const routes = Array.from({ length: ROUTES }, (_, at) => ({
    destination: `10.${16 + Math.floor(at / 256)}.${at % 256}.0/24`,
    device: "vxlan100",
  }));
  return JSON.stringify(routes);
}

/** Milliseconds of the quickest run of status, and what it showed. */
async function quickest({ show }: OperatorHost) {
  let [ms, shown] = [Infinity, ""];
  for (let run = 0; run < bounded(5, 3); run += 1) {
    const began = performance.now();
    shown = await show("status");
    ms = Math.min(ms, performance.now() - began);
  }
  return { ms, shown };
}

Deno.test("of 5,000 routes status shows one screen within half a second, and routes --json all of them", async () => {
  await using host = await openOperatorHost("port", ["--cluster-cidr", "10.0.0.0/8"]);
  await host.show("configure", "10.1.1.0/24");
  const { ms: none } = await quickest(host);
  const { code, stdout } = await host.run("sync", ["-", "--yes"], {
    stdin: manyRoutes(),
  });
  assert.equal(code, 0);
  assert.match(stdout, /^5000 added, 0 removed, 0 unchanged$/m);
  const slow = await slowness();
  const { ms, shown } = await quickest(host);
  assert.match(shown, /^Routes {8}5000 installed, 0 pending; 0 unconfirmed\b/m);
  // On a busy machine the start of a command alone may take that long.
  assert.ok(
    ms < Math.max(500 * slow, 3 * none),
    `${ms} ms, and ${none} ms of no route; ${slow} times slower than a quiet machine`,
  );
  await using terminal = atTerminal(host.namespace, host.words("status"));
  assert.equal(await terminal.ended, 0);
  const lines = terminal.screen.trimEnd().split("\r\n");
  // The prompt takes the last row.
  assert.ok(lines.length < WINDOW.rows, terminal.screen);
  assert.ok(lines.every((line) => line.length <= WINDOW.columns), terminal.screen);
  const { routes } = parseJsonObject(await host.show("routes", "--json"));
  assert.ok(Array.isArray(routes));
  assert.equal(routes.length, ROUTES);
  assert.ok(
    routes.every((route) => isJsonObject(route) && route["state"] === "installed"),
  );
  const [head = "", ...rows] = (await host.show("routes")).split("\n");
  assert.match(head, /^DESTINATION +DEVICE +STATE/);
  assert.equal(rows.length, ROUTES);
});
