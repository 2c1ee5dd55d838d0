import assert from "node:assert/strict";
import { type Answer, GrpcStatusError, type QuiltClient } from "../support/client.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import {
  allRoutes,
  auditRecords,
  done,
  fib,
  messages,
  openHost,
  routesTo,
} from "./host.ts";
import { hangInFlight, signalBatches } from "./processes.ts";
import { partOf } from "../support/suite.ts";

const destination = "10.42.2.0/24";

for (const signal of partOf(["SIGTERM", "SIGINT"] as const, 1)) {
  Deno.test(`${signal} lets the sidecar answer the call in flight truly, and exit with 0`, async () => {
    await using host = await openHost();
    const { client, namespace, sidecar } = host;
    const call = await hangInFlight(
      sidecar,
      () => [client.injectRoute(destination, "vxlan100")] as const,
    );
    sidecar.kill(signal);
    await sidecar.logged(new RegExp(`INFO: Stopping on ${signal}`));
    signalBatches(sidecar, "SIGCONT");
    assert.deepEqual(await call[0], done);
    assert.equal((await sidecar.status).code, 0, sidecar.log.join("\n"));
    // By default routes stay, so that an upgrade keeps traffic flowing.
    assert.deepEqual(await routesTo(namespace, destination), [
      `${destination} dev vxlan100 proto 142 scope link`,
    ]);
  });
}

for (
  const [first, second, code] of partOf(
    [
      ["SIGTERM", "SIGTERM", 143],
      ["SIGTERM", "SIGINT", 130],
    ] as const,
    1,
  )
) {
  Deno.test(`${second} after ${first} ends the sidecar at once, whatever is in flight`, async () => {
    await using host = await openHost();
    const { client, sidecar } = host;
    const calls = await hangInFlight(
      sidecar,
      () => [client.injectRoute(destination, "vxlan100")] as const,
    );
    const ended = assert.rejects(calls[0], GrpcStatusError);
    sidecar.kill(first);
    await sidecar.logged(/INFO: Stopping on /);
    const start = performance.now();
    sidecar.kill(second);
    assert.equal((await sidecar.status).code, code);
    // Its patience with what is in flight is 2 s and more.
    assert.ok(performance.now() - start < 1_000);
    await ended;
  });
}

/** What became of a call: its answer, or UNAVAILABLE. */
async function answerOrUnavailable(call: Promise<Answer>): Promise<boolean> {
  try {
    assert.deepEqual(await call, done);
    return true;
  } catch (error) {
    if (!(error instanceof GrpcStatusError)) throw error;
    assert.equal(error.status, "UNAVAILABLE", error.message);
    return false;
  }
}

/** 400 calls for as many destinations, of which the first few are answered already. */
async function burst(client: QuiltClient) {
  const calls = Array.from({ length: 400 }, (_, at) => {
    const to = `10.43.${at % 250}.${at < 250 ? 0 : 128}/25`;
    return { to, answered: answerOrUnavailable(client.injectRoute(to, "vxlan100")) };
  });
  await Promise.all(calls.slice(0, 10).map(({ answered }) => answered));
  return calls;
}

Deno.test("SIGTERM during many calls: each is answered truly, or is UNAVAILABLE and not executed", async () => {
  await using host = await openHost({
    options: ["--cluster-cidr", "10.43.0.0/16", "--node-prefix", "25"],
  });
  const { client, namespace, sidecar } = host;
  const calls = await burst(client);
  sidecar.kill("SIGTERM");
  for (const { answered } of calls) await answered;
  assert.equal((await sidecar.status).code, 0);
  const shown = await namespace.ip("route show");
  for (const { to, answered } of calls) {
    assert.equal(shown.includes(`${to} dev vxlan100 `), await answered, to);
  }
});

Deno.test("--remove-routes-on-exit removes ours and leaves every other route byte for byte", async () => {
  const foreign = [
    "route add 10.42.8.0/24 dev vxlan100",
    "route add 10.42.9.0/24 dev vxlan100 proto static",
    "route add 198.51.100.0/24 dev vxlan100 proto bird metric 7",
    "route add 10.42.2.0/24 dev vxlan100 table 7",
    "route add blackhole 10.99.0.0/24 table 142",
  ];
  await using host = await openHost({
    before: foreign,
    options: ["--remove-routes-on-exit"],
  });
  const { client, namespace, sidecar } = host;
  const before = await allRoutes(namespace);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  for (let peer = 2; peer < 8; peer += 1) {
    assert.deepEqual(await client.injectRoute(`10.42.${peer}.0/24`, "vxlan100"), done);
  }
  assert.equal([...fib(sidecar.pid).keys()].length, 9);
  assert.equal((await sidecar.stop()).code, 0);
  assert.equal(await allRoutes(namespace), before);
});

Deno.test("--remove-routes-on-exit without CAP_NET_ADMIN logs that the routes stay, and why", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  await sidecar.stop();
  const before = await allRoutes(namespace);
  await using next = await startSidecar(namespace, {
    options: ["--remove-routes-on-exit"],
    launcher: ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"],
  });
  assert.equal((await next.stop()).code, 0);
  assert.equal(await allRoutes(namespace), before);
  assert.equal(
    messages(next).at(-1),
    "ERROR: Removed 0 of 1 route on exit. Permission denied: changing routes needs " +
      "CAP_NET_ADMIN; start the sidecar with that capability (docs/security.md, Privileges)",
  );
});

Deno.test("a dry run validates, audits and answers, and changes nothing", async () => {
  await using host = await openHost({
    before: ["route add 10.42.9.0/24 dev vxlan100"],
    command: serveCommand([], undefined, "serve:dry-run"),
  });
  const { client, namespace, sidecar } = host;
  const before = await allRoutes(namespace);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  assert.deepEqual(await client.removeRoute(destination), done);
  assert.deepEqual(await client.injectRoute("10.42.0.0/16", "vxlan100"), {
    success: false,
    error: "Destination must be /24, got /16",
  });
  assert.equal(await allRoutes(namespace), before);
  assert.equal((await sidecar.stop()).code, 0);
  assert.equal(await allRoutes(namespace), before);
  const records = sidecar.audit.filter((line) => line.includes(`"outcome":"dry-run"`));
  assert.equal(records.length, auditRecords(sidecar).length);
  assert.ok(
    records.some((line) => line.includes(`route add ${destination} dev vxlan100`)),
  );
  assert.ok(
    messages(sidecar).includes(`INFO: RPC: RemoveRoute(destination=${destination})`),
  );
});
