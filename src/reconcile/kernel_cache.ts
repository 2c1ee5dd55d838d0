import type { KernelEvent } from "../dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { isPlain, type LinkState } from "../routing/kernel_route.ts";
import type { Route } from "../routing/route.ts";
import type { RoutesObservation } from "./observe.ts";
import type { Known } from "./plan.ts";

/** A device that exists, is up and has IPv4. */
type UsableLink = Extract<LinkState, { readonly kind: "present" }>;

/**
 * The latest state that observations and events showed. It only selects the cheaper
 * observation: a route for a clear destination is added without one, because the kernel
 * refuses the addition if there is a route, or if the device cannot carry it; and one
 * look-up proves there that no route is left. The answer of a call comes from the kernel.
 */
export class KernelCache {
  readonly #links = new Map<InterfaceName, UsableLink>();
  readonly #occupied = new Set<Ipv4Cidr>();
  #complete = false;
  #rulesMayHide = false;

  /** The known state of a route's device and destination. */
  known({ destination, device }: Route): Known {
    return {
      link: this.#links.get(device),
      clear: this.isClear(destination),
      occupied: this.#occupied.has(destination),
    };
  }

  /** The device as it was observed last, if it can carry routes. */
  link(device: InterfaceName): UsableLink | undefined {
    return this.#links.get(device);
  }

  learnLink(device: InterfaceName, state: LinkState): void {
    if (isUsable(state)) this.#links.set(device, state);
    else this.#links.delete(device);
  }

  /** The state of the device is unknown from now on. */
  unlearnLink(device: InterfaceName): void {
    this.#links.delete(device);
  }

  /** True if no route of another owner is known for the destination. */
  isClear(destination: Ipv4Cidr): boolean {
    return this.#complete && !this.#occupied.has(destination);
  }

  /** Stores the routes of a destination: only a dump of the table shows all of them. */
  learnRoutes(destination: Ipv4Cidr, observation: RoutesObservation): void {
    if (observation.kind !== "seen" || observation.routes.kind !== "all") return;
    if (observation.routes.routes.every(isPlain)) this.#occupied.delete(destination);
    else this.#occupied.add(destination);
  }

  /** Another owner may have a route: the next observation must dump the table. */
  markOccupied(destination: Ipv4Cidr): void {
    this.#occupied.add(destination);
  }

  /** The whole of the cluster's part of the main table was observed. */
  learnAll(occupied: Iterable<Ipv4Cidr>): void {
    for (const destination of occupied) this.#occupied.add(destination);
    this.#complete = true;
  }

  /**
   * True if a rule may answer before the main table. Then a look-up that finds no route is
   * not conclusive.
   */
  get rulesMayHide(): boolean {
    return this.#rulesMayHide;
  }

  /** The rules were observed, or an event reported a change. */
  learnRules(mayHide: boolean): void {
    this.#rulesMayHide = mayHide;
  }

  /** Devices, under every name, that an event is about. */
  devicesOf(
    event: Extract<KernelEvent, { readonly kind: "link" }>,
  ): readonly InterfaceName[] {
    const renamed = [...this.#links].filter(([name, link]) =>
      link.ifindex === event.ifindex && name !== event.device
    );
    return [event.device, ...renamed.map(([name]) => name)];
  }

  /** Events were lost: nothing is known. */
  forgetAll(): void {
    this.#links.clear();
    this.#complete = false;
    this.#rulesMayHide = true;
  }
}

function isUsable(state: LinkState): state is UsableLink {
  return state.kind === "present" && state.up && state.withoutIpv4 !== true;
}
