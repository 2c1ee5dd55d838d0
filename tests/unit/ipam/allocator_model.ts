/**
 * The simplest allocator that is right: it searches linearly. Its addresses are the last
 * octet in 10.42.1.0.
 */
export class AllocatorModel {
  readonly #gateway: number;
  readonly #broadcast: number;
  readonly held = new Map<string, number>();
  #last = 0;

  constructor(prefix: number, gateway: number) {
    this.#gateway = gateway;
    this.#broadcast = 2 ** (32 - prefix) - 1;
  }

  /** Returns the octet that the owner has now, or the kind of the fault. */
  allocate(owner: string, requested?: number): number | string {
    const held = this.held.get(owner);
    if (held !== undefined && (requested ?? held) === held) return held;
    if (requested !== undefined) {
      if (requested > this.#broadcast) return "outside";
      if (!this.#isHost(requested)) return "reserved";
      if (held !== undefined) return "holds-another";
      if (this.#isTaken(requested)) return "taken";
      return this.#assign(owner, requested);
    }
    for (let step = 1; step <= this.#broadcast + 1; step += 1) {
      const octet = (this.#last + step) % (this.#broadcast + 1);
      if (this.#isHost(octet) && !this.#isTaken(octet)) {
        return this.#assign(owner, octet);
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
      if (this.#isHost(octet) && !this.#isTaken(octet)) free += 1;
    }
    return free;
  }

  #assign(owner: string, octet: number): number {
    this.held.set(owner, octet);
    this.#last = octet;
    return octet;
  }

  #isHost(octet: number): boolean {
    return octet > 0 && octet < this.#broadcast && octet !== this.#gateway;
  }

  #isTaken(octet: number): boolean {
    return [...this.held.values()].includes(octet);
  }
}
