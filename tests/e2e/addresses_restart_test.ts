import assert from "node:assert/strict";
import { type JsonObject, stringAt } from "../../deploy/json.ts";
import { startQuilt } from "../support/quilt.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { auditRecords, done, type Host, openHost } from "./host.ts";
import { fullTest } from "../support/suite.ts";

const SUBNET = "10.42.1.0/24";

/** Starts the sidecar of a host again, with the option of the first one. */
function startAgain(
  { namespace }: Host,
  launcher: readonly string[] = [],
): Promise<Sidecar> {
  return startSidecar(namespace, { options: ["--remove-routes-on-exit"], launcher });
}

Deno.test("a restart restores an owner of 128 characters, and the network's revision", async () => {
  await using host = await openHost();
  const owner = "~".repeat(128);
  {
    await using quilt = startQuilt(host.namespace);
    await host.client.configureNodeSubnet("10.42.7.0/24");
    await host.client.configureNodeSubnet(SUBNET);
    assert.equal(await quilt.allocate(owner), "10.42.1.2");
  }
  host.sidecar.kill("SIGKILL");
  await host.sidecar.status;
  await using _next = await startAgain(host);
  await using quilt = startQuilt(host.namespace);
  quilt.watch();
  await until(() => quilt.watched.length === 1, { what: "the network" });
  assert.equal(quilt.watched[0]?.revision, 2);
  assert.deepEqual(await quilt.list(), [`10.42.1.2 ${owner}`]);
  assert.equal(await quilt.allocate(owner), "10.42.1.2");
  assert.equal(await quilt.allocate("next"), "10.42.1.3");
});

Deno.test("AllocateAddress and ReleaseAddress are refused without CAP_NET_ADMIN, and the sentence names it", async () => {
  await using host = await openHost();
  await host.client.configureNodeSubnet(SUBNET);
  {
    await using quilt = startQuilt(host.namespace);
    assert.equal(await quilt.allocate("web-1"), "10.42.1.2");
  }
  await host.sidecar.stop();
  const before = await host.namespace.ip("route show table 142");
  const drop = ["--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
  await using _next = await startAgain(host, ["setpriv", ...drop]);
  await using quilt = startQuilt(host.namespace);
  const denied = /^FAILED_PRECONDITION: Permission denied: .*needs CAP_NET_ADMIN/;
  assert.match(await quilt.allocate("web-2"), denied);
  assert.match(await quilt.release({ owner: "web-1" }), denied);
  assert.equal(await quilt.allocate("web-1"), "10.42.1.2");
  assert.deepEqual(await quilt.list(), ["10.42.1.2 web-1"]);
  assert.equal(await host.namespace.ip("route show table 142"), before);
});

fullTest(
  "a dry run allocates addresses and audits what it would write, and changes nothing",
  async () => {
    await using host = await openHost({ options: ["--dry-run"] });
    await using quilt = startQuilt(host.namespace);
    await host.client.configureNodeSubnet(SUBNET);
    assert.equal(await quilt.allocate("web-1"), "10.42.1.2");
    assert.equal(await quilt.allocate("web-2"), "10.42.1.3");
    assert.deepEqual(await quilt.list(), ["10.42.1.2 web-1", "10.42.1.3 web-2"]);
    assert.equal(await host.namespace.ip("route show table all proto 142"), "");
    await host.sidecar.stop();
    const claims = auditRecords(host.sidecar).filter(({ rpc }) =>
      rpc === "AllocateAddress"
    );
    assert.deepEqual(
      new Set(claims.map(({ outcome }) => outcome)),
      new Set(["dry-run"]),
    );
    assert.ok(
      claims.some((claim) =>
        /^route add prohibit 10\.42\.1\.2\/32 /.test(words(claim))
      ),
    );
  },
);

function words(record: JsonObject): string {
  return stringAt(record, "words");
}

fullTest(
  "a graceful shutdown ends WatchNodeNetwork with a sentence, and does not wait for its clients",
  async () => {
    await using host = await openHost();
    await using quilt = startQuilt(host.namespace);
    quilt.watch();
    await until(() => quilt.watched.length === 1, { what: "the present network" });
    const started = performance.now();
    const { code } = await host.sidecar.stop();
    assert.equal(code, 0);
    assert.ok(performance.now() - started < 2_000);
    await until(() => quilt.over.length === 1, { what: "the end of the watch" });
    assert.match(quilt.over[0] ?? "", /14 UNAVAILABLE: The sidecar is shutting down; /);
  },
);

fullTest(
  "WatchNodeNetwork sends a client that does not read the newest network, and not every one",
  async () => {
    await using host = await openHost();
    await using quilt = startQuilt(host.namespace);
    quilt.watch();
    await until(() => quilt.watched.length === 1, { what: "the present network" });
    quilt.signal("SIGSTOP");
    const changes = 2_000;
    const started = performance.now();
    for (let change = 1; change <= changes; change += 1) {
      await host.client.configureNodeSubnet(`10.42.${change % 250}.0/24`);
    }
    const seconds = (performance.now() - started) / 1000;
    quilt.signal("SIGCONT");
    await until(() => quilt.watched.at(-1)?.revision === changes, {
      what: "the newest network",
    });
    // Twenty a second leave for it, whether or not it reads.
    const left = 2 + seconds * 20;
    assert.ok(quilt.watched.length <= left, `${quilt.watched.length} came`);
    assert.ok(left < changes / 2, "the changes came too slowly to say anything");
  },
);

Deno.test("--remove-routes-on-exit keeps addresses and the subnet while containers use them", async () => {
  await using host = await openHost({ options: ["--remove-routes-on-exit"] });
  {
    await using quilt = startQuilt(host.namespace);
    await host.client.configureNodeSubnet(SUBNET);
    assert.deepEqual(await host.client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    await quilt.allocate("web-1");
  }
  await host.sidecar.stop();
  assert.equal(await host.namespace.ip("route show proto 142"), "");
  const records = await host.namespace.ip("route show table 142");
  assert.doesNotMatch(records, /unreachable/);
  await using next = await startAgain(host);
  await using quilt = startQuilt(host.namespace);
  assert.deepEqual(await quilt.list(), ["10.42.1.2 web-1"]);
  await quilt.release({ owner: "web-1" });
  await next.stop();
  assert.equal(await host.namespace.ip("route show table 142"), "");
});
