/** A model of what a sidecar that may be killed at any moment owes to its owners. */
import assert from "node:assert/strict";

/** What an owner was told last, or that nobody knows what became of its last call. */
type Told =
  | { readonly kind: "has"; readonly address: string }
  | { readonly kind: "unknown" };

const UNKNOWN: Told = { kind: "unknown" };

/** Whoever stands in none of these was told that it has nothing. */
export class AddressDebts {
  readonly #told = new Map<string, Told>();
  /** Owners whose call a kill left without an answer, and whether it was to give. */
  readonly #lost = new Map<string, boolean>();
  /** Calls that were answered. */
  answered = 0;
  /** Calls without an answer of which the kernel showed that they were done. */
  doneUnanswered = 0;
  /** Calls without an answer of which it showed that they were not. */
  notDone = 0;

  /** AllocateAddress was answered, with an address or a word. */
  allocated(owner: string, word: string): void {
    const before = this.#told.get(owner);
    if (/^\d/.test(word)) {
      if (before?.kind === "has") assert.equal(word, before.address, owner);
      for (const [other, told] of this.#told) {
        const shared = told.kind === "has" && told.address === word;
        assert.ok(other === owner || !shared, `${word}: ${owner} and ${other}`);
      }
      this.#told.set(owner, { kind: "has", address: word });
    } else if (isUnanswered(word)) {
      if (before !== undefined) return;
      this.#told.set(owner, UNKNOWN);
      this.#lost.set(owner, true);
      return;
    } else {
      assert.match(word, /^RESOURCE_EXHAUSTED: Every address of 10\.42\.1\.0\/27 is /);
      assert.ok(before?.kind !== "has", `${owner} had an address`);
    }
    this.answered += 1;
  }

  /** From now on another owner may be given its address, whoever is answered first. */
  releasing(owner: string): void {
    if (this.#told.has(owner)) this.#told.set(owner, UNKNOWN);
  }

  /** ReleaseAddress was answered, with an address, nothing, or a word. */
  released(owner: string, word: string): void {
    if (isUnanswered(word)) {
      if (this.#told.has(owner)) this.#lost.set(owner, false);
      return;
    }
    assert.match(word, /^$|^10\.42\.1\.\d+$/);
    this.#told.delete(owner);
    this.answered += 1;
  }

  /** Holds what is listed, `10.42.1.2 web-1`, against all that; it is certain then. */
  settle(listed: readonly string[]): void {
    const pairs = listed.map((line) => line.split(" "));
    const has = new Map(pairs.map(([address = "", owner = ""]) => [owner, address]));
    assert.equal(has.size, listed.length, `an owner twice:\n${listed.join("\n")}`);
    assert.equal(new Set(has.values()).size, listed.length, "an address twice");
    for (const owner of has.keys()) {
      assert.ok(this.#told.has(owner), `${owner} is back`);
    }
    for (const [owner, told] of this.#told) {
      if (told.kind === "has") assert.equal(has.get(owner), told.address, owner);
    }
    for (const [owner, gives] of this.#lost) {
      if (has.has(owner) === gives) this.doneUnanswered += 1;
      else this.notDone += 1;
    }
    this.#lost.clear();
    this.#told.clear();
    for (const [owner, address] of has) this.#told.set(owner, { kind: "has", address });
  }
}

function isUnanswered(word: string): boolean {
  return word.startsWith("UNAVAILABLE: ");
}
