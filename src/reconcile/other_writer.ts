import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { KernelEvent, Mutation } from "../dataplane/dataplane.ts";
import type { Logger } from "../observability/logger.ts";
import { OUR_PROTOCOL } from "../routing/kernel_route.ts";
import { describeOtherWriter } from "../routing/messages.ts";

/** The `ip` of a process that was killed may still carry out what it was given. */
const LEFT_OVER_MS = 3_000;

/** Between two warnings. */
const PAUSE_MS = 60_000;

/**
 * Finds a second sidecar in the network namespace. Two of them read and write the same
 * table 142, and each takes away what only the other was asked for. Neither can reach the
 * other, but only a sidecar writes entries of our protocol number into that table: one
 * for a prefix that this process has never written is of another process.
 */
export class OtherWriter {
  readonly #logger: Logger;
  readonly #leftOverMs: number;
  readonly #written = new Set<Ipv4Cidr>();
  /** From when on an event counts, on the clock of `performance.now()`. */
  #fromMs = Infinity;

  /** @param leftOverMs milliseconds after the start in which nothing counts */
  constructor(logger: Logger, leftOverMs = LEFT_OVER_MS) {
    this.#logger = logger;
    this.#leftOverMs = leftOverMs;
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

  onKernelEvent(event: KernelEvent): void {
    if (event.kind !== "route" || event.deleted) return;
    const { destination, protocol, table } = event;
    if (table !== OUR_PROTOCOL || protocol !== OUR_PROTOCOL) return;
    const now = performance.now();
    if (now < this.#fromMs || this.#written.has(destination)) return;
    this.#fromMs = now + PAUSE_MS;
    this.#logger.log("warn", describeOtherWriter(destination));
  }
}
