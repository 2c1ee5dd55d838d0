import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { KernelEvent, Mutation } from "../dataplane/dataplane.ts";
import { OUR_PROTOCOL } from "../routing/kernel_route.ts";

/** The `ip` of a process that was killed may still carry out what it was given. */
const LEFT_OVER_MS = 3_000;

/** So long another sidecar counts as running after it has written something. */
const RECENT_MS = 600_000;

/**
 * Finds a second sidecar in the network namespace. Two of them read and write the same
 * table 142, and each takes away what only the other was asked for. Neither can reach the
 * other, but only a sidecar writes entries of our protocol number into that table: one
 * for a prefix that this process has never written is of another process.
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

  /** What another sidecar has written a short while ago; undefined if there is none. */
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

  /** Takes a command that is about to be sent: its event may be faster than its reply. */
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
