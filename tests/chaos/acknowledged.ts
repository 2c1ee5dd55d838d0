/** A model of the routes that a sidecar has acknowledged before a kill. */
import assert from "node:assert/strict";
import type { Answer } from "../support/client.ts";
import type { KernelState } from "./kernel_state.ts";

/** A call of the agent; every route goes through vxlan100. */
export type AgentCall =
  | { readonly rpc: "InjectRoute" | "RemoveRoute"; readonly destination: string }
  | { readonly rpc: "ConfigureNodeSubnet"; readonly destination: string };

/** What may be true of each prefix: one value after an answer, two after a lost one. */
export class Acknowledged {
  readonly #desired = new Map<string, ReadonlySet<boolean>>();
  #subnets: ReadonlySet<string | undefined> = new Set([undefined]);
  /** Calls without an answer that the kernel had executed. */
  doneUnanswered = 0;
  /** Calls without an answer that the kernel had not executed. */
  notDone = 0;

  /** The sidecar answered: from now on exactly this must hold. */
  answered({ destination, rpc }: AgentCall, answer: Answer): void {
    switch (rpc) {
      case "InjectRoute":
        if (/is this node's own subnet$/.test(answer.error)) return;
        // A route that waits for its device is desired as well.
        assert.match(answer.error, /^$|^Interface 'vxlan100' (not found|is down)$/);
        this.#desired.set(destination, new Set([true]));
        return;
      case "RemoveRoute":
        assert.equal(answer.error, "");
        this.#desired.set(destination, new Set([false]));
        return;
      case "ConfigureNodeSubnet":
        assert.equal(answer.error, "");
        this.#subnets = new Set([destination]);
        this.#desired.set(destination, new Set([false]));
    }
  }

  /** The sidecar was killed before it answered: the result is unknown. */
  unanswered({ destination, rpc }: AgentCall): void {
    const before = this.#desired.get(destination) ?? new Set([false]);
    switch (rpc) {
      case "InjectRoute":
        if (this.#subnets.size === 1 && this.#subnets.has(destination)) return;
        this.#desired.set(destination, new Set([...before, true]));
        return;
      case "RemoveRoute":
        this.#desired.set(destination, new Set([...before, false]));
        return;
      case "ConfigureNodeSubnet":
        this.#subnets = new Set([...this.#subnets, destination]);
        this.#desired.set(destination, new Set([...before, false]));
    }
  }

  /** Compares the kernel with the answers; its state is certain from then on. */
  compare(kernel: KernelState, isUp: boolean): void {
    assert.ok(this.#subnets.has(kernel.subnet), `the subnet is ${kernel.subnet}`);
    this.#subnets = new Set([kernel.subnet]);
    for (const [destination, device] of kernel.records) {
      assert.equal(device, "vxlan100");
      assert.ok(this.#desired.has(destination), `${destination} was never requested`);
    }
    for (const [destination, possible] of this.#desired) {
      const there = kernel.records.has(destination);
      assert.ok(possible.has(there), `record of ${destination}: ${there}`);
      // The value before the call without an answer comes first.
      const [before] = possible;
      if (possible.size > 1 && there === before) this.notDone += 1;
      else if (possible.size > 1) this.doneUnanswered += 1;
      this.#desired.set(destination, new Set([there]));
    }
    assert.deepEqual(sorted(kernel.main), isUp ? sorted(kernel.records) : []);
  }

  /** The desired destinations; only after {@linkcode compare}. */
  get destinations(): readonly string[] {
    return [...this.#desired].filter(([, possible]) => possible.has(true))
      .map(([destination]) => destination);
  }

  /** The node's subnet; only after {@linkcode compare}. */
  get subnet(): string | undefined {
    return [...this.#subnets][0];
  }
}

function sorted(routes: ReadonlyMap<string, string>): readonly string[] {
  return [...routes].map((pair) => pair.join(" dev ")).toSorted();
}
