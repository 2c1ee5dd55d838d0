import assert from "node:assert/strict";
import type { Command } from "../../src/dataplane/iproute2/commands.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { createBufferedLineWriter } from "../../src/observability/buffered_line_writer.ts";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import { FaultyDataplane } from "./faulty_dataplane.ts";
import { batch, ip, makeDice, makeGround } from "../support/fixtures.ts";
import { openRoutes, peers, shown } from "./routes_harness.ts";

const WIDE = { clusterCidr: "10.0.0.0/8" };

/** Counts the commands of each kind that go through a dataplane. */
function countCommands() {
  const counts = new Map<Command["kind"], number>();
  const behind = (dataplane: Dataplane): Dataplane => ({
    run: (operations) => {
      for (const { command: { kind } } of operations) {
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
      return dataplane.run(operations);
    },
    dump: (reads) => dataplane.dump(reads),
    drainAuditLog: () => dataplane.drainAuditLog(),
    watch: () => ({ close: () => {} }),
    watchDataPath: () => ({ close: () => {} }),
    close: () => dataplane.close(),
    abort: () => dataplane.abort(),
  });
  return { behind, of: (kind: Command["kind"]) => counts.get(kind) ?? 0 };
}

Deno.test("SyncRoutes lets calls in between its chunks, and what they request holds", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = openRoutes(WIDE);
  const all = peers(0, 2000);
  await node.sync(peers(1900, 200));
  const ended: string[] = [];
  const syncing = node.sync(all).finally(() => ended.push("sync"));
  const [moved, removed, again, kept] = await Promise.all([
    node.inject("10.49.206.0/24", "other"),
    node.remove("10.49.207.0/24"),
    node.inject("10.49.205.0/24", "vxlan100"),
    node.inject("10.50.50.0/24", "vxlan100"),
    node.inject("10.49.204.0/24", "nowhere"),
    node.remove("10.50.49.0/24"),
  ]);
  ended.push("calls");
  const outcomes = await syncing;
  assert.deepEqual(ended, ["calls", "sync"]);
  assert.deepEqual([moved.kind, removed.kind], ["added", "removed"]);
  assert.deepEqual([again.kind, kept.kind], ["unchanged", "unchanged"]);
  const reported = outcomes.filter((outcome) =>
    /10\.(49\.20[4-7]|50\.(49|5[01]))\.0/.test(outcome)
  );
  const overtaken = (to: string) =>
    `refused ${to}: A newer call has changed ${to} in the meantime, and takes precedence`;
  assert.deepEqual(reported, [
    overtaken("10.49.204.0/24"),
    "unchanged 10.49.205.0/24",
    overtaken("10.49.206.0/24"),
    overtaken("10.49.207.0/24"),
    "removed 10.50.49.0/24",
    overtaken("10.50.50.0/24"),
    "removed 10.50.51.0/24",
  ]);
  const there: StatedRoute[] = [
    ...all.filter(({ destination }) => !/10\.49\.20[67]\.0/.test(destination)),
    { destination: "10.49.206.0/24", device: "other" },
    { destination: "10.50.50.0/24", device: "vxlan100" },
  ];
  // One that moved to a device that is missing goes on where it went before.
  const moved204 = "record 10.49.204.0/24 nowhere";
  const ours = (await node.ours()).map((line) =>
    line === moved204 ? "record 10.49.204.0/24 vxlan100" : line
  );
  assert.deepEqual(ours, shown(there));
});

Deno.test("SyncRoutes that moves a thousand routes to another device needs a few dumps of the table", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  const commands = countCommands();
  await using node = openRoutes({ ...WIDE, behind: commands.behind });
  await node.sync(peers(0, 1000));
  node.mutations();
  const outcomes = await node.sync(peers(0, 1000, "other"));
  assert.equal(outcomes.filter((each) => each.startsWith("added ")).length, 1000);
  assert.deepEqual(await node.ours(), shown(peers(0, 1000, "other")));
  assert.equal(commands.of("exact-routes"), 0);
  assert.ok(commands.of("routes-within") <= 8, `${commands.of("routes-within")} walks`);
  assert.equal(node.mutations().length, 2000);
});

