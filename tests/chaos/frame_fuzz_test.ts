/**
 * @long
 * @needs go
 */
import assert from "node:assert/strict";
import { openHost } from "../e2e/host.ts";
import { residentKiB } from "../e2e/processes.ts";
import { print } from "../support/isolation.ts";
import { numberAt, parseJsonObject } from "../../deploy/json.ts";
import { goTool } from "../support/tools.ts";
import { SidecarCheck } from "./sidecar_check.ts";
import { fullTest } from "../support/suite.ts";

const CONNECTIONS = Number(Deno.env.get("QUILT_FUZZ_CONNECTIONS") ?? 10_000);
const BATCH = 500;

/** Decides every byte; with it a run can be repeated. */
function seedOfThisRun(): number {
  const given = Deno.env.get("QUILT_FUZZ_SEED");
  return given === undefined ? Math.floor(Math.random() * 1e9) : Number(given);
}

fullTest(
  `the sidecar survives ${CONNECTIONS} connections of random frames: after each ${BATCH} it is SERVING, and the next call is right`,
  async () => {
    const seed = seedOfThisRun();
    await using host = await openHost();
    const { namespace, sidecar } = host;
    const check = new SidecarCheck(host);
    const fuzzer = await goTool("quiltcall");
    const sums = new Map<string, number>();
    const began = performance.now();
    let peakKiB = 0;
    for (let first = 0; first < CONNECTIONS; first += BATCH) {
      const words = ["fuzz", "127.0.0.1:50051", first, BATCH, seed].map(String);
      const { code, stderr, stdout } = await namespace.run([fuzzer, ...words]);
      assert.equal(code, 0, stderr);
      const reported = parseJsonObject(stdout);
      for (const name of ["connections", "refused", "received", "ended", "sent"]) {
        sums.set(name, (sums.get(name) ?? 0) + numberAt(reported, name));
      }
      await check.verify(
        `connections ${first} to ${first + BATCH} (QUILT_FUZZ_SEED=${seed})`,
      );
      peakKiB = Math.max(peakKiB, residentKiB(sidecar.pid));
    }
    const seconds = Math.round((performance.now() - began) / 1_000);
    const counts = Array.from(sums, ([name, sum]) => `${sum} ${name}`).join(", ");
    await print(
      `fuzz, QUILT_FUZZ_SEED=${seed}: ${counts}; ${seconds} s, RSS ${
        peakKiB >> 10
      } MiB`,
    );
    // A connection that is never accepted tests nothing.
    assert.ok((sums.get("received") ?? 0) > CONNECTIONS / 2, counts);
    assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
  },
);
