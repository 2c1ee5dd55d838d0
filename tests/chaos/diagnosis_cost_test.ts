/**
 * @alone
 * @long
 */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { numberAt, objectAt } from "../../deploy/json.ts";
import { addVxlan, makeNamespace } from "../support/namespace.ts";
import { type Quilt, startQuilt } from "../support/quilt.ts";
import { startSidecar } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { processorSeconds } from "../e2e/processes.ts";

/** When the latest look was made, in seconds since 1970. */
async function diagnosedAt(quilt: Quilt): Promise<number> {
  const answer = await quilt.call("findings");
  assert.ok(typeof answer !== "string", String(answer));
  return numberAt(objectAt(answer, "diagnosed_at"), "seconds");
}

/** Two looks at the data path at least. */
const REST_MS = 65_000;

fullTest(
  "the checks of 10,000 routes and as many peers take at most 3 % of a core at rest",
  async () => {
    await using namespace = await makeNamespace();
    await addVxlan(namespace);
    const peers = Array.from({ length: 10_000 }, (_, at) => ({
      destination: `10.${100 + (at >> 8)}.${at & 255}.0/24`,
      host: `198.18.${at >> 8}.${at & 255}`,
    }));
    await namespace.run(["bridge", "-batch", "-"], {
      stdin: peers.map(({ host }) =>
        `fdb append 00:00:00:00:00:00 dev vxlan100 dst ${host}\n`
      ).join(""),
    });
    await using sidecar = await startSidecar(namespace, {
      // Without resyncs, whose cost is the operator's choice and no part of the checks.
      options: ["--cluster-cidr", "10.0.0.0/8", "--resync-interval", "3600"],
    });
    await using quilt = startQuilt(namespace);
    const routes = peers.map(({ destination }) => ({
      destination,
      device: "vxlan100",
    }));
    await quilt.call("sync", { routes, dryRun: false });
    await setTimeout(5_000);
    const lookedBefore = await diagnosedAt(quilt);
    const before = processorSeconds(sidecar.pid);
    await setTimeout(REST_MS);
    const used = processorSeconds(sidecar.pid) - before;
    // What does not look costs nothing.
    const looked = await diagnosedAt(quilt) - lookedBefore;
    assert.ok(looked >= 30, `the last looks are ${looked} s apart`);
    const share = used / (REST_MS / 1_000);
    assert.ok(share < 0.03, `${(share * 100).toFixed(1)} % of a core`);
  },
);
