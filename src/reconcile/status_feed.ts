import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { ascending } from "../routing/difference.ts";
import type { Route } from "../routing/route.ts";
import { DesiredState } from "./desired_state.ts";
import { describeStatus } from "./outcome.ts";
import type { ListedRoute, RouteChanges, RouteWatch } from "./ports.ts";

/**
 * The status of every desired route and since when, for ListRoutes and WatchRoutes. It
 * follows its desired state, and does nothing for a route that is put again as it was.
 */
export class StatusFeed {
  readonly desired: DesiredState = new DesiredState((to) => this.#follow(to));
  readonly #onChange: () => void;
  readonly #routes = new Map<Ipv4Cidr, ListedRoute>();
  readonly #watchers = new Set<Watcher>();
  readonly #opened = Promise.withResolvers<void>();
  #open = false;

  /** @param onChange called with each change of a route's status */
  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  /** What an earlier process left is restored: from now on routes can be listed. */
  open(): void {
    this.#open = true;
    this.#opened.resolve();
    for (const watcher of this.#watchers) watcher.wake();
  }

  /** All routes once the feed is open, in ascending order of destination. */
  async list(): Promise<readonly ListedRoute[]> {
    await this.#opened.promise;
    return this.#inOrder(this.#routes.values());
  }

  /** Notes that the kernel had lost an installed route, and has it again from now on. */
  noteReturn(destination: Ipv4Cidr): void {
    const before = this.#routes.get(destination);
    if (before === undefined || before.pending !== "") return;
    this.#change(destination, { ...before, sinceMs: Date.now() });
  }

  watch(wake: () => void): RouteWatch {
    const watcher = new Watcher(wake);
    this.#watchers.add(watcher);
    if (this.#open) watcher.wake();
    return {
      take: () =>
        this.#open && this.#watchers.has(watcher) ? this.#take(watcher) : undefined,
      repeat: (isMeant) => this.#repeat(watcher, isMeant),
      close: () => void this.#watchers.delete(watcher),
    };
  }

  #follow(destination: Ipv4Cidr): void {
    const before = this.#routes.get(destination);
    const now = this.#read(destination, before);
    if (now !== before) this.#change(destination, now);
  }

  #change(destination: Ipv4Cidr, now: ListedRoute | undefined): void {
    if (now === undefined) this.#routes.delete(destination);
    else this.#routes.set(destination, now);
    for (const watcher of this.#watchers) watcher.note(destination);
    this.#onChange();
  }

  /** The very object of before if nothing in it is new. */
  #read(
    destination: Ipv4Cidr,
    before: ListedRoute | undefined,
  ): ListedRoute | undefined {
    const desired = this.desired.get(destination);
    if (desired === undefined || this.desired.isPendingDeletion(destination)) {
      return undefined;
    }
    const { route, status } = desired;
    const pending = describeStatus(route, status);
    const confirmed = this.desired.isClaimed(destination);
    const same = before?.route.device === route.device &&
      (before.pending === "") === (pending === "");
    if (same && before.pending === pending && before.confirmed === confirmed) {
      return before;
    }
    return { route, pending, sinceMs: same ? before.sinceMs : Date.now(), confirmed };
  }

  #take(watcher: Watcher): RouteChanges | undefined {
    const changed = watcher.take();
    if (changed === "all") {
      const routes = this.#inOrder(this.#routes.values());
      return { complete: true, routes, removed: [] };
    }
    if (changed.size === 0) return undefined;
    const routes = [...changed].flatMap((to) => this.#routes.get(to) ?? []);
    const removed = [...changed].filter((to) => !this.#routes.has(to));
    return { complete: false, routes: this.#inOrder(routes), removed };
  }

  #repeat(watcher: Watcher, isMeant: (route: Route) => boolean): void {
    if (!this.#watchers.has(watcher)) return;
    for (const [destination, { route }] of this.#routes) {
      if (isMeant(route)) watcher.note(destination);
    }
  }

  #inOrder(routes: Iterable<ListedRoute>): readonly ListedRoute[] {
    return ascending([...routes], ({ route }) => route.destination);
  }
}

/** Holds a destination once, however often it changes before it is taken. */
class Watcher {
  readonly #wake: () => void;
  #changed: Set<Ipv4Cidr> | "all" = "all";
  #woken = false;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  note(destination: Ipv4Cidr): void {
    if (this.#changed !== "all") this.#changed.add(destination);
    this.wake();
  }

  /** In a turn of its own: all that one batch changed is sent at once. */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    queueMicrotask(this.#wake);
  }

  take(): ReadonlySet<Ipv4Cidr> | "all" {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#woken = false;
    return changed;
  }
}
