/** Whether a sidecar is as it was, whatever has been done to it. */
import assert from "node:assert/strict";
import { healthProbe } from "../e2e/grpc_tools.ts";
import { done, type Host } from "../e2e/host.ts";
import { connectClient } from "../support/client.ts";

/** Looks at one sidecar again and again. */
export class Witness {
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
   * It lives, answers truly on a connection that was there before and on a new one, and
   * is SERVING.
   *
   * @param after what was done, for the failure
   */
  async look(after: string): Promise<void> {
    this.#mustLive(after);
    const { client, namespace } = this.#host;
    try {
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
      await using other = await connectClient(namespace);
      assert.deepEqual(await other.removeRoute("10.42.2.0/24"), done);
    } catch (error) {
      this.#mustLive(after);
      throw error;
    }
    const { code, stderr } = await healthProbe(namespace);
    assert.equal(code, 0, `${after}: ${stderr}`);
    this.#mustLive(after);
  }

  #mustLive(after: string): void {
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
