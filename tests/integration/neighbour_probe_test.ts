import assert from "node:assert/strict";
import type { DataPathEvent, NeighbourState } from "../../src/dataplane/data_path.ts";
import type {
  BatchResult,
  Operation,
  OperationResult,
} from "../../src/dataplane/dataplane.ts";
import {
  address,
  batch,
  CAUSE,
  cidr,
  device,
  ip,
  ipChildren,
} from "../support/fixtures.ts";
import { until } from "../support/wait.ts";
import { type DataPathGround, makeDataPath } from "./data_path_ground.ts";

const VXLAN100 = device("vxlan100");

function neighbourCommand(
  kind: "probe-neighbour" | "delete-neighbour",
  text: string,
  through = VXLAN100,
): Operation {
  const probe = { device: through, address: address(text) };
  return { command: { kind, probe }, cause: CAUSE };
}

const probe = (text: string): Operation => neighbourCommand("probe-neighbour", text);
const deletion = (text: string): Operation =>
  neighbourCommand("delete-neighbour", text);

/** `done`, `answer`, or the kind of the failure. */
function shown(result: OperationResult): string {
  if (!result.ok) return result.failure.kind;
  return result.answer.kind === "done" ? "done" : "answer";
}

function shownAll(result: BatchResult): readonly string[] {
  assert.ok(result.kind === "answered", JSON.stringify(result));
  return result.results.map(shown);
}

/** The state in which the kernel announces a neighbour. */
async function stateOf(
  { dataplane }: DataPathGround,
  text: string,
  act: () => Promise<unknown>,
): Promise<NeighbourState> {
  const events: DataPathEvent[] = [];
  const watch = dataplane.watchDataPath((event) => void events.push(event));
  using _watch = { [Symbol.dispose]: () => watch.close() };
  const written = async () => {
    await ip("neigh replace 10.42.250.1 lladdr 02:00:00:00:00:01 dev vxlan100");
    await ip("neigh delete 10.42.250.1 dev vxlan100");
    return events.length > 0;
  };
  await until(written, { what: "the watch to begin" });
  await act();
  return await until(() => {
    const found = events.find((event) =>
      event.kind === "neighbour" && event.neighbour.address === text
    );
    return found?.kind === "neighbour" ? found.neighbour.state : undefined;
  }, { what: `the state of ${text}` });
}

Deno.test("a probe makes the kernel ask, and the peer's answer is an event", async () => {
  await using ground = await makeDataPath();
  const state = await stateOf(ground, "10.42.2.1", async () => {
    assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.1")])), [
      "done",
    ]);
  });
  assert.equal(state, "reachable");
  assert.match(await ip("neigh show 10.42.2.1"), /dev vxlan100 lladdr \S+ REACHABLE/);
  assert.deepEqual(shownAll(await ground.dataplane.run([deletion("10.42.2.1")])), [
    "done",
  ]);
  assert.equal(await ip("neigh show to 10.42.2.1 nud all"), "");
});

Deno.test("a probe that nobody answers ends with the state failed", async () => {
  await using ground = await makeDataPath();
  const state = await stateOf(
    ground,
    "10.42.2.77",
    () => ground.dataplane.run([probe("10.42.2.77")]),
  );
  assert.equal(state, "failed");
});

Deno.test("a probe of an entry that is there fails with exists, and changes nothing", async () => {
  await using ground = await makeDataPath();
  const states = ["permanent", "reachable", "stale", "noarp", "none"];
  await batch(
    states.map((state, at) => {
      const mac = state === "none" ? "" : " lladdr 02:00:00:00:00:09";
      return `neigh add 10.42.2.${at + 2} dev vxlan100${mac} nud ${state}`;
    }),
  );
  const entries = () => ip("neigh show to 10.42.2.0/24 dev vxlan100 nud all");
  const before = await entries();
  assert.equal(before.trim().split("\n").length, states.length);
  const operations = states.map((_, at) => probe(`10.42.2.${at + 2}`));
  assert.deepEqual(
    shownAll(await ground.dataplane.run(operations)),
    states.map(() => "exists"),
  );
  assert.equal(await entries(), before);
  // Nor does a second one change the first, while the kernel asks.
  assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.77")])), [
    "done",
  ]);
  assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.77")])), [
    "exists",
  ]);
});

