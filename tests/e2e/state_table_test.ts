import assert from "node:assert/strict";
import { readKernelState } from "../chaos/kernel_state.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { allRoutes, done, messages, openHost } from "./host.ts";
import { fullTest } from "../support/suite.ts";

const SUBNET = "10.42.1.0/24";
const TO = "10.42.2.0/24";

Deno.test("the sidecar writes table 142 again after another process flushed it, and logs that once", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet(SUBNET), done);
  assert.deepEqual(await client.injectRoute(TO, "vxlan100"), done);
  assert.equal((await client.injectRoute("10.42.3.0/24", "later")).success, false);
  const routes = await allRoutes(namespace);
  await namespace.ip("route flush table 142");
  await until(async () => await allRoutes(namespace) === routes, {
    what: () => `table 142 to be as before:\n${sidecar.log.join("\n")}`,
  });
  await sidecar.logged(
    /WARN: Restored \d+ records? that (?:was|were) missing from table 142: /,
  );
  sidecar.kill("SIGKILL");
  await sidecar.status;
  // Without table 142 the next process would have nothing to restore.
  await namespace.ip("link set vxlan100 down");
  await namespace.ip("link set vxlan100 up");
  await using _next = await startSidecar(namespace);
  assert.equal(await allRoutes(namespace), routes);
});

/** Foreign routes in table 142, with our protocol number and without. */
const FOREIGN = [
  "blackhole 10.99.0.0/24 table 142",
  "unreachable 10.42.2.0/24 table 142 proto static",
  "throw 10.42.4.0/24 table 142 proto 142",
  "unreachable 10.42.5.0/24 table 142 proto 142 metric 142",
  "blackhole 10.42.6.0/24 table 142 proto 142 metric 142",
  "10.42.7.0/24 dev vxlan100 table 142 proto 142",
];

Deno.test("foreign entries in table 142 are logged once at the start, and left alone", async () => {
  await using host = await openHost({
    before: FOREIGN.map((route) => `route add ${route}`),
    options: ["--remove-routes-on-exit"],
  });
  const { client, namespace, sidecar } = host;
  await sidecar.logged(/foreign entries in table 142/);
  const before = await allRoutes(namespace);
  for (const to of [TO, "10.42.4.0/24", "10.42.7.0/24"]) {
    assert.deepEqual(await client.injectRoute(to, "vxlan100"), done);
  }
  assert.deepEqual(await client.configureNodeSubnet(SUBNET), done);
  const all = await allRoutes(namespace);
  for (const line of before.split("\n")) assert.ok(all.includes(line), line);
  assert.deepEqual(await client.removeRoute("10.42.4.0/24"), done);
  assert.equal((await sidecar.stop()).code, 0);
  assert.equal(await allRoutes(namespace), before);
  const reports = messages(sidecar).filter((line) => line.includes("able 142"));
  assert.equal(reports.length, 1, sidecar.log.join("\n"));
  assert.match(
    reports.join(),
    /^WARN: Ignored 6 foreign entries in table 142: 10\.42\.2\.0\/24, .* and 3 more$/,
  );
});

fullTest(
  "restore takes the later of two subnets in table 142, as after an interrupted change",
  async () => {
    await using host = await openHost({
      before: [3, 12, 5].map((revision) =>
        `route add blackhole 10.42.${revision}.0/24 table 142 proto 142 metric 142 window ${revision}`
      ),
    });
    const { client, namespace, sidecar } = host;
    assert.equal((await readKernelState(namespace)).subnet, "10.42.12.0/24");
    await sidecar.logged(
      /Restored from the kernel: node subnet 10\.42\.12\.0\/24, 0 routes/,
    );
    assert.equal(
      (await client.injectRoute("10.42.12.0/24", "vxlan100")).error,
      "Destination 10.42.12.0/24 is this node's own subnet",
    );
    assert.deepEqual(await client.injectRoute("10.42.5.0/24", "vxlan100"), done);
  },
);

Deno.test("a start logs in one line what it restored, and serves only after that", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await sidecar.logged(/INFO: No saved state in the kernel; starting empty$/);
  assert.deepEqual(await client.configureNodeSubnet(SUBNET), done);
  for (const to of [TO, "10.42.3.0/24"]) {
    assert.deepEqual(await client.injectRoute(to, "vxlan100"), done);
  }
  await sidecar.stop();
  await namespace.ip("link set vxlan100 down");
  await namespace.ip("link set vxlan100 up");
  await using next = await startSidecar(namespace);
  await next.stop();
  assert.deepEqual(messages(next).slice(0, 3), [
    "INFO: Restored from the kernel: node subnet 10.42.1.0/24, 2 routes",
    "INFO: Restored 2 routes that were missing at the start: 10.42.2.0/24, 10.42.3.0/24",
    "INFO: Starting gRPC server on 127.0.0.1:50051",
  ]);
});
