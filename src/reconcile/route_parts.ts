import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { BridgeWatch } from "./bridge_watch.ts";
import type { Ledger } from "./desired_state.ts";
import type { Snapshot } from "./kernel_cache.ts";

/** What calls put routes in and take them out with. */
export interface RouteParts {
  readonly dataplane: Dataplane;
  readonly ledger: Ledger;
  readonly snapshot: Snapshot;
  readonly bridges: BridgeWatch;
  /** Leaves to the repair what a call could not finish. */
  readonly touch: (destinations: Iterable<Ipv4Cidr>) => void;
}