Deno.test("SyncRoutes that removes many routes needs a few dumps where policy rules hide the main table", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using _rule = {
    [Symbol.asyncDispose]: async () => void await batch(["rule del priority 100"]),
  };
  await batch([
    "rule add to 10.0.0.0/8 table 77 priority 100",
    "route add 10.0.0.0/8 dev other table 77",
  ]);
  const commands = countCommands();
  await using node = openRoutes({ ...WIDE, behind: commands.behind });
  const outcomes = await node.sync(peers(0, 600));
  assert.equal(outcomes.filter((each) => each.startsWith("added ")).length, 600);
  assert.deepEqual(await node.ours(), shown(peers(0, 600)));
  const gone = await node.sync([]);
  assert.equal(gone.filter((each) => each.startsWith("removed ")).length, 600);
  assert.deepEqual(await node.ours(), []);
  assert.equal(commands.of("exact-routes"), 0);
  assert.ok(commands.of("routes-within") <= 9, `${commands.of("routes-within")} walks`);
  await batch(["route flush table 77"]);
});

/** A reader that takes 64 KiB in so many milliseconds; Infinity: nothing at all. */
function readerOf(everyMs: number) {
  let text = "";
  return {
    lines: () => text.split("\n").slice(0, -1),
    write: async (bytes: Uint8Array): Promise<number> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (everyMs < Infinity) setTimeout(resolve, everyMs);
      await promise;
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  };
}

Deno.test("the audit log loses no record while its reader reads, however slow and however small the pipe", async () => {
  await using _ground = await makeGround("vxlan100");
  const reader = readerOf(30);
  // Room for some 2,000 of 6,000 records.
  const sink = createBufferedLineWriter(reader, { bytes: 512 * 1024 });
  await using node = openRoutes({ ...WIDE, sink });
  await node.sync(peers(0, 3000));
  await sink.flush();
  assert.equal(sink.dropped, 0);
  assert.equal(reader.lines().length, 6000);
});

Deno.test("a stopped reader of the audit log delays SyncRoutes by at most a second", async () => {
  await using _ground = await makeGround("vxlan100");
  const sink = createBufferedLineWriter(readerOf(Infinity), { bytes: 512 * 1024 });
  await using node = openRoutes({ ...WIDE, sink });
  const began = performance.now();
  const outcomes = await node.sync(peers(0, 3000));
  assert.equal(outcomes.filter((each) => each.startsWith("added ")).length, 3000);
  assert.ok(sink.dropped > 1000);
  assert.ok(performance.now() - began < 8000, "it waited more than once");
});

Deno.test("SyncRoutes reports outcomes that are true of the kernel, with a quarter of all replies lost", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  const dice = makeDice();
  let faulty: FaultyDataplane | undefined;
  await using node = openRoutes({
    resynced: dice.roll(2) === 0,
    behind: (dataplane) => faulty = new FaultyDataplane(dataplane, dice),
  });
  assert.ok(faulty !== undefined);
  for (let round = 0; round < 60; round += 1) {
    try {
      faulty.faults = { before: 8, within: 8, after: 8 };
      const stated = peers(0, 14).filter(() => dice.roll(2) === 0).map((route) => ({
        ...route,
        device: dice.pick(["vxlan100", "other", "nowhere"]),
      }));
      const outcomes = await node.sync(stated);
      faulty.faults = { before: 0, within: 0, after: 0 };
      judge(stated, outcomes, await node.ours());
    } catch (cause) {
      throw new Error(`Round ${round} of the seed ${dice.seed}`, { cause });
    }
  }
  assert.ok(faulty.lost > 20, "too few replies were lost to say anything");
});

function judge(
  stated: readonly StatedRoute[],
  outcomes: readonly string[],
  ours: readonly string[],
): void {
  for (const outcome of outcomes) {
    const [kind, to = ""] = outcome.replace(":", "").split(" ");
    const device = stated.find(({ destination }) => destination === to)?.device;
    const main = ours.filter((line) => line.startsWith(`main ${to} `));
    const records = ours.filter((line) => line.startsWith(`record ${to} `));
    if (kind === "added" || kind === "unchanged") {
      assert.deepEqual(main, [`main ${to} ${device}`], outcome);
      assert.deepEqual(records, [`record ${to} ${device}`], outcome);
    } else if (kind === "pending") {
      assert.deepEqual(records, [`record ${to} ${device}`], outcome);
    } else if (kind === "removed") {
      assert.deepEqual([main, records], [[], []], outcome);
    } else {
      assert.match(outcome, /^(refused|No answer)/);
    }
  }
}

Deno.test("an addition that is refused leaves no record behind, also where the kernel cache knew no route", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = openRoutes();
  await node.sync(peers(9, 1));
  await ip("route add 10.42.2.0/24 dev other proto kernel");
  const refusal =
    "refused 10.42.2.0/24: 10.42.2.0/24 is directly connected on other; " +
    "refusing to replace it";
  assert.deepEqual(await node.sync([...peers(2, 1), ...peers(9, 1)]), [
    refusal,
    "unchanged 10.42.9.0/24",
  ]);
  assert.deepEqual(await node.ours(), shown(peers(9, 1)));
});
