import assert from "node:assert/strict";
import fc from "fast-check";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import {
  type Answer,
  type BatchResult,
  type Dataplane,
  isRead,
  type Operation,
  type OperationResult,
} from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { KernelCache } from "../../src/reconcile/kernel_cache.ts";
import { planAbsent, planPresent } from "../../src/reconcile/plan.ts";
import { loopKey, Reconciler } from "../../src/reconcile/reconciler.ts";
import type { AbsentOutcome, PresentOutcome } from "../../src/reconcile/outcome.ts";
import { ourRoute } from "../../src/routing/kernel_route.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import {
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  makeGround,
  routesTo,
} from "../support/fixtures.ts";
import { LosingDataplane } from "./losing_dataplane.ts";
import { installOddIp } from "./odd_ip.ts";
import { openRoutes, peers } from "./routes_harness.ts";
import { bounded } from "../support/suite.ts";

/** True if a command names one of these destinations. */
function concerns(
  operations: readonly Operation[],
  octets: readonly number[],
): boolean {
  return octets.some((octet) =>
    operations.some((operation) =>
      JSON.stringify(operation).includes(`"10.42.${octet}.0/24"`)
    )
  );
}

for (const guilty of [[7], [2, 129], [5, 6, 7, 8, 50, 90, 120, 140]]) {
  Deno.test(`InjectRoute is answered although ${guilty.length} calls in the same batches kill every ip`, async () => {
    await using _ground = await makeGround("vxlan100");
    let batches = 0;
    const behind = (dataplane: Dataplane): Dataplane => {
      const losing = new LosingDataplane(dataplane);
      losing.loses = (operations) => {
        batches += 1;
        return concerns(operations, guilty) ? "before" : undefined;
      };
      return losing;
    };
    await using node = openRoutes({ behind });
    const octets = Array.from({ length: 128 }, (_, at) => at + 2);
    const outcomes = await Promise.all(
      octets.map((octet) => node.inject(`10.42.${octet}.0/24`)),
    );
    const refused = octets.filter((_, at) => outcomes[at]?.kind === "refused");
    const there = octets.filter((octet) => guilty.includes(octet));
    assert.deepEqual(refused, there);
    assert.ok(batches <= 40 + 30 * guilty.length, `${batches} batches`);
    assert.deepEqual(await routesTo("10.42.9.0/24"), [
      "10.42.9.0/24 dev vxlan100 proto 142 scope link",
    ]);
  });
}

Deno.test("SyncRoutes with one route that kills every ip adds all others", async () => {
  await using _ground = await makeGround("vxlan100");
  const behind = (dataplane: Dataplane): Dataplane => {
    const losing = new LosingDataplane(dataplane);
    losing.loses = (operations) => concerns(operations, [33]) ? "before" : undefined;
    return losing;
  };
  await using node = openRoutes({ behind });
  const outcomes = await node.sync(peers(2, 200));
  const others = outcomes.filter((line) => !line.startsWith("added"));
  assert.equal(others.length, 1);
  assert.match(
    others[0] ?? "",
    /^refused 10\.42\.33\.0\/24: No answer from the kernel/,
  );
});

// An ip that hangs is waited for; one that is only slow to start must not count as such.
for (const [does, deadlineMs] of [["exit", 5000], ["hang", 1000]] as const) {
  Deno.test(`a command at which ip ${does}s leaves the node healthy, and fails no other call`, async () => {
    await using _ground = await makeGround("vxlan100");
    using odd = installOddIp();
    odd.obey([{ on: "10\\.42\\.7\\.0", does }]);
    const reports: unknown[] = [];
    const onReach = (fault?: string) => void reports.push(fault);
    await using node = openRoutes({ onReach, deadlineMs });
    const octets = Array.from({ length: bounded(20, 8) }, (_, at) => at + 2);
    const outcomes = await Promise.all(
      octets.map((octet) => node.inject(`10.42.${octet}.0/24`)),
    );
    const refused = octets.filter((_, at) => outcomes[at]?.kind !== "added");
    assert.deepEqual(refused, [7]);
    assert.deepEqual(reports, []);
  });
}

Deno.test("the reconciler gives up an ip that never answers after a few tries, however many calls share it", async () => {
  await using _ground = await makeGround("vxlan100");
  let batches = 0;
  const behind = (dataplane: Dataplane): Dataplane => {
    const losing = new LosingDataplane(dataplane);
    losing.loses = () => {
      batches += 1;
      return "before";
    };
    return losing;
  };
  await using node = openRoutes({ behind });
  const outcomes = await Promise.all(
    Array.from({ length: 128 }, (_, at) => node.inject(`10.42.${at + 2}.0/24`)),
  );
  assert.ok(outcomes.every(({ kind }) => kind === "refused"));
  assert.ok(batches <= 8, `${batches} batches`);
});

