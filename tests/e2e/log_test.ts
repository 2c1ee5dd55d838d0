/** What the log of a real sidecar has, in each format, and how much of it. */
import assert from "node:assert/strict";
import { type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { LOG_FORMATS } from "../../src/observability/logger.ts";
import { addVxlan } from "../support/namespace.ts";
import { serveToEnd } from "../support/sidecar.ts";
import { bounded } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { done, makeQuietNamespace, openHost, refused } from "./host.ts";

/** Peers of the agent. */
const PEERS = bounded(250, 60);
const ROUNDS = 3;

const destinations = Array.from({ length: PEERS }, (_, at) => `10.42.${at + 1}.0/24`);

/** A line of the log without its time. */
function withoutTime(line: string): string {
  return line.slice(line.indexOf(" ") + 1);
}

Deno.test(`${PEERS} routes that are asked for again and again through a missing device have a few lines, and their counts when the sidecar stops`, async () => {
  await using host = await openHost({ vxlan: undefined });
  const { client, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.0.0/24"), done);
  const missing = refused("Interface 'vxlan100' not found");
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const to of destinations) {
      assert.deepEqual(await client.injectRoute(to, "vxlan100"), missing);
    }
  }
  await sidecar.stop();
  const lines = sidecar.log.map(withoutTime).filter((line) => /InjectRoute/.test(line));
  const inFull = destinations.slice(0, 8).flatMap((to) => [
    `INFO: RPC: InjectRoute(destination=${to}, via=vxlan100)`,
    `WARN: InjectRoute(destination=${to}, via=vxlan100) refused: ${missing.error}`,
  ]);
  assert.deepEqual(lines.slice(0, 16), inFull);
  const [rpc, more, ...counts] = lines.slice(16);
  assert.equal(rpc, `INFO: RPC: InjectRoute(destination=10.42.9.0/24, via=vxlan100)`);
  assert.equal(
    more,
    `WARN: InjectRoute via vxlan100 is refused for more routes: ${missing.error}; ` +
      "from now on they are counted, and shown only with --log-level debug",
  );
  const last = counts.at(-1) ?? "";
  assert.match(
    last,
    new RegExp(
      `^WARN: InjectRoute via vxlan100 refused for ${PEERS} routes, ` +
        `${PEERS * ROUNDS} times since [-0-9T:.]+Z, from 10\\.42\\.1\\.0/24 to ` +
        `10\\.42\\.${PEERS}\\.0/24: Interface 'vxlan100' not found$`,
    ),
  );
  // On a slow machine a minute or two may have passed.
  assert.ok(counts.length <= 5, counts.join("\n"));
  assert.ok(sidecar.log.length < 40, sidecar.log.join("\n"));
});

Deno.test("a JSON line says which call, client, route, device or finding it is about", async () => {
  await using host = await openHost({ options: ["--log-format", "json"] });
  const { client, namespace, sidecar } = host;
  const line = async (message: RegExp): Promise<JsonObject> => {
    const { time: _, ...rest } = parseJsonObject(await sidecar.logged(message));
    return rest;
  };
  await client.configureNodeSubnet("10.42.0.0/24");
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const { peer, ...added } = await line(/Added route/);
  assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
  const route = { destination: "10.42.2.0/24", device: "vxlan100" };
  assert.match(
    String(added["message"]),
    /^Added route: 10\.42\.2\.0\/24 dev vxlan100 /,
  );
  const { message: _, ...fields } = added;
  assert.deepEqual(fields, { level: "info", rpc: "InjectRoute", ...route });

  await namespace.ip("link set vxlan100 down");
  assert.deepEqual(await line(/is pending/), {
    level: "warn",
    message: "1 route is pending (Interface 'vxlan100' is down): 10.42.2.0/24",
    ...route,
  });
  const finding = await line(/device-down \(vxlan100\)/);
  assert.deepEqual([finding["finding"], finding["device"]], [
    "device-down",
    "vxlan100",
  ]);

  await client.removeRoute("10.42.2.7/24");
  assert.deepEqual(await line(/RemoveRoute.* refused/), {
    level: "warn",
    message:
      "RemoveRoute(destination=10.42.2.7/24) refused: Destination 10.42.2.7/24 " +
      "has host bits set; did you mean 10.42.2.0/24?",
    rpc: "RemoveRoute",
    peer,
    destination: "10.42.2.7/24",
  });
});

/**
 * What journald makes of a line of standard error: sd-daemon(3). Its priority is that
 * behind `<`, if the line begins so; a level without one is `info`.
 */
function readByJournald(line: string): readonly [number, string] {
  return line[0] === "<" && line[2] === ">"
    ? [Number(line[1]), line.slice(3)]
    : [6, line];
}

Deno.test("--log-format journald gives each line the priority of its level, and no time", async () => {
  const options = ["--log-format", "journald", "--log-level", "debug"];
  await using host = await openHost({ options });
  const { client, sidecar } = host;
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await client.injectRoute("10.42.3.0/24", 'vxlan200"\n<0>');
  await sidecar.stop();
  const records = sidecar.log.map(readByJournald);
  const priorities = { ERROR: 3, WARN: 4, INFO: 6, DEBUG: 7, TRACE: 7 };
  const seen = new Set<number>();
  for (const [priority, message] of records) {
    const level = /^([A-Z]+): /.exec(message)?.[1];
    const entry = Object.entries(priorities).find(([name]) => name === level);
    assert.equal(priority, entry?.[1], message);
    seen.add(priority);
  }
  assert.deepEqual([...seen].toSorted(), [4, 6, 7]);
  const messages = records.map(([, message]) => message);
  assert.ok(messages.includes("INFO: Starting gRPC server on 127.0.0.1:50051"));
  assert.ok(messages.includes(
    "INFO: Successfully injected route: 10.42.2.0/24 dev vxlan100",
  ));
});

Deno.test("an option that serve refuses is one line of the format that was asked for", async () => {
  await using namespace = await makeQuietNamespace();
  const fault = /Unknown option .*--nope/;
  for (const format of LOG_FORMATS) {
    const options = ["--log-format", format, "--nope"];
    const { code, stderr } = await serveToEnd(namespace, options);
    assert.equal(code, 2);
    assert.match(stderr, fault);
    assert.match(stderr, /^[^\n]+\n$/);
    assert.equal(readByJournald(stderr)[0], format === "journald" ? 3 : 6);
  }
});

Deno.test("a device that goes and comes under many routes has a few lines each time", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  for (const to of destinations) {
    assert.deepEqual(await client.injectRoute(to, "vxlan100"), done);
  }
  await sidecar.logged(new RegExp(`Successfully .* ${destinations.at(-1)} `));
  const before = sidecar.log.length;
  await namespace.ip("link del vxlan100");
  await sidecar.logged(
    /WARN: \d+ routes? (?:is|are) pending \(Interface 'vxlan100' not found\): /,
  );
  await sidecar.logged(/WARN: device-missing /);
  await addVxlan(namespace);
  await until(
    async () => (await namespace.ip("route show proto 142")).split("\n").length > PEERS,
    { what: "all routes to come back" },
  );
  await sidecar.logged(/INFO: device-missing .*: gone/);
  const lines = sidecar.log.slice(before);
  // Of the repairs some for each batch, and of the diagnosis one for each finding.
  assert.ok(lines.length <= 20, lines.join("\n"));
});
