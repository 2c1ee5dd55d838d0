/** Checks that a sidecar still runs and serves after an attack. */
import assert from "node:assert/strict";
import { healthProbe } from "../e2e/grpc_tools.ts";
import { done, type Host } from "../e2e/host.ts";
import { connectClient } from "../support/client.ts";

/** Checks one sidecar repeatedly. */
export class SidecarCheck {
  readonly #host: Host;
  #ended: Deno.CommandStatus | undefined;

  constructor(host: Host) {
    this.#host = host;
    host.sidecar.status.then((status) => this.#ended = status);
  }

  /** Whether its process has ended. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Fails unless the process runs, answers truly on an old connection and on a new one,
   * and is SERVING.
   *
   * @param after what the test did, for the message
   */
  async verify(after: string): Promise<void> {
    this.#mustRun(after);
    const { client, namespace } = this.#host;
    try {
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
      await using other = await connectClient(namespace);
      assert.deepEqual(await other.removeRoute("10.42.2.0/24"), done);
    } catch (error) {
      this.#mustRun(after);
      throw error;
    }
    const { code, stderr } = await healthProbe(namespace);
    assert.equal(code, 0, `${after}: ${stderr}`);
    this.#mustRun(after);
  }

  #mustRun(after: string): void {
    const { log, pid } = this.#host.sidecar;
    // Without the frames of a stack, which are many and have no names.
    const last = log.filter((line) => /^\S/.test(line)).slice(-8).join("\n");
    assert.equal(
      this.#ended,
      undefined,
      `process ${pid} ended after ${after}:\n${last}`,
    );
  }
}
