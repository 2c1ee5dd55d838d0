/** A model of what a sidecar that may be killed at any moment owes to its caller. */
import assert from "node:assert/strict";
import type { Answer } from "../support/client.ts";
import type { Ours } from "./ours.ts";

/** A word of the agent; every route goes through vxlan100. */
export type Word =
  | { readonly rpc: "InjectRoute" | "RemoveRoute"; readonly destination: string }
  | { readonly rpc: "ConfigureNodeSubnet"; readonly destination: string };

/** What may be true of each prefix: one value after an answer, two after a lost one. */
export class Acknowledged {
  readonly #wanted = new Map<string, ReadonlySet<boolean>>();
  #subnets: ReadonlySet<string | undefined> = new Set([undefined]);
  /** Words without an answer of which the kernel showed that they were done. */
  doneUnanswered = 0;
  /** Words without an answer of which it showed that they were not. */
  notDone = 0;

  /** The sidecar answered: from now on exactly this is owed. */
  answered({ destination, rpc }: Word, answer: Answer): void {
    switch (rpc) {
      case "InjectRoute":
        if (/is this node's own subnet$/.test(answer.error)) return;
        // A route that has to wait for its device is owed just as well.
        assert.match(answer.error, /^$|^Interface 'vxlan100' (not found|is down)$/);
        this.#wanted.set(destination, new Set([true]));
        return;
      case "RemoveRoute":
        assert.equal(answer.error, "");
        this.#wanted.set(destination, new Set([false]));
        return;
      case "ConfigureNodeSubnet":
        assert.equal(answer.error, "");
        this.#subnets = new Set([destination]);
        this.#wanted.set(destination, new Set([false]));
    }
  }

  /** It was killed before it answered: it may have been done or not. */
  unanswered({ destination, rpc }: Word): void {
    const before = this.#wanted.get(destination) ?? new Set([false]);
    switch (rpc) {
      case "InjectRoute":
        if (this.#subnets.size === 1 && this.#subnets.has(destination)) return;
        this.#wanted.set(destination, new Set([...before, true]));
        return;
      case "RemoveRoute":
        this.#wanted.set(destination, new Set([...before, false]));
        return;
      case "ConfigureNodeSubnet":
        this.#subnets = new Set([...this.#subnets, destination]);
        this.#wanted.set(destination, new Set([...before, false]));
    }
  }

  /** Holds the kernel against what is owed; what it shows is certain from now on. */
  settle(ours: Ours, isUp: boolean): void {
    assert.ok(this.#subnets.has(ours.subnet), `the subnet is ${ours.subnet}`);
    this.#subnets = new Set([ours.subnet]);
    for (const [destination, device] of ours.memory) {
      assert.equal(device, "vxlan100");
      assert.ok(this.#wanted.has(destination), `${destination} was never asked for`);
    }
    for (const [destination, possible] of this.#wanted) {
      const there = ours.memory.has(destination);
      assert.ok(possible.has(there), `${destination} remembered: ${there}`);
      // What was true before the word without an answer stands first.
      const [before] = possible;
      if (possible.size > 1 && there === before) this.notDone += 1;
      else if (possible.size > 1) this.doneUnanswered += 1;
      this.#wanted.set(destination, new Set([there]));
    }
    assert.deepEqual(sorted(ours.main), isUp ? sorted(ours.memory) : []);
  }

  /** The destinations that are owed; only after {@linkcode settle}. */
  get destinations(): readonly string[] {
    return [...this.#wanted].filter(([, possible]) => possible.has(true))
      .map(([destination]) => destination);
  }

  /** The node's subnet; only after {@linkcode settle}. */
  get subnet(): string | undefined {
    return [...this.#subnets][0];
  }
}

function sorted(routes: ReadonlyMap<string, string>): readonly string[] {
  return [...routes].map((pair) => pair.join(" dev ")).toSorted();
}
