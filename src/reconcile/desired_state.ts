import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { AddressAllocator } from "../ipam/allocator.ts";
import type { Cause, TableEntry } from "../dataplane/dataplane.ts";
import type { Owners } from "./decide.ts";
import type { PendingReason, Route } from "../routing/route.ts";
import { routeEntry } from "../state/table142_codec.ts";
import type { AbsentGoal, PresentGoal } from "./goal.ts";

/** Where a wanted route stands. */
export type Standing =
  /** Read back from the kernel at the start, and not looked at yet. */
  | { readonly kind: "adopted" }
  | { readonly kind: "installed" }
  | { readonly kind: "waiting"; readonly reason: PendingReason }
  /** The kernel said no, or did not answer; the next look may find it well. */
  | { readonly kind: "troubled"; readonly sentence: string };

/** A route that somebody asked for, and what became of it last. */
export interface DesiredRoute {
  readonly route: Route;
  /** True once the kernel confirmed its entry in table 142. */
  readonly remembered: boolean;
  readonly standing: Standing;
}

/** The node's subnet with a number that grows with each change of it. */
export interface NodeSubnet {
  readonly subnet: Ipv4Cidr;
  readonly revision: number;
}

/** The kernel confirmed the route. */
export const INSTALLED: Standing = { kind: "installed" };

/**
 * What is wanted, as far as this process knows. It is a copy: the original is table
 * 142, and every start reads it from there.
 */
export class Ledger {
  readonly #wishes = new Map<Ipv4Cidr, DesiredRoute>();
  readonly #leaving = new Map<Ipv4Cidr, Owners>();
  /** For how long nobody has asked for it: `old` once a look at everything found it so. */
  readonly #unconfirmed = new Map<Ipv4Cidr, "fresh" | "old">();
  readonly #listener: (destination: Ipv4Cidr) => void;
  nodeSubnet: NodeSubnet | undefined;
  /** While a SyncRoutes is under way, destinations that callers spoke about since. */
  laterWords: Set<Ipv4Cidr> | undefined;
  /** The highest revision that table 142 may have: one whose write was lost counts. */
  highestRevision = 0;
  /** The addresses of containers. */
  readonly pool: AddressAllocator;
  /** Addresses of which the kernel may say something else than the pool. */
  readonly doubtful = new Set<Ipv4Address>();

  /**
   * @param listener told of each destination whose wish may have changed
   * @param gatewayIndex the gateway, counted from the node's network address
   */
  constructor(
    listener: (destination: Ipv4Cidr) => void = () => {},
    gatewayIndex = 1,
  ) {
    this.#listener = listener;
    this.pool = new AddressAllocator(gatewayIndex);
  }

  get(destination: Ipv4Cidr): DesiredRoute | undefined {
    return this.#wishes.get(destination);
  }

  put(wish: DesiredRoute): void {
    const { destination } = wish.route;
    this.#leaving.delete(destination);
    this.#wishes.set(destination, wish);
    this.#listener(destination);
  }

  /** Nobody wants the destination, and the kernel confirmed that it is gone. */
  remove(destination: Ipv4Cidr): void {
    this.#leaving.delete(destination);
    this.#unconfirmed.delete(destination);
    if (this.#wishes.delete(destination)) this.#listener(destination);
  }

  /**
   * Nobody wants the destination, but whether its routes of these owners, or its entry,
   * are gone is not known.
   */
  leave(destination: Ipv4Cidr, owners: Owners): void {
    this.unremember(destination);
    this.#leaving.set(destination, owners);
    this.#listener(destination);
  }

  /** It was refused, but whether what had been written of it is gone is not known. */
  retract(wish: DesiredRoute): void {
    const { destination } = wish.route;
    this.#leaving.set(destination, "ours");
    this.#wishes.set(destination, wish);
  }

  /** Somebody asks for the destination now. */
  confirm(destination: Ipv4Cidr): void {
    if (this.#unconfirmed.delete(destination)) this.#listener(destination);
  }

  /** The agent has started anew: what it does not ask for again may be of the past. */
  unconfirmAll(): void {
    for (const destination of this.#wishes.keys()) {
      if (this.#unconfirmed.has(destination)) continue;
      this.#unconfirmed.set(destination, "fresh");
      this.#listener(destination);
    }
  }

  /** Nobody had asked for the destination since the agent's start, in an earlier life. */
  unconfirm(destination: Ipv4Cidr): void {
    this.#unconfirmed.set(destination, "old");
    this.#listener(destination);
  }

  /** Since the last call of this an agent that had just started has asked for all. */
  ageUnconfirmed(): void {
    for (const destination of this.#unconfirmed.keys()) {
      this.#unconfirmed.set(destination, "old");
    }
  }

  /** What table 142 is to say of a route; undefined: what it says will do for now. */
  confirmationToKeep(destination: Ipv4Cidr): boolean | undefined {
    const age = this.#unconfirmed.get(destination);
    return age === "fresh" ? undefined : age === undefined;
  }

  /** True if it has been asked for since the agent's last start. */
  isConfirmed(destination: Ipv4Cidr): boolean {
    return !this.#unconfirmed.has(destination);
  }

  /** The kernel no longer has the entry; whether the route is wanted stays as it is. */
  unremember(destination: Ipv4Cidr): void {
    const wish = this.#wishes.get(destination);
    if (wish !== undefined) {
      this.#wishes.set(destination, { ...wish, remembered: false });
    }
  }

  isLeaving(destination: Ipv4Cidr): boolean {
    return this.#leaving.has(destination);
  }

  /** Destinations that may still have something of what nobody wants any more. */
  leaving(): Iterable<Ipv4Cidr> {
    return this.#leaving.keys();
  }

  /** Whose routes are leaving; undefined if the destination is not. */
  leavingOwners(destination: Ipv4Cidr): Owners | undefined {
    return this.#leaving.get(destination);
  }

  /** In the order in which they were asked for. */
  wishes(): readonly DesiredRoute[] {
    return [...this.#wishes.values()];
  }

  /** Our route for the destination, if the kernel confirmed it. */
  installedRoute(destination: Ipv4Cidr): Route | undefined {
    const wish = this.#wishes.get(destination);
    return wish?.standing.kind === "installed" ? wish.route : undefined;
  }

  /** What makes a route that is asked for the only one. */
  presentGoal(wanted: Route, cause: Cause): PresentGoal {
    const installed = this.installedRoute(wanted.destination);
    return { wanted, installed, remember: this.entryToRemember(wanted), cause };
  }

  /** What takes the routes of these owners away from a destination. */
  absentGoal(destination: Ipv4Cidr, owners: Owners, cause: Cause): AbsentGoal {
    const installed = this.installedRoute(destination);
    const forget = this.entryToForget(destination);
    return { destination, owners, installed, forget, cause };
  }

  /** The entry to write for a route; undefined if the kernel is known to have it. */
  entryToRemember(route: Route): TableEntry | undefined {
    const wish = this.#wishes.get(route.destination);
    return wish?.remembered && wish.route.device === route.device
      ? undefined
      : routeEntry(route);
  }

  /** The entry to take away; undefined if none can be there. */
  entryToForget(destination: Ipv4Cidr): TableEntry | undefined {
    const wish = this.#wishes.get(destination);
    return wish === undefined ? undefined : routeEntry(wish.route);
  }
}
