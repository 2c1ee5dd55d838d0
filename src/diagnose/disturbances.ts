import type { KernelEvent, Mutation } from "../dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { OUR_PROTOCOL, TABLE_MAIN } from "../routing/kernel_route.ts";
import type { Contention } from "./facts.ts";
import { CONTENDED_COUNT, CONTENDED_KEPT, CONTENDED_MS } from "./limits.ts";

interface Disturbed {
  /** When another process changed the route, the latest at the end. */
  readonly atMs: readonly number[];
  readonly protocol: number | undefined;
}

/** Counts what other processes do to the routes that are desired. */
export class Disturbances {
  readonly #isDesired: (destination: Ipv4Cidr) => boolean;
  readonly #byDestination = new Map<Ipv4Cidr, Disturbed>();
  /** Deletions of ours whose event is still to come. */
  readonly #own = new Set<Ipv4Cidr>();

  constructor(isDesired: (destination: Ipv4Cidr) => boolean) {
    this.#isDesired = isDesired;
  }

  /** Takes a command that is about to be sent: its event may be faster than its reply. */
  noteOwn(command: Mutation): void {
    if (command.kind === "delete-route") this.#own.add(command.route.destination);
  }

  /** @returns true if another process changed a desired route */
  onKernelEvent(event: KernelEvent, nowMs: number): boolean {
    if (event.kind !== "route" || event.table !== TABLE_MAIN) return false;
    const { deleted, destination, protocol } = event;
    if (deleted && this.#own.delete(destination)) return false;
    const isOurs = protocol === OUR_PROTOCOL;
    if (deleted !== isOurs || !this.#isDesired(destination)) return false;
    const before = this.#byDestination.get(destination);
    this.#byDestination.set(destination, {
      atMs: [...before?.atMs ?? [], nowMs].slice(-CONTENDED_KEPT),
      protocol: isOurs ? before?.protocol : protocol,
    });
    return true;
  }

  /** The destinations that are changed again and again. */
  contended(nowMs: number): readonly Contention[] {
    this.#own.clear();
    const contended: Contention[] = [];
    for (const [destination, { atMs, protocol }] of this.#byDestination) {
      const recent = atMs.filter((at) => nowMs - at < CONTENDED_MS);
      if (recent.length === 0 || !this.#isDesired(destination)) {
        this.#byDestination.delete(destination);
      } else if (recent.length >= CONTENDED_COUNT) {
        const everyMs = medianGap(recent);
        contended.push({ destination, repairs: recent.length, protocol, everyMs });
      }
    }
    return contended;
  }
}

function medianGap(atMs: readonly number[]): number | undefined {
  const gaps = atMs.slice(1).map((at, index) => at - (atMs[index] ?? at));
  return gaps.toSorted((one, other) => one - other)[gaps.length >> 1];
}
