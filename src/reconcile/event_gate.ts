import type { KernelEvent } from "../dataplane/dataplane.ts";

/** Lets events through to a node when they can mean something to it. */
export class Hearing {
  readonly #notice: (event: KernelEvent) => void;
  #stage: "fresh" | "adopting" | "serving" = "fresh";
  /** What became of the monitor itself while the node adopted. */
  #news: KernelEvent | undefined;

  /** @param notice takes an event */
  constructor(notice: (event: KernelEvent) => void) {
    this.#notice = notice;
  }

  hear(event: KernelEvent): void {
    // Before that nothing is known that an event could have changed.
    if (this.#stage === "fresh") return;
    // A node that cannot start has one sentence for it, and that is not the monitor's.
    if (this.#stage === "adopting" && isOfMonitor(event)) this.#news = event;
    else this.#notice(event);
  }

  /** The node begins to look at the kernel. */
  adopt(): void {
    this.#stage = "adopting";
  }

  /** The node serves. */
  serve(): void {
    this.#stage = "serving";
    if (this.#news !== undefined) this.#notice(this.#news);
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
