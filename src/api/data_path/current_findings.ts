import type { CurrentFinding, DataPathService } from "../../diagnose/ports.ts";
import { compareFindings, type FindingId } from "../../diagnose/finding.ts";
import type { Ipv4Cidr } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Route } from "../../routing/route.ts";
import type { HealthStatus } from "../../shared/health_status.ts";

/** The findings of one diagnosis by their subject; each list is worst first. */
interface FindingIndex {
  /** The ids of the findings that stop traffic, each once. */
  readonly critical: readonly FindingId[];
  readonly node: readonly CurrentFinding[];
  readonly devices: ReadonlyMap<InterfaceName, readonly CurrentFinding[]>;
  readonly destinations: ReadonlyMap<Ipv4Cidr, readonly CurrentFinding[]>;
}

/** Called after a change, with a function that is true for each route it concerns. */
export type FindingsListener = (isChanged: (route: Route) => boolean) => void;

const NONE: readonly never[] = [];

/**
 * The findings that are known at the moment, for answers that must not wait for a
 * diagnosis: the lists of routes, and health.
 */
export class CurrentFindings {
  readonly #listeners = new Set<FindingsListener>();
  #index: FindingIndex = indexOf([]);
  #isKnown = false;

  /** @param dataPath watched from now on, because no diagnosis may be missed */
  constructor(dataPath: Pick<DataPathService, "watch">) {
    dataPath.watch(({ fault, findings }) => {
      this.#isKnown ||= fault === undefined;
      this.#follow(indexOf(findings));
    });
  }

  /** False until the kernel could be read once. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** The ids of the findings that stop traffic, worst first. */
  get critical(): readonly FindingId[] {
    return this.#index.critical;
  }

  /** The findings about the node, worst first. */
  get ofNode(): readonly CurrentFinding[] {
    return this.#index.node;
  }

  /** SERVING if it is known that nothing stops traffic. */
  status(): HealthStatus {
    return this.#isKnown && this.critical.length === 0 ? "SERVING" : "NOT_SERVING";
  }

  /** The ids of the findings about a route's destination or device, worst first. */
  ofRoute(route: Route): readonly FindingId[] {
    return idsOf(this.#index, route);
  }

  /**
   * Calls the listener after each change.
   *
   * @returns ends the watch
   */
  watch(listener: FindingsListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #follow(now: FindingIndex): void {
    const before = this.#index;
    this.#index = now;
    const isChanged = (route: Route): boolean =>
      idsOf(before, route).join() !== idsOf(now, route).join();
    for (const listener of this.#listeners) listener(isChanged);
  }
}

function indexOf(findings: readonly CurrentFinding[]): FindingIndex {
  const node: CurrentFinding[] = [];
  const devices = new Map<InterfaceName, CurrentFinding[]>();
  const destinations = new Map<Ipv4Cidr, CurrentFinding[]>();
  for (const finding of findings) {
    const { subject } = finding;
    switch (subject.kind) {
      case "node":
        node.push(finding);
        break;
      case "device":
        append(devices, subject.device, finding);
        break;
      case "destination":
        append(destinations, subject.destination, finding);
        break;
      default:
        subject satisfies never;
    }
  }
  const critical = findings.filter(({ severity }) => severity === "critical");
  return { critical: eachIdOnce(critical), node, devices, destinations };
}

function append<Key>(
  lists: Map<Key, CurrentFinding[]>,
  key: Key,
  finding: CurrentFinding,
): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [finding]);
  else list.push(finding);
}

/** A table has up to 65,536 routes, and most of them have no finding. */
function idsOf(
  { destinations, devices }: FindingIndex,
  { destination, device }: Route,
): readonly FindingId[] {
  const ofDestination = destinations.get(destination) ?? NONE;
  const ofDevice = devices.get(device) ?? NONE;
  if (ofDestination.length === 0 && ofDevice.length === 0) return NONE;
  return eachIdOnce([...ofDestination, ...ofDevice].sort(compareFindings));
}

function eachIdOnce(findings: readonly CurrentFinding[]): readonly FindingId[] {
  return [...new Set(findings.map(({ id }) => id))];
}
