import assert from "node:assert/strict";
import type { StatedRoute } from "../../src/routes/route_set.ts";
import { startQuilt } from "../support/quilt.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { type Dice, makeDice } from "../kernel/ground.ts";
import { readOurs } from "./ours.ts";
import { makeNamespaceWith } from "./overlay.ts";

const ROUNDS = 12;

/** So many that a SyncRoutes takes longer than it takes to kill it. */
const PEERS = 600;

const OPTIONS = { options: ["--cluster-cidr", "10.0.0.0/8"] };

function stateSome(dice: Dice): readonly StatedRoute[] {
  return Array.from({ length: PEERS }, (_, at) => ({
    destination: `10.${42 + (at >> 8)}.${at & 255}.0/24`,
    device: "vxlan100",
  })).filter(() => dice.roll(3) > 0);
}

function destinations(routes: readonly StatedRoute[]): ReadonlySet<string> {
  return new Set(routes.map(({ destination }) => destination));
}

Deno.test(`kill -9 in the middle of SyncRoutes, ${ROUNDS} times: what was acknowledged and is still wanted stays, and the next one heals the rest`, async () => {
  const dice = makeDice();
  await using overlay = await makeNamespaceWith("up");
  const { namespace } = overlay;
  await using quilt = startQuilt(namespace);
  const sync = (routes: readonly StatedRoute[]) =>
    quilt.call("sync", { routes: routes.map((route) => ({ ...route })) });
  let before: ReadonlySet<string> = new Set();
  let answered = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    try {
      await using sidecar = await startSidecar(namespace, OPTIONS);
      // The client waits a while before it connects to the next life.
      await until(async () => typeof await quilt.call("routes") !== "string", {
        what: "the connection",
      });
      const stated = stateSome(dice);
      const syncing = sync(stated);
      const moment = performance.now() + dice.roll(60);
      await until(() => performance.now() >= moment, {
        what: "the moment",
        everyMs: 1,
      });
      sidecar.kill("SIGKILL");
      const answer = await syncing;
      await sidecar.status;
      const now = destinations(stated);
      const { main, memory } = await readOurs(namespace);
      for (const destination of now) {
        if (typeof answer === "string" && !before.has(destination)) continue;
        assert.ok(main.has(destination), `the route to ${destination}`);
        assert.ok(memory.has(destination), `the memory of ${destination}`);
      }
      for (const destination of [...main.keys(), ...memory.keys()]) {
        const known = now.has(destination) ||
          typeof answer === "string" && before.has(destination);
        assert.ok(known, `nobody wants ${destination}`);
      }
      if (typeof answer !== "string") answered += 1;
      else assert.match(answer, /^UNAVAILABLE: /);

      await using _next = await startSidecar(namespace, OPTIONS);
      await until(async () => typeof await sync(stated) !== "string", {
        what: "the next SyncRoutes",
      });
      const healed = await readOurs(namespace);
      assert.deepEqual(new Set(healed.main.keys()), now);
      assert.deepEqual(new Set(healed.memory.keys()), now);
      before = now;
    } catch (cause) {
      throw new Error(`Round ${round} of the seed ${dice.seed}`, { cause });
    }
  }
  assert.ok(answered < ROUNDS, "no kill came in time");
});
