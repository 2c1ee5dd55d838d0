import assert from "node:assert/strict";
import fc from "fast-check";
import { parseEvent, watchKernel } from "../../../../src/dataplane/iproute2/monitor.ts";
import { childrenOf, signalAll } from "../../../e2e/processes.ts";
import { until } from "../../../support/wait.ts";
import { bounded } from "../../../support/suite.ts";

function monitors() {
  return childrenOf(Deno.pid).filter(({ command }) => command.includes("monitor"));
}

Deno.test("watchKernel reports an exit of ip before the restart, and the restart as well", async () => {
  const events: string[] = [];
  const monitor = watchKernel(({ kind }) => {
    if (kind === "monitor-down") events.push(`down, ${monitors().length} alive`);
    if (kind === "monitor-up") events.push("up");
  });
  for (let round = 1; round <= 6; round += 1) {
    await until(() => monitors().length === 1, { what: "an ip monitor" });
    signalAll(monitors(), "SIGKILL");
    await until(() => events.length === 2 * round, { what: () => events.join() });
  }
  monitor.close();
  assert.deepEqual(
    events,
    Array.from({ length: 6 }, () => ["down, 0 alive", "up"]).flat(),
  );
});

Deno.test("watchKernel reports that ip cannot be started, and when it can", async () => {
  const events: string[] = [];
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", "/nonexistent");
  const monitor = watchKernel(({ kind }) => void events.push(kind));
  try {
    await until(() => events.length >= 2, { what: "two attempts" });
    assert.deepEqual(new Set(events), new Set(["monitor-down"]));
  } finally {
    Deno.env.set("PATH", path);
  }
  await until(() => events.at(-1) === "monitor-up", { what: "a start" });
  monitor.close();
});

for (
  const [line, kind] of [
    ["101:\tfrom all to 10.42.3.0/24 7", "rule"],
    ["Deleted 101:\tfrom all to 10.42.3.0/24 unreachable", "rule"],
    ["104:\tfrom all lookup 254 suppress_prefixlength 16", "rule"],
    ["106:\tfrom all to 10.42.3.0/24 goto 32767", "rule"],
    ["108:\tfrom all nop", "rule"],
    ["Deleted 32766:\tfrom all lookup 254", "rule"],
    ["105:\tfrom all iif vxlan100 lookup 100", undefined],
    ["5210:\tnot from all fwmark 0xca6c lookup 51820", undefined],
    ["5: from: <BROADCAST,UP> mtu 1450", "link"],
    ["10.42.2.0/24 dev vxlan100 proto 142 scope 253", "route"],
    ["Deleted 7 10.42.2.0/24 table 142 proto 142 metric 142", "route"],
  ] as const
) {
  Deno.test(`parseEvent reads ${JSON.stringify(line)} as ${kind ?? "no event"}`, () => {
    assert.equal(parseEvent(line)?.kind, kind);
  });
}

Deno.test("parseEvent never throws, whatever the line", () => {
  const token = fc.constantFrom(
    ..."Deleted 7 10.42.2.0/24 10.42.2.1/24 dev vxlan100 proto 142 table 1e9 -1 101: from"
      .split(" "),
    "5: v1: <UP>",
    "5:\t",
    "\u0000",
    "default",
    "fe80::/64",
    "",
  );
  const line = fc.oneof(
    fc.array(token, { maxLength: 12 }).map((many) => many.join(" ")),
    fc.string({ maxLength: 80, unit: "binary" }),
  );
  fc.assert(fc.property(line, (text) => void parseEvent(text)), {
    numRuns: bounded(20_000, 4_000),
  });
});
