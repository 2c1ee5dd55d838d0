/**
 * What can be found out about a node without its sidecar: which `ip` there is, and what
 * the checks find, by reads alone. The state store tells which routes are desired.
 */
import { NetworkRecords } from "./addresses/network_records.ts";
import { NetworkState } from "./addresses/network_state.ts";
import { AuditLog } from "./dataplane/audit_log.ts";
import { answerOf, type Dataplane } from "./dataplane/dataplane.ts";
import { Iproute2Dataplane } from "./dataplane/iproute2/adapter.ts";
import { CHECKS } from "./diagnose/checks.ts";
import type { Facts } from "./diagnose/facts.ts";
import { compareFindings, type Finding } from "./diagnose/finding.ts";
import { type Known, noLookUps, observe } from "./diagnose/observe.ts";
import type { Ipv4Cidr } from "./ipam/cidr.ts";
import type { ClusterPolicy } from "./ipam/policy.ts";
import type { LineWriter } from "./observability/buffered_line_writer.ts";
import { DesiredState } from "./reconcile/desired_state.ts";
import { KernelCache } from "./reconcile/kernel_cache.ts";
import {
  describeOutside,
  type Found,
  outsideOf,
  restoreRoutes,
} from "./reconcile/startup.ts";
import { ascending } from "./routing/difference.ts";
import { PROTOCOL } from "./routing/kernel_route.ts";
import { type CallTarget, grpcurlCommand } from "./shared/grpcurl.ts";
import { err, ok, type Result } from "./shared/result.ts";
import { TABLE_142 } from "./state/table142_store.ts";

export {
  identifyIp,
  type IpProgram,
  OLDEST_IPROUTE2,
} from "./dataplane/iproute2/version.ts";

/** What a sidecar would be started with. */
export interface LocalOptions {
  readonly policy: ClusterPolicy;
  /** The offset of the gateway from the node's network address. */
  readonly gatewayIndex: number;
  /** How a sidecar would be called, for the remedies. */
  readonly target: CallTarget;
}

/** What this process sees by itself. */
export type LocalDiagnosis =
  | {
    readonly kind: "diagnosed";
    /** Worst first. */
    readonly findings: readonly Finding[];
    /** Desired destinations that the main table has no such route for, ascending. */
    readonly missing: readonly Ipv4Cidr[];
    /** What a sidecar with these options would leave alone, a sentence. */
    readonly outside: string | undefined;
    /** True if this process has CAP_NET_ADMIN. */
    readonly permitted: boolean;
  }
  /** The kernel could not be read; why, as a sentence. */
  | { readonly kind: "unread"; readonly why: string };

/** A dataplane is opened with an audit log, and here it is never handed a mutation. */
const NOTHING_WRITTEN: LineWriter = {
  write: () => {},
  dropped: 0,
  flush: () => Promise.resolve(),
};

/**
 * Looks once at the whole data path by `ip` alone, and writes nothing. What only a process
 * that has watched for a while can know is not found: who keeps deleting a route, which
 * peers a device had before it was made anew.
 */
export async function diagnoseAlone(options: LocalOptions): Promise<LocalDiagnosis> {
  const dataplane = new Iproute2Dataplane(new AuditLog(NOTHING_WRITTEN));
  try {
    const restored = await readStore(dataplane, options);
    if (!restored.ok) return { kind: "unread", why: restored.fault };
    const { known, outside } = restored.value;
    const observed = await observe(dataplane, known, noLookUps());
    if (!observed.ok) return { kind: "unread", why: observed.fault };
    return conclude(observed.value, outside);
  } finally {
    await dataplane.close();
  }
}

function conclude(facts: Facts, outside: string | undefined): LocalDiagnosis {
  // It is this process that lacks the permission, and it writes nothing.
  const ofNode = { ...facts, notPermitted: false };
  return {
    kind: "diagnosed",
    findings: CHECKS.flatMap((check) => check(ofNode)).toSorted(compareFindings),
    missing: facts.wanted
      .filter(({ destination, installed }) =>
        !installed && !isConnected(facts, destination)
      )
      .map(({ destination }) => destination),
    outside,
    permitted: !facts.notPermitted,
  };
}

/** Our route gives way to a connected one. */
function isConnected({ routes }: Facts, destination: Ipv4Cidr): boolean {
  return routes.some((route) =>
    route.destination === destination && route.protocol === PROTOCOL.kernel
  );
}

/** What the state store tells about the node. */
interface Restored {
  readonly known: Known;
  readonly outside: string | undefined;
}

async function readStore(
  dataplane: Dataplane,
  options: LocalOptions,
): Promise<Result<Restored, string>> {
  const dump = await dataplane.dump([{ kind: "own-routes" }]);
  if (dump.kind === "lost") return err(dump.why);
  const [result] = dump.results;
  const ours = answerOf(result, "table")?.routes;
  if (ours === undefined) {
    return err(result?.ok === false ? result.failure.message : "no answer");
  }
  const found = { ours, state: TABLE_142.load(ours) };
  const outside = outsideOf(options.policy, found);
  return ok({
    known: restore(found, options),
    outside: outside.length === 0
      ? undefined
      : describeOutside(outside, options.policy),
  });
}

/** As a sidecar restores it at its start, but nothing is made true again. */
function restore(
  found: Found,
  { gatewayIndex, policy, target }: LocalOptions,
): Known {
  const desired = new DesiredState();
  const network = new NetworkState(TABLE_142, policy.clusterCidr, gatewayIndex);
  new NetworkRecords(network, desired, policy).restore(found.state);
  restoreRoutes(desired, new KernelCache(), policy, found);
  const all = ascending(desired.routes(), ({ route }) => route.destination);
  return {
    policy,
    own: network.network.configured,
    wanted: all.map(({ persisted, route, status }) => ({
      ...route,
      // One without a record is known from the main table only.
      installed: status.kind === "installed" || !persisted,
    })),
    contended: [],
    probed: [],
    otherSidecar: undefined,
    remembered: new Map(),
    injectCommand: (device) =>
      grpcurlCommand(target, "quilt.QuiltRuntime/InjectRoute", {
        destination: "SUBNET",
        via_interface: device,
      }),
  };
}
