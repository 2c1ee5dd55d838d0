import assert from "node:assert/strict";
import { removeRoutes } from "../../src/reconcile/shutdown.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import { openRoutes } from "./routes_harness.ts";
import { FaultyDataplane } from "./faulty_dataplane.ts";
import { batch, ip, makeDice, makeGround } from "../support/fixtures.ts";

const ROUNDS = 100;
/** One end is met in a few rounds of a hundred, and by chance in none of them. */
const MOST_ROUNDS = 1_000;

Deno.test("--remove-routes-on-exit logs the truth about what it removed, with three of five replies lost", async () => {
  await using _ground = await makeGround("vxlan100");
  const dice = makeDice();
  let faulty: FaultyDataplane | undefined;
  await using node = openRoutes({
    behind: (dataplane) => faulty = new FaultyDataplane(dataplane, dice),
  });
  assert.ok(faulty !== undefined);
  faulty.faults = { before: 20, within: 20, after: 20 };
  const met = { all: 0, some: 0, unknown: 0 };
  const missing = (): boolean => Object.values(met).includes(0);
  for (let round = 0; round < (missing() ? MOST_ROUNDS : ROUNDS); round += 1) {
    const peers = Array.from({ length: 4 }, (_, at) => `10.42.${at + 2}.0/24`);
    await batch(peers.flatMap((to) => [
      `route replace ${to} dev vxlan100 proto 142`,
      `route replace unreachable ${to} table 142 proto 142 metric 142 window 1987603553`,
    ]));
    const log: string[] = [];
    const logger = {
      log: (level: string, message: string) => void log.push(`${level}: ${message}`),
      flush: () => Promise.resolve(),
    };
    const { reconciler, parts: { policy } } = node;
    await removeRoutes({ reconciler, store: TABLE_142, policy, logger });
    const left = await ip("-4 route show table all proto 142");
    const routes = [...left.matchAll(/^10\.42\.\d+\.0\/24 dev vxlan100/gm)].length;
    const context = `${log.join()}, with the seed ${dice.seed}:\n${left}`;
    const counted = /^error: Removed (\d) of 4 routes on exit\. /.exec(log.join());
    if (counted !== null) {
      met.some += 1;
      assert.equal(Number(counted[1]), 4 - routes, context);
      assert.notEqual(left, "", context);
    } else if (log.join() === "info: Removed 4 routes on exit") {
      met.all += 1;
      assert.equal(left, "", context);
    } else {
      met.unknown += 1;
      assert.match(
        log.join(),
        /^error: (?:Cannot remove routes on|Some routes may be left after) exit: injected by the test$/,
        context,
      );
    }
  }
  assert.ok(!missing(), JSON.stringify(met));
});
