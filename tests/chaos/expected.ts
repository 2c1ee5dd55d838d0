/** A model of a host: the desired routes, and those that the contract removes. */
import { done, refused } from "../e2e/host.ts";
import type { Answer } from "../support/client.ts";
import type { OverlayState } from "./overlay.ts";
import { isOurs, type Line } from "./tables.ts";

/** What becomes of a foreign route: `maybe` depends on timing. */
type Fate = "stays" | "maybe" | "gone";

/** Routes left by hand or by another runtime: `proto boot` and `proto static`. */
const LEFT_BEHIND: ReadonlySet<number> = new Set([3, 4]);

const KERNEL = 2;

/**
 * What must be in the kernel, updated with every step. Between an event and the repair
 * that it calls for the destinations are *open*: the model knows how it will end, but
 * not when.
 */
export class Expected {
  /** Desired routes, destination to device. */
  readonly desired = new Map<string, string>();
  /** Routes of ours in the main table, destination to device. */
  readonly carried = new Map<string, string>();
  /** Routes that may be there: their device changed before or after the repair. */
  readonly maybeCarried = new Map<string, string>();
  subnet: string | undefined;
  readonly #foreign: { readonly line: Line; fate: Fate }[];
  readonly #open = new Set<string>();
  #link: OverlayState;

  /** @param lines all routes of all tables before the first start */
  constructor(lines: readonly Line[], link: OverlayState) {
    this.#link = link;
    this.#foreign = lines.filter((line) => !isOurs(line))
      .map((line) => ({ line, fate: "stays" }));
    for (const { device, to } of lines.filter(isOurs)) {
      this.desired.set(to, device ?? "");
      this.carried.set(to, device ?? "");
    }
  }

  /** Foreign routes that must be there, and those that may be. */
  foreign(): readonly { readonly text: string; readonly must: boolean }[] {
    return this.#foreign.filter(({ fate }) => fate !== "gone")
      .map(({ fate, line }) => ({ text: line.text, must: fate === "stays" }));
  }

  /** The sidecar serves: it has reconciled every desired route before that. */
  started(): void {
    for (const to of this.desired.keys()) this.#repair(to);
  }

  /** Enough time has passed: all that was open is as it will be. */
  settle(): void {
    for (const to of this.#open) this.#carry(to);
    this.#open.clear();
  }

  /** InjectRoute; returns its answer. */
  inject(to: string, device: string): Answer {
    if (to === this.subnet) {
      return refused(`Destination ${to} is this node's own subnet`);
    }
    const state = this.#state(device);
    if (state === "up" && this.#isConnected(to)) {
      return refused(`${to} is directly connected on quilt0; refusing to replace it`);
    }
    const before = this.carried.get(to);
    if (state !== "up" && this.#open.has(to)) {
      this.#markUncertain(to);
      if (before !== undefined) this.maybeCarried.set(to, before);
      this.carried.delete(to);
    }
    this.desired.set(to, device);
    if (state === "missing") return refused(`Interface '${device}' not found`);
    if (state === "down") return refused(`Interface '${device}' is down`);
    // Where ours is the best already, one with a worse metric may be found later.
    if (before === device) this.#repair(to);
    else this.#carry(to);
    return done;
  }

  /** RemoveRoute; returns its answer. */
  remove(to: string): Answer {
    this.#removeDesired(to);
    for (const each of this.#about(to)) {
      if (LEFT_BEHIND.has(each.line.protocol)) each.fate = "gone";
    }
    return done;
  }

  /** ConfigureNodeSubnet; returns its answer. */
  configure(subnet: string): Answer {
    this.#removeDesired(subnet);
    this.subnet = subnet;
    return done;
  }

  /** vxlan100 went into a state; the kernel takes its routes away with it. */
  turn(state: OverlayState): void {
    if (state === this.#link) return;
    this.#link = state;
    if (state === "up") {
      for (const to of this.desired.keys()) this.#repair(to);
      return;
    }
    for (const each of this.#foreign) {
      if (each.line.device === "vxlan100") each.fate = "gone";
    }
    for (const routes of [this.carried, this.maybeCarried]) {
      for (const [to, device] of routes) {
        if (device === "vxlan100") routes.delete(to);
      }
    }
    for (const to of this.#open) {
      if (this.desired.get(to) === "vxlan100") this.#markUncertain(to);
    }
  }

  /** Another tool removed all our routes from the main table. */
  flushed(): void {
    this.carried.clear();
    this.maybeCarried.clear();
    for (const to of this.desired.keys()) this.#repair(to);
  }

  /** Adds the route now, unless it waits; another route may stay for a while. */
  #repair(to: string): void {
    const before = this.carried.get(to) ?? this.maybeCarried.get(to);
    if (!this.#nowCarries(to)) return;
    this.#open.add(to);
    // The repair replaces it, unless its device goes down before that.
    if (before !== undefined && before !== this.carried.get(to)) {
      this.maybeCarried.set(to, before);
    }
  }

  /** The destination has one route now, ours. */
  #carry(to: string): void {
    if (!this.#nowCarries(to)) return;
    for (const each of this.#about(to)) each.fate = "gone";
  }

  /** The destination is no longer desired, and our route is gone. */
  #removeDesired(to: string): void {
    if (this.#open.has(to)) this.#markUncertain(to);
    this.desired.delete(to);
    this.carried.delete(to);
    this.maybeCarried.delete(to);
  }

  /** Whether the repair came before what follows is not known. */
  #markUncertain(to: string): void {
    this.#open.delete(to);
    for (const each of this.#about(to)) {
      if (each.fate === "stays") each.fate = "maybe";
    }
  }

  /** False while the route has to wait. */
  #nowCarries(to: string): boolean {
    const device = this.desired.get(to);
    if (device === undefined || this.#state(device) !== "up") return false;
    if (this.#isConnected(to)) return false;
    this.carried.set(to, device);
    this.maybeCarried.delete(to);
    return true;
  }

  #isConnected(to: string): boolean {
    return this.#foreign.some(({ line }) =>
      line.table === "main" && line.to === to && line.protocol === KERNEL
    );
  }

  /** Foreign routes in the main table for exactly this destination. */
  #about(to: string) {
    return this.#foreign.filter(({ line }) =>
      line.table === "main" && line.to === to && line.protocol !== KERNEL
    );
  }

  #state(device: string): OverlayState {
    if (device === "vxlan100") return this.#link;
    return device === "other" ? "up" : "missing";
  }
}
