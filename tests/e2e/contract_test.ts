import assert from "node:assert/strict";
import { numberAt, stringAt } from "../../deploy/json.ts";
import { startSidecar } from "../support/sidecar.ts";
import {
  allRoutes,
  auditRecords,
  done,
  messages,
  messagesSoFar,
  openHost,
  refused,
  routesTo,
} from "./host.ts";

Deno.test("each call has its effect in the kernel and leaves the contract's log lines", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  const index = /^(\d+): vxlan100/.exec(await namespace.ip("-o link show vxlan100"))
    ?.[1];

  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.equal(await namespace.ip("route show"), "");
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.equal(
    await namespace.ip("route show"),
    "10.42.2.0/24 dev vxlan100 proto 142 scope link \n",
  );
  assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
  assert.equal(await namespace.ip("route show"), "");
  assert.equal((await sidecar.stop()).code, 0);

  const logged = messages(sidecar);
  const from = logged.findIndex((line) => line.includes("Starting gRPC server"));
  assert.deepEqual(logged.slice(from, from + 10), [
    "INFO: Starting gRPC server on 127.0.0.1:50051",
    "INFO: RPC: ConfigureNodeSubnet(subnet=10.42.1.0/24)",
    "INFO: IPAM configured with subnet: 10.42.1.0/24",
    "INFO: Successfully configured subnet: 10.42.1.0/24",
    "INFO: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    `INFO: Added route: 10.42.2.0/24 dev vxlan100 (index: ${index})`,
    "INFO: Successfully injected route: 10.42.2.0/24 dev vxlan100",
    "INFO: RPC: RemoveRoute(destination=10.42.2.0/24)",
    "INFO: Removed route: 10.42.2.0/24",
    "INFO: Successfully removed route: 10.42.2.0/24",
  ]);
  for (const line of sidecar.log) {
    assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+: \S/);
  }
});

Deno.test("calls that change nothing log nothing above debug and change no table", async () => {
  await using host = await openHost({ options: ["--log-level", "debug"] });
  const { client, namespace, sidecar } = host;
  await client.configureNodeSubnet("10.42.1.0/24");
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await client.removeRoute("10.42.3.0/24");
  const table = await allRoutes(namespace);
  await sidecar.logged(/INFO: Successfully removed route: 10\.42\.3\.0\/24/);
  const logged = messagesSoFar(sidecar).length;

  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.deepEqual(await client.removeRoute("10.42.3.0/24"), done);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.equal(await allRoutes(namespace), table);
  await sidecar.stop();

  assert.deepEqual(messages(sidecar).slice(logged), [
    "DEBUG: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "DEBUG: Route unchanged: 10.42.2.0/24 dev vxlan100",
    "DEBUG: Successfully injected route: 10.42.2.0/24 dev vxlan100",
    "DEBUG: RPC: RemoveRoute(destination=10.42.3.0/24)",
    "DEBUG: Routes unchanged, nothing to remove: 10.42.3.0/24",
    "DEBUG: Successfully removed route: 10.42.3.0/24",
    "INFO: RPC: ConfigureNodeSubnet(subnet=10.42.1.0/24)",
    "INFO: Subnet unchanged, IPAM configured with subnet: 10.42.1.0/24",
    "INFO: Successfully configured subnet: 10.42.1.0/24",
    "INFO: Stopping on SIGTERM",
  ]);
  const routeWrites = auditRecords(sidecar).map((record) => stringAt(record, "words"))
    .filter((words) => !words.includes(" table 142"));
  assert.deepEqual(routeWrites, ["route add 10.42.2.0/24 dev vxlan100 proto 142"]);
});