Deno.test("a dataplane whose ip answers is reachable, whatever one call does to it", async () => {
  await using _ground = await makeGround("vxlan100");
  using odd = installOddIp();
  odd.obey([{ on: "dev vxlan100", does: "exit" }]);
  const reports: unknown[] = [];
  const onReach = (fault?: string) => void reports.push(fault);
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), { onReach });
  await using _door = { [Symbol.asyncDispose]: () => dataplane.close() };
  const operations: readonly Operation[] = [
    { command: { kind: "link", device: device("vxlan100") } },
  ];
  for (let call = 0; call < 5; call += 1) {
    assert.equal((await dataplane.run(operations)).kind, "lost");
  }
  assert.deepEqual(reports, []);
  odd.obey([{ on: ".", does: "exit" }]);
  // The first one may meet an ip that has answered: its end alone is not reported.
  for (let call = 0; call < 2; call += 1) {
    assert.equal((await dataplane.run(operations)).kind, "lost");
  }
  assert.equal(reports.length, 1);
  odd.obey([]);
  assert.equal((await dataplane.run(operations)).kind, "answered");
  assert.deepEqual(reports.slice(1), [undefined]);
});

const TO = cidr("10.42.2.0/24");
const ROUTE = { destination: TO, device: device("vxlan100") };

/** Answers of every kind, to whatever was asked. */
const answers = fc.constantFrom<Answer>(
  { kind: "done" },
  { kind: "link", link: { kind: "missing" }, ifindex: 3 },
  {
    kind: "link",
    link: { kind: "present", ifindex: 3, up: true },
    ifindex: 3,
  },
  { kind: "neighbours", neighbours: [] },
  { kind: "best-route", route: undefined },
  { kind: "best-route", route: ourRoute(ROUTE) },
  { kind: "routes", routes: [] },
  { kind: "routes", routes: [ourRoute(ROUTE)] },
  { kind: "table", routes: [] },
  { kind: "rules", hiding: true },
);
const failures = fc.constantFrom(
  "exists",
  "absent",
  "no-device",
  "link-down",
  "not-permitted",
  "unreachable",
  "no-table",
  "other",
);
const results: fc.Arbitrary<OperationResult> = fc.oneof(
  answers.map((answer): OperationResult => ({ ok: true, answer })),
  failures.map((kind): OperationResult => ({
    ok: false,
    failure: { kind, message: kind },
  })),
);
const replies: fc.Arbitrary<BatchResult> = fc.oneof(
  { weight: 8, arbitrary: fc.array(results, { maxLength: 12 }).map(answered) },
  { weight: 1, arbitrary: fc.constant<BatchResult>({ kind: "lost", why: "the test" }) },
);

function answered(results: readonly OperationResult[]): BatchResult {
  return { kind: "answered", results };
}

Deno.test("reconcile commits every key once and never rejects, whatever the dataplane answers", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(replies, { maxLength: 30 }), async (scripted) => {
      const next = scripted.values();
      let asked = 0;
      const dataplane: Dataplane = {
        run: (operations) => {
          asked += 1;
          assert.ok(operations.every((one) => isRead(one.command) || "cause" in one));
          return Promise.resolve(next.next().value ?? { kind: "lost", why: "the end" });
        },
        drainAuditLog: () => Promise.resolve(true),
        dump: () => Promise.resolve({ kind: "lost", why: "no dump" }),
        watch: () => ({ close: () => {} }),
        watchDataPath: () => ({ close: () => {} }),
        close: () => Promise.resolve(),
        abort: () => {},
      };
      const cache = new KernelCache();
      const reconciler = new Reconciler({ dataplane, cache, store: TABLE_142 });
      const committed: string[] = [];
      const record = { kind: "route", route: ROUTE, claimed: true } as const;
      const undo = { kind: "delete", record } as const;
      const goal = { route: ROUTE, installed: undefined, persist: record, undo };
      const destination = cidr("10.42.3.0/24");
      const owners = "overlay";
      const other = {
        destination,
        owners,
        installed: undefined,
        erase: record,
      } as const;
      const commit = ({ kind }: PresentOutcome | AbsentOutcome) =>
        void committed.push(kind);
      await reconciler.reconcile([
        loopKey<PresentOutcome>({
          cause: CAUSE,
          device: ROUTE.device,
          plan: () => planPresent(goal, cache.known(ROUTE)),
          commit,
        }),
        loopKey<AbsentOutcome>({
          cause: CAUSE,
          device: undefined,
          plan: () => planAbsent(other, { clear: false }),
          commit,
        }),
      ]);
      assert.equal(committed.length, 2);
      assert.ok(asked <= 60, `${asked} batches`);
    }),
    { numRuns: 3_000 },
  );
});
