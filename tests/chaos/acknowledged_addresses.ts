/** A model of the allocations that a sidecar has acknowledged before a kill. */
import assert from "node:assert/strict";

/** The last answer to an owner, or that the result of its last call is unknown. */
type LastAnswer =
  | { readonly kind: "has"; readonly address: string }
  | { readonly kind: "unknown" };

const UNKNOWN: LastAnswer = { kind: "unknown" };

/** An owner in none of these maps has no allocation, by its last answer. */
export class AcknowledgedAddresses {
  readonly #answers = new Map<string, LastAnswer>();
  /** Owners whose call got no answer, and whether it was an allocation. */
  readonly #lost = new Map<string, boolean>();
  /** Calls that were answered. */
  answered = 0;
  /** Calls without an answer that the kernel had executed. */
  doneUnanswered = 0;
  /** Calls without an answer that the kernel had not executed. */
  notDone = 0;

  /** AllocateAddress was answered, with an address or a status. */
  allocated(owner: string, answer: string): void {
    const before = this.#answers.get(owner);
    if (/^\d/.test(answer)) {
      if (before?.kind === "has") assert.equal(answer, before.address, owner);
      for (const [other, last] of this.#answers) {
        const shared = last.kind === "has" && last.address === answer;
        assert.ok(other === owner || !shared, `${answer}: ${owner} and ${other}`);
      }
      this.#answers.set(owner, { kind: "has", address: answer });
    } else if (isUnanswered(answer)) {
      if (before !== undefined) return;
      this.#answers.set(owner, UNKNOWN);
      this.#lost.set(owner, true);
      return;
    } else {
      assert.match(
        answer,
        /^RESOURCE_EXHAUSTED: Every address of 10\.42\.1\.0\/27 is /,
      );
      assert.ok(before?.kind !== "has", `${owner} had an address`);
    }
    this.answered += 1;
  }

  /** From now on another owner may get the address, even before the answer. */
  releasing(owner: string): void {
    if (this.#answers.has(owner)) this.#answers.set(owner, UNKNOWN);
  }

  /** ReleaseAddress was answered, with an address, nothing, or a status. */
  released(owner: string, answer: string): void {
    if (isUnanswered(answer)) {
      if (this.#answers.has(owner)) this.#lost.set(owner, false);
      return;
    }
    assert.match(answer, /^$|^10\.42\.1\.\d+$/);
    this.#answers.delete(owner);
    this.answered += 1;
  }

  /** Compares lines such as `10.42.1.2 web-1` with the answers, and replaces those. */
  compare(listed: readonly string[]): void {
    const pairs = listed.map((line) => line.split(" "));
    const has = new Map(pairs.map(([address = "", owner = ""]) => [owner, address]));
    assert.equal(has.size, listed.length, `an owner twice:\n${listed.join("\n")}`);
    assert.equal(new Set(has.values()).size, listed.length, "an address twice");
    for (const owner of has.keys()) {
      assert.ok(this.#answers.has(owner), `${owner} is back`);
    }
    for (const [owner, last] of this.#answers) {
      if (last.kind === "has") assert.equal(has.get(owner), last.address, owner);
    }
    for (const [owner, gives] of this.#lost) {
      if (has.has(owner) === gives) this.doneUnanswered += 1;
      else this.notDone += 1;
    }
    this.#lost.clear();
    this.#answers.clear();
    for (const [owner, address] of has) {
      this.#answers.set(owner, { kind: "has", address });
    }
  }
}

function isUnanswered(answer: string): boolean {
  return answer.startsWith("UNAVAILABLE: ");
}
