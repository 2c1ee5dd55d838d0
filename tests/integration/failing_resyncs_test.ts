import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { makeGround } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { installOddIp } from "./odd_ip.ts";

Deno.test("resyncs that keep failing while calls succeed are logged, and health is NOT_SERVING meanwhile", async () => {
  await using _ground = await makeGround("vxlan100");
  using odd = installOddIp();
  const faults: (string | undefined)[] = [];
  await using node = await openNodeUnderTest({
    resyncMs: 300,
    onKernel: (fault) => void faults.push(fault),
  });
  assert.equal(await node.inject("10.42.2.0/24"), "added");
  // Only a resync reads that.
  odd.obey([{ on: "^route show table main root", does: "exit" }]);
  await until(() => faults.length === 1, { what: "the fault", deadlineMs: 15_000 });
  assert.equal(
    faults[0],
    "3 resyncs failed in a row: ip ended before it answered (exit code 1), " +
      "and wrote nothing",
  );
  assert.equal(await node.inject("10.42.3.0/24"), "added");
  odd.obey([]);
  await until(() => faults.length === 2, { what: "its end" });
  assert.equal(faults[1], undefined);
  const logged = node.log.filter((line) => line.includes("The resync "));
  assert.equal(logged.length, 2, logged.join("\n"));
});

Deno.test("health is NOT_SERVING while no answer of ip is readable, and SERVING soon after", async () => {
  await using _ground = await makeGround("vxlan100");
  using odd = installOddIp();
  const faults: (string | undefined)[] = [];
  await using node = await openNodeUnderTest({
    resyncMs: 30_000,
    onKernel: (fault) => void faults.push(fault),
  });
  const text = "Dump was interrupted and may be inconsistent.";
  odd.obey([{ on: "^(link|route|rule)", does: "warn", text }]);
  const answer = await node.inject("10.42.2.0/24");
  assert.match(answer, /^No answer from the kernel about 10\.42\.2\.0\/24: Dump was/);
  // The repair goes on trying meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.deepEqual(faults, [text]);
  odd.obey([]);
  await until(() => faults.length === 2, { what: "its end" });
  assert.equal(faults[1], undefined);
  await until(async () => await node.inject("10.42.2.0/24") === "unchanged", {
    what: "the route",
  });
});
