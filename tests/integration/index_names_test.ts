import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { until } from "../support/wait.ts";
import {
  batch,
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  found,
  indexOf,
  ip,
  makeDice,
  makeGround,
  routesTo,
} from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openRoutes, peers } from "./routes_harness.ts";

// iproute2 reads such a name by sscanf("if%u") where the kernel has no device of it.

const TO = "10.42.9.0/24";

/** Names that lead to the device with this index, by the rules of sscanf(3). */
function namesOf(index: number): readonly string[] {
  return [
    `if${index}`,
    `if0${index}`,
    `if${index}x`,
    `if${index}.100`,
    `if${index}-`,
    `if-${2 ** 32 - index}`,
  ].filter((name) => name.length <= 15);
}

function assertInstalled(answer: string | undefined): void {
  assert.match(answer ?? "", /^(?:added|unchanged)$/);
}

Deno.test("InjectRoute reports a missing device for a name that ip would parse as an index", async () => {
  await using _ground = await makeGround("vxlan100");
  const there = namesOf(await indexOf("vxlan100"));
  const faults: unknown[] = [];
  const onKernel = (fault?: string) => void faults.push(fault);
  await using node = await openNodeUnderTest({ onKernel });
  for (const name of [...there, "if0", "if4096", "if-1", "if99999999999"]) {
    assert.equal(await node.inject(TO, name), `Interface '${name}' not found`);
    assert.deepEqual(await routesTo(TO), []);
    // Other routes are not affected, and no batch was lost.
    assertInstalled(await node.inject("10.42.2.0/24"));
  }
  assert.deepEqual(faults, []);
});

Deno.test("InjectRoute through if9 is installed when device if9 appears, and through no other device", async () => {
  await using ground = await makeGround("vxlan100");
  const name = `if${await indexOf("vxlan100")}`;
  await using node = await openNodeUnderTest();
  assert.equal(await node.inject(TO, name), `Interface '${name}' not found`);
  await ground.addDevice(name);
  await until(async () => (await routesTo(TO)).length === 1, { what: "the route" });
  assert.match((await routesTo(TO))[0] ?? "", new RegExp(`dev ${name} proto 142`));
  assertInstalled(await node.inject(TO, name));
  assert.equal(await node.remove(TO), "removed");
  assert.deepEqual(await routesTo(TO), []);
});

Deno.test("InjectRoute reports a missing device for an altname like an index", async () => {
  await using _ground = await makeGround("vxlan100");
  await ip("link property add dev vxlan100 altname if7");
  await using node = await openNodeUnderTest();
  assert.equal(await node.inject(TO, "if7"), "Interface 'if7' not found");
  assert.deepEqual(await routesTo(TO), []);
});

Deno.test("InjectRoute through if9 does not affect the calls in the same batch", async () => {
  await using _ground = await makeGround("vxlan100");
  const faults: unknown[] = [];
  const onKernel = (fault?: string) => void faults.push(fault);
  await using node = await openNodeUnderTest({ onKernel });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) => {
      const via = at % 10 === 7 ? `if${4000 + at}` : "vxlan100";
      return node.inject(`10.42.${at + 10}.0/24`, via);
    }),
  );
  answers.forEach((answer, at) => {
    if (at % 10 !== 7) assertInstalled(answer);
    else assert.equal(answer, `Interface 'if${4000 + at}' not found`);
  });
  assert.deepEqual(faults, []);
});

Deno.test("SyncRoutes keeps routes through index-like names pending, and adds all others", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openRoutes();
  const through = await indexOf("vxlan100");
  const stated = [
    ...peers(2, 30),
    ...peers(40, 5, `if${through}`),
    ...peers(50, 5, "if9999"),
  ];
  const outcomes = await node.sync(stated);
  const kinds = Map.groupBy(outcomes, (line) => line.split(" ")[0]);
  assert.equal(kinds.get("added")?.length, 30);
  assert.equal(kinds.get("pending")?.length, 10);
});

Deno.test("Dataplane deletes no route of device 9 by the name if9", async () => {
  await using _ground = await makeGround("vxlan100");
  const name = device(`if${await indexOf("vxlan100")}`);
  await ip(`route add ${TO} dev vxlan100 proto 142`);
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()));
  await using _door = { [Symbol.asyncDispose]: () => dataplane.close() };
  const route = found(cidr(TO), { device: name });
  const reply = await dataplane.run([
    { command: { kind: "delete-route", route }, cause: CAUSE },
    {
      command: {
        kind: "replace-route",
        route: { destination: cidr(TO), device: name },
      },
      cause: CAUSE,
    },
    { command: { kind: "neighbours", device: name } },
    { command: { kind: "link", device: device("lo") } },
  ]);
  assert.ok(reply.kind === "answered");
  const kinds = reply.results.map((result) => result.ok || result.failure.kind);
  assert.deepEqual(kinds, ["no-device", "no-device", "no-device", true]);
  assert.match((await routesTo(TO))[0] ?? "", /dev vxlan100 proto 142/);
});

Deno.test("InjectRoute never uses another device while an index-like one comes and goes", async () => {
  await using ground = await makeGround("vxlan100");
  const name = `if${await indexOf("vxlan100")}`;
  await using node = await openNodeUnderTest();
  const dice = makeDice();
  const wrong: string[] = [];
  let ended = false;
  const watch = (async () => {
    while (!ended) {
      const table = Deno.readTextFileSync("/proc/net/route");
      const line = /^(\S+)\t00092A0A/m.exec(table);
      if (line !== null && line[1] !== name) wrong.push(line[0]);
      await pause(1);
    }
  })();
  for (let round = 0; round < 40; round += 1) {
    const calls = [node.inject(TO, name), node.inject("10.42.2.0/24")];
    await pause(dice.roll(5));
    if (round % 2 === 0) await ground.addDevice(name);
    else await batch([`link delete ${name}`], { force: true });
    calls.push(node.inject(TO, name), node.remove(TO));
    const answers = await Promise.all(calls);
    assertInstalled(answers[1]);
  }
  ended = true;
  await watch;
  assert.deepEqual(wrong, [], `seed ${dice.seed}`);
});
