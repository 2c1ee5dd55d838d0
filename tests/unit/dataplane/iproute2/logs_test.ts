import assert from "node:assert/strict";
import { HangLog } from "../../../../src/dataplane/iproute2/logs.ts";
import { until } from "../../../support/wait.ts";
import { ipChildren, makeGround } from "../../../support/fixtures.ts";
import { openNodeUnderTest } from "../../../integration/node_harness.ts";

/** A HangLog with a window of so many milliseconds, and its lines. */
function openHangLog(windowMs: number) {
  const lines: string[] = [];
  const logger = {
    log: (level: string, message: string) => void lines.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  };
  return { lines, hangs: new HangLog(logger, windowMs) };
}

Deno.test("Node logs an ip that hangs as one warning: its commands, how long, and what follows", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject("10.42.2.0/24"), "added");
  for (const pid of ipChildren()) Deno.kill(pid, "SIGSTOP");
  assert.equal(await peer.inject("10.42.3.0/24"), "added");
  const warnings = peer.log.filter((line) =>
    line.startsWith("warn: ") && !/^warn: [a-z-]+ \(/.test(line)
  );
  assert.equal(warnings.length, 1, peer.log.join("\n"));
  assert.match(
    warnings[0] ?? "",
    /^warn: ip did not answer within 2\d{3} ms, so the sidecar killed it and started a new one; commands: "link show dev vxlan100", "route get fibmatch 10\.42\.3\.0"$/,
  );
});

Deno.test("HangLog counts the hangs within a minute, and logs the count", async () => {
  const { hangs, lines } = openHangLog(100);
  const hang = { commands: ["route show table 142"], durationMs: 2000.4 };
  for (let time = 0; time < 6; time += 1) hangs.note(hang);
  assert.deepEqual(lines, [
    "warn: ip did not answer within 2000 ms, so the sidecar killed it and started a " +
    'new one; commands: "route show table 142"',
  ]);
  await until(() => lines.length === 2, { what: "the count" });
  assert.match(
    lines[1] ?? "",
    /^warn: ip hung 5 more times since then and was killed each time$/,
  );
  hangs.note(hang);
  hangs.close();
  assert.match(lines[2] ?? "", /^warn: ip hung 1 more time since/);
  hangs.close();
  assert.equal(lines.length, 3);
});
