import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { KernelEvent, Mutation } from "../dataplane/dataplane.ts";
import { OUR_PROTOCOL } from "../routing/kernel_route.ts";

/** The `ip` of a process that was killed may still execute its commands. */
const LEFT_OVER_MS = 3_000;

/** Another sidecar counts as running for so long after its last write. */
const RECENT_MS = 600_000;

/**
 * Finds a second sidecar in the network namespace. Two of them read and write the same
 * table 142, and each removes the routes that only the other one was asked for. They cannot
 * reach each other. But only a sidecar writes entries with our protocol number into that
 * table, so an entry for a prefix that this process has never written is from another one.
 */
export class OtherWriter {
  readonly #leftOverMs: number;
  readonly #written = new Set<Ipv4Cidr>();
  /** From when on an event counts, on the clock of `performance.now()`. */
  #fromMs = Infinity;
  #latest: { readonly prefix: Ipv4Cidr; readonly atMs: number } | undefined;

  /** @param leftOverMs milliseconds after the start in which nothing counts */
  constructor(leftOverMs = LEFT_OVER_MS) {
    this.#leftOverMs = leftOverMs;
  }

  /** The latest recent entry of another sidecar; undefined if there is none. */
  recent(nowMs: number): Ipv4Cidr | undefined {
    const latest = this.#latest;
    return latest !== undefined && nowMs - latest.atMs < RECENT_MS
      ? latest.prefix
      : undefined;
  }

  /** This process writes from now on, and another one before it has ended. */
  start(): void {
    this.#fromMs = performance.now() + this.#leftOverMs;
  }

  /** Notes a command before it is sent, because its event may arrive before its reply. */
  noteOwn(command: Mutation): void {
    if (command.kind === "put-entry" || command.kind === "create-entry") {
      this.#written.add(command.entry.prefix);
    }
  }

  /** @returns true if another sidecar has written something */
  onKernelEvent(event: KernelEvent): boolean {
    if (event.kind !== "route" || event.deleted) return false;
    const { destination, protocol, table } = event;
    if (table !== OUR_PROTOCOL || protocol !== OUR_PROTOCOL) return false;
    const now = performance.now();
    if (now < this.#fromMs || this.#written.has(destination)) return false;
    this.#latest = { prefix: destination, atMs: now };
    return true;
  }
}
