/** What a pool of addresses has to do, written as simply as it can be. */

/** A pool that walks and counts by hand; addresses are the last octet in 10.42.1.0. */
export class PoolModel {
  readonly #gateway: number;
  readonly #broadcast: number;
  readonly held = new Map<string, number>();
  #last = 0;

  constructor(prefix: number, gateway: number) {
    this.#gateway = gateway;
    this.#broadcast = 2 ** (32 - prefix) - 1;
  }

  /** A number: the octet that the owner has now; a text: why it gets none. */
  allocate(owner: string, wanted?: number): number | string {
    const held = this.held.get(owner);
    if (held !== undefined && (wanted ?? held) === held) return held;
    if (wanted !== undefined) {
      if (wanted > this.#broadcast) return "outside";
      if (!this.#givable(wanted)) return "reserved";
      if (held !== undefined) return "holds-another";
      if (this.#isTaken(wanted)) return "taken";
      return this.#give(owner, wanted);
    }
    for (let step = 1; step <= this.#broadcast + 1; step += 1) {
      const octet = (this.#last + step) % (this.#broadcast + 1);
      if (this.#givable(octet) && !this.#isTaken(octet)) {
        return this.#give(owner, octet);
      }
    }
    return "exhausted";
  }

  release(owner: string): number | undefined {
    const octet = this.held.get(owner);
    this.held.delete(owner);
    return octet;
  }

  get free(): number {
    let free = 0;
    for (let octet = 0; octet <= this.#broadcast; octet += 1) {
      if (this.#givable(octet) && !this.#isTaken(octet)) free += 1;
    }
    return free;
  }

  #give(owner: string, octet: number): number {
    this.held.set(owner, octet);
    this.#last = octet;
    return octet;
  }

  #givable(octet: number): boolean {
    return octet > 0 && octet < this.#broadcast && octet !== this.#gateway;
  }

  #isTaken(octet: number): boolean {
    return [...this.held.values()].includes(octet);
  }
}