Deno.test("deletion of a neighbour that is not there fails with absent, also while it is a neighbour of another device", async () => {
  await using ground = await makeDataPath();
  await ip("neigh add 10.42.2.2 dev quilt0 lladdr 02:00:00:00:00:09");
  const failed = await ground.dataplane.run([
    deletion("10.42.2.2"),
    deletion("10.42.2.3"),
  ]);
  assert.deepEqual(shownAll(failed), ["absent", "absent"]);
  assert.match(await ip("neigh show to 10.42.2.2"), /^10\.42\.2\.2 dev quilt0 /);
});

Deno.test("a refused probe ends ip, and harms no other operation of its batch", async () => {
  await using ground = await makeDataPath();
  await ip("neigh add 10.42.2.2 dev vxlan100 lladdr 02:00:00:00:00:09");
  const route = { destination: cidr("10.42.2.0/24"), device: VXLAN100 };
  const write: Operation = { command: { kind: "add-route", route }, cause: CAUSE };
  const link: Operation = { command: { kind: "link", device: VXLAN100 } };
  const operations = [
    link,
    probe("10.42.2.2"),
    link,
    write,
    probe("10.42.2.77"),
    deletion("10.42.2.78"),
    write,
    deletion("10.42.2.77"),
    neighbourCommand("probe-neighbour", "10.42.2.2", device("nowhere")),
    link,
  ];
  const expected = ["answer", "exists", "answer", "done", "done", "absent", "exists"];
  expected.push("done", "no-device", "answer");
  assert.deepEqual(shownAll(await ground.dataplane.run(operations)), expected);
  const outcomes = ground.trail.records.map(({ failure, outcome, words }) =>
    `${words}: ${outcome} ${failure}`
  );
  const add = "route add 10.42.2.0/24 dev vxlan100 proto 142";
  assert.deepEqual(outcomes, [
    "neigh add 10.42.2.2 dev vxlan100 use: failed RTNETLINK answers: File exists",
    `${add}: done `,
    "neigh add 10.42.2.77 dev vxlan100 use: done ",
    "neigh del 10.42.2.78 dev vxlan100: failed RTNETLINK answers: No such file or directory",
    `${add}: failed RTNETLINK answers: File exists`,
    "neigh del 10.42.2.77 dev vxlan100: done ",
    'neigh add 10.42.2.2 dev nowhere use: failed Cannot find device "nowhere"',
  ]);
  await until(() => ipChildren().length <= 1, { what: "those that ended" });
});

Deno.test("a probe through a device that was made anew asks through the new one", async () => {
  await using ground = await makeDataPath();
  assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.1")])), [
    "done",
  ]);
  await ip("link delete vxlan100");
  await ip("link add vxlan100 type vxlan id 100 dstport 4789 local 198.51.100.1");
  await ip("link set vxlan100 up");
  // `ip` knows the old index: its failure ends it, and the next one looks the device up.
  assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.1")])), [
    "no-device",
  ]);
  assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.1")])), [
    "done",
  ]);
});

Deno.test("a probe whose ip is killed is lost, and no failure", async () => {
  await using ground = await makeDataPath();
  assert.equal((await ground.dataplane.run([probe("10.42.2.77")])).kind, "answered");
  const [pid] = ipChildren();
  assert.ok(pid !== undefined);
  Deno.kill(pid, "SIGSTOP");
  const running = ground.dataplane.run([probe("10.42.2.77")]);
  Deno.kill(pid, "SIGKILL");
  assert.equal((await running).kind, "lost");
  assert.deepEqual(shownAll(await ground.dataplane.run([probe("10.42.2.77")])), [
    "exists",
  ]);
  const { outcome } = ground.trail.records[1] ?? {};
  assert.equal(outcome, "unknown");
});
