import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { KernelEvent } from "../dataplane/dataplane.ts";
import type { LinkState } from "../routing/kernel_route.ts";
import type { InterfaceName } from "../routing/interface_name.ts";

/** A device that is there, is up and has IPv4. */
export type UpLink = Extract<LinkState, { kind: "present" }>;

/**
 * What looks and events told last. It only ever chooses the shorter way to ask: a route
 * for ground that is clear is added without a look, because the kernel refuses an
 * addition where a route is, or where the device cannot carry it, and one look-up tells
 * there that nothing is left. What is answered is what the kernel said to that.
 */
export class Snapshot {
  readonly #links = new Map<InterfaceName, UpLink>();
  readonly #occupied = new Set<Ipv4Cidr>();
  #surveyed = false;
  #rulesMayHide = false;

  /** The device as it was seen last; undefined: it has to be looked at. */
  link(device: InterfaceName): UpLink | undefined {
    return this.#links.get(device);
  }

  learn(device: InterfaceName, state: LinkState): void {
    if (isUsable(state)) this.#links.set(device, state);
    else this.#links.delete(device);
  }

  /** Nothing is known of the device any more. */
  unlearn(device: InterfaceName): void {
    this.#links.delete(device);
  }

  /** True if no route of anybody else's is known for the destination. */
  isClear(destination: Ipv4Cidr): boolean {
    return this.#surveyed && !this.#occupied.has(destination);
  }

  /** True if a route of somebody else's may be there: the table has to be walked. */
  isOccupied(destination: Ipv4Cidr): boolean {
    return this.#occupied.has(destination);
  }

  /** A careful look found the destination free of others. */
  release(destination: Ipv4Cidr): void {
    this.#occupied.delete(destination);
  }

  /** A route of somebody else's may be there: the next look has to walk the table. */
  occupy(destination: Ipv4Cidr): void {
    this.#occupied.add(destination);
  }

  /** The whole of the cluster's part of the main table was looked at. */
  survey(occupied: Iterable<Ipv4Cidr>): void {
    for (const destination of occupied) this.#occupied.add(destination);
    this.#surveyed = true;
  }

  /**
   * True if a rule may answer in front of the main table: then a look-up that finds
   * nothing there tells nothing.
   */
  get rulesMayHide(): boolean {
    return this.#rulesMayHide;
  }

  /** The rules were looked at, or an event told of one. */
  learnRules(mayHide: boolean): void {
    this.#rulesMayHide = mayHide;
  }

  /** Devices, under every name, that an event is about. */
  devicesOf(event: Extract<KernelEvent, { kind: "link" }>): readonly InterfaceName[] {
    const renamed = [...this.#links].filter(([name, link]) =>
      link.ifindex === event.ifindex && name !== event.device
    );
    return [event.device, ...renamed.map(([name]) => name)];
  }

  /** Events were missed: nothing is known. */
  forgetAll(): void {
    this.#links.clear();
    this.#surveyed = false;
    this.#rulesMayHide = true;
  }
}

function isUsable(state: LinkState): state is UpLink {
  return state.kind === "present" && state.up && state.withoutIpv4 !== true;
}
