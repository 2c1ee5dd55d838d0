/**
 * @long
 * @needs go python rust
 */
import assert from "node:assert/strict";
import { openHost } from "../e2e/host.ts";
import { residentKiB } from "../e2e/processes.ts";
import { print } from "../support/isolation.ts";
import {
  goTool,
  pythonClient,
  tonicClient,
  type ToolCommand,
} from "../support/tools.ts";
import { SidecarCheck } from "./sidecar_check.ts";
import { fullTest } from "../support/suite.ts";

const CONNECTIONS = 1_000;
/** A hang is to have a name. */
const LIMIT_S = 60;

function seedOfThisRun(): number {
  const given = Deno.env.get("QUILT_FUZZ_SEED");
  return given === undefined ? Math.floor(Math.random() * 1e9) : Number(given);
}

async function go(): Promise<ToolCommand> {
  return { command: [await goTool("quiltcall"), "misuse"], env: {} };
}

async function tonic(): Promise<ToolCommand> {
  return { command: [await tonicClient(), "misuse"], env: {} };
}

const CLIENTS = {
  "grpc-go": go,
  grpcio: () => pythonClient("misuse"),
  tonic,
} as const;

for (const [name, client] of Object.entries(CLIENTS)) {
  fullTest(
    `the sidecar survives ${CONNECTIONS} connections of a ${name} client that calls missing methods, cancels, watches, sends too much, and closes at any moment, and the next call is right`,
    async () => {
      const seed = seedOfThisRun();
      await using host = await openHost();
      const check = new SidecarCheck(host);
      const { env, command } = await client();
      const began = performance.now();
      const { code, stderr, stdout } = await host.namespace.run(
        [
          "timeout",
          `${LIMIT_S}`,
          ...command,
          "127.0.0.1:50051",
          `${CONNECTIONS}`,
          `${seed}`,
        ],
        { env },
      );
      const seconds = Math.round((performance.now() - began) / 1_000);
      await check.verify(`misuse by ${name} (QUILT_FUZZ_SEED=${seed})`);
      assert.equal(code, 0, stderr.slice(-2_000));
      const mib = residentKiB(host.sidecar.pid) >> 10;
      await print(
        `${name}, QUILT_FUZZ_SEED=${seed}: ${stdout.trim()}; ${seconds} s, RSS ${mib} MiB`,
      );
      assert.equal((await host.sidecar.stop()).code, 0, host.sidecar.log.join("\n"));
    },
  );
}
