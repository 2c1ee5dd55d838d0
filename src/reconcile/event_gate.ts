import type { KernelEvent } from "../dataplane/dataplane.ts";

/** Lets events through when they can mean something. */
export class EventGate {
  readonly #onEvent: (event: KernelEvent) => void;
  #stage: "closed" | "restoring" | "serving" = "closed";
  /** What happened to the monitor itself during the restore. */
  #ofMonitor: KernelEvent | undefined;

  constructor(onEvent: (event: KernelEvent) => void) {
    this.#onEvent = onEvent;
  }

  pass(event: KernelEvent): void {
    // Before that nothing is known that an event could have changed.
    if (this.#stage === "closed") return;
    // A start that fails has one sentence for it, and that is not the monitor's.
    if (this.#stage === "restoring" && isOfMonitor(event)) this.#ofMonitor = event;
    else this.#onEvent(event);
  }

  /** The restore begins to observe the kernel. */
  restore(): void {
    this.#stage = "restoring";
  }

  /** Calls are served. */
  serve(): void {
    this.#stage = "serving";
    if (this.#ofMonitor !== undefined) this.#onEvent(this.#ofMonitor);
  }

  /** True from `serve` on. */
  get serving(): boolean {
    return this.#stage === "serving";
  }
}

function isOfMonitor({ kind }: KernelEvent): boolean {
  switch (kind) {
    case "events-lost":
    case "monitor-down":
    case "monitor-up":
      return true;
    case "route":
    case "link":
    case "rule":
      return false;
    default:
      return kind satisfies never;
  }
}
