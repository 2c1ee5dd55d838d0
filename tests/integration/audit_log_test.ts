import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Operation } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { DryRunDataplane } from "../../src/dataplane/dry_run.ts";
import { render } from "../../src/dataplane/iproute2/commands.ts";
import {
  cidr,
  collectAuditLog,
  device,
  found,
  ip,
  makeGround,
} from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";

const TO = cidr("10.42.2.0/24");
const THROUGH = device("vxlan100");
const CAUSE = { rpc: "InjectRoute", peer: "127.0.0.1:40112" };

const MIX: readonly Operation[] = [
  { command: { kind: "link", device: THROUGH } },
  {
    command: { kind: "add-route", route: { destination: TO, device: THROUGH } },
    cause: CAUSE,
  },
  {
    command: { kind: "add-route", route: { destination: TO, device: THROUGH } },
    cause: CAUSE,
  },
  { command: { kind: "best-route", destination: TO } },
  {
    command: { kind: "delete-route", route: found(TO, { device: THROUGH }) },
    cause: { rpc: "RemoveRoute", peer: "" },
  },
];

Deno.test("AuditLog has one record for each mutation, with its cause, words, outcome and duration", async () => {
  await using _ground = await makeGround("vxlan100");
  const trail = collectAuditLog();
  const dataplane = new Iproute2Dataplane(new AuditLog(trail));
  const before = Date.now();
  await dataplane.run(MIX);
  await dataplane.close();
  const add = `route add ${TO} dev vxlan100 proto 142`;
  const facts = trail.records.map(({ time: _, duration_ms: __, ...rest }) => rest);
  assert.deepEqual(facts, [
    { sequence: 1, ...CAUSE, words: add, outcome: "done", failure: "" },
    {
      sequence: 2,
      ...CAUSE,
      words: add,
      outcome: "failed",
      failure: "RTNETLINK answers: File exists",
    },
    {
      sequence: 3,
      rpc: "RemoveRoute",
      peer: "",
      words: `route del ${TO} dev vxlan100 proto 142 metric 0`,
      outcome: "done",
      failure: "",
    },
  ]);
  for (const { duration_ms, time } of trail.records) {
    assert.ok(
      typeof duration_ms === "number" && duration_ms > 0 && duration_ms < 2_000,
    );
    const at = new Date(String(time));
    assert.equal(at.toISOString(), time);
    assert.ok(at.getTime() >= before && at.getTime() <= Date.now());
  }
});

Deno.test("reads leave no audit record", async () => {
  const trail = collectAuditLog();
  const dataplane = new Iproute2Dataplane(new AuditLog(trail));
  await dataplane.run([
    { command: { kind: "link", device: device("lo") } },
    { command: { kind: "best-route", destination: TO } },
    { command: { kind: "own-routes" } },
  ]);
  await dataplane.close();
  assert.deepEqual(trail.records, []);
});

Deno.test("AuditLog replayed gives the routes of the kernel", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  const destinations = Array.from({ length: 50 }, (_, at) => `10.42.${at + 2}.0/24`);
  await Promise.all(destinations.map((to) => peer.inject(to)));
  await Promise.all(destinations.slice(0, 20).map((to) => peer.remove(to)));
  const replayed = new Set<string>();
  for (const { outcome, words } of peer.trail.records) {
    if (outcome !== "done") continue;
    const [, verb, to = ""] = String(words).split(" ");
    if (!to.startsWith("10.")) continue;
    if (verb === "del") replayed.delete(to);
    else replayed.add(to);
  }
  const kept = await ip("-4 route show proto 142");
  const there = [...kept.matchAll(/^(\S+) dev vxlan100 /gm)].map(([, to]) => to);
  assert.deepEqual([...replayed].toSorted(), there.toSorted());
  assert.equal(there.length, 30);
});

Deno.test("a dry run writes audit records and changes nothing", async () => {
  const trail = collectAuditLog();
  const before = await ip("-4 route show table all");
  const dataplane = new DryRunDataplane(new AuditLog(trail), render);
  const reply = await dataplane.run(MIX);
  await dataplane.close();
  assert.equal(reply.kind, "answered");
  const outcomes = trail.records.map(({ outcome, sequence }) => [sequence, outcome]);
  assert.deepEqual(outcomes, [[1, "dry-run"], [2, "dry-run"], [3, "dry-run"]]);
  assert.equal(await ip("-4 route show table all"), before);
});

Deno.test("AuditLog writes a record as one line of visible characters, whatever its texts", () => {
  const lines: string[] = [];
  const sink = {
    write: (line: string) => void lines.push(line),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
  const odd = "a\u202e\u2028\n\u0000\u200b\ufe0f";
  const trace = { traceId: "ab".repeat(16), spanId: "cd".repeat(8), flags: 1 };
  new AuditLog(sink).record({
    cause: { ...CAUSE, subject: odd, trace },
    command: odd,
    outcome: "failed",
    failure: odd,
    durationMs: 1,
  });
  const [line = ""] = lines;
  assert.match(line, /^[ -~]+$/);
  const { failure, subject, trace_id, words } = JSON.parse(line);
  assert.deepEqual([failure, subject, words], [odd, odd, odd]);
  assert.equal(trace_id, trace.traceId);
});