Deno.test("the log shows an agent that starts again on a node with saved state, and a restart of the sidecar", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await client.configureNodeSubnet("10.42.1.0/24");
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await sidecar.logged(/INFO: Successfully injected route: 10\.42\.2\.0\/24/);
  const logged = messagesSoFar(sidecar).length;
  const again = [
    "INFO: RPC: ConfigureNodeSubnet(subnet=10.42.1.0/24)",
    "INFO: Subnet unchanged, IPAM configured with subnet: 10.42.1.0/24",
    "INFO: Successfully configured subnet: 10.42.1.0/24",
    "INFO: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "INFO: Route unchanged: 10.42.2.0/24 dev vxlan100",
    "INFO: Successfully injected route: 10.42.2.0/24 dev vxlan100",
  ];
  const callAgain = async () => {
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    }
  };
  await callAgain();
  await sidecar.stop();
  assert.deepEqual(messages(sidecar).slice(logged, -1), again);

  await using next = await startSidecar(namespace);
  await callAgain();
  await next.stop();
  const lines = messages(next);
  const from = lines.findIndex((line) => line.includes("Starting gRPC server"));
  assert.deepEqual(lines.slice(from + 1, -1), again);
});

Deno.test("InjectRoute that is refused repeatedly is one log line, and a count once it succeeds", async () => {
  await using host = await openHost({ vxlan: { up: false } });
  const { client, namespace, sidecar } = host;
  const sentence = "Interface 'vxlan100' is down";
  for (let call = 0; call < 5; call += 1) {
    assert.deepEqual(
      await client.injectRoute("10.42.2.0/24", "vxlan100"),
      refused(sentence),
    );
  }
  await namespace.ip("link set vxlan100 up");
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  await sidecar.stop();
  const call = "InjectRoute(destination=10.42.2.0/24, via=vxlan100)";
  const lines = messages(sidecar).filter((line) => line.includes(call))
    .map((line) => line.replace(/since \S+Z/, "since TIME"));
  assert.deepEqual(lines, [
    `INFO: RPC: ${call}`,
    `WARN: ${call} refused: ${sentence}`,
    `WARN: ${call} refused 5 times since TIME: ${sentence}`,
    `INFO: RPC: ${call}`,
  ]);
});

Deno.test("the audit log has one line for each mutation, with RPC, peer, command and outcome", async () => {
  await using host = await openHost();
  const { client, sidecar } = host;
  await client.configureNodeSubnet("10.42.1.0/24");
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await client.removeRoute("10.42.2.0/24");
  await sidecar.stop();

  const records = auditRecords(sidecar);
  assert.deepEqual(
    records.map((record) => numberAt(record, "sequence")),
    records.map((_, index) => index + 1),
  );
  const peers = new Set(records.map((record) => stringAt(record, "peer")));
  assert.equal(peers.size, 1);
  assert.match([...peers].join(), /^127\.0\.0\.1:\d+$/);
  assert.deepEqual([...new Set(records.map((record) => record["outcome"]))], ["done"]);
  // Table 142 is the state store; the main table has what the agent requested.
  const main = records.filter((record) =>
    !stringAt(record, "words").includes(" table 142")
  );
  assert.deepEqual(main.map((record) => [record["rpc"], record["words"]]), [
    ["InjectRoute", "route add 10.42.2.0/24 dev vxlan100 proto 142"],
    ["RemoveRoute", "route del 10.42.2.0/24 dev vxlan100 proto 142 metric 0"],
  ]);
  const rpcs = new Set(records.map((record) => record["rpc"]));
  assert.deepEqual([...rpcs], ["ConfigureNodeSubnet", "InjectRoute", "RemoveRoute"]);
});

Deno.test("ConfigureNodeSubnet removes the route whose destination becomes the node's subnet", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await client.injectRoute("10.42.3.0/24", "vxlan100");
  assert.deepEqual(await client.configureNodeSubnet("10.42.2.0/24"), done);
  assert.deepEqual(await routesTo(namespace, "10.42.2.0/24"), []);
  assert.equal((await routesTo(namespace, "10.42.3.0/24")).length, 1);
});
