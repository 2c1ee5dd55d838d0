import {
  answerOf,
  type BatchResult,
  type Dataplane,
  type OperationResult,
  type Read,
} from "../dataplane/dataplane.ts";
import type { LookedUp } from "../dataplane/data_path.ts";
import { addressAfter, firstAddress, type Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { TABLE_MAIN } from "../routing/kernel_route.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Facts, ForwardLookup } from "./facts.ts";
import { containerPacket } from "./facts/containers.ts";
import { overlayDevices, peersOf } from "./facts/overlay.ts";
import { LOOK_UPS } from "./limits.ts";
import { learnDevices } from "./known_devices.ts";

/** What is known without a look at the kernel. */
export type Known = Pick<
  Facts,
  | "policy"
  | "own"
  | "wanted"
  | "contended"
  | "probed"
  | "otherSidecar"
  | "injectCommand"
  | "remembered"
>;

/** What a first dump finds. */
type Dumped = Omit<Facts, "underlay" | "forwarded" | "neighbours" | "remembered">;

/** The look-ups of earlier looks, because one look makes a bounded number of them. */
export interface LookUps {
  readonly underlay: Map<Ipv4Address, LookedUp>;
  readonly forwarded: Map<Ipv4Cidr, ForwardLookup>;
  /** Where the next look begins. */
  at: number;
}

/** Without any look-up yet. */
export function noLookUps(): LookUps {
  return { underlay: new Map(), forwarded: new Map(), at: 0 };
}

/**
 * Reads all that the checks decide upon, by two dumps beside the batches of calls.
 *
 * @param lookUps kept from look to look, and changed
 * @returns why the kernel could not be read, if it could not
 */
export async function observe(
  dataplane: Dataplane,
  known: Known,
  lookUps: LookUps,
): Promise<Result<Facts, string>> {
  const first = await dataplane.dump([
    { kind: "links" },
    { kind: "addresses" },
    { kind: "netconf" },
    { kind: "policy-rules" },
    { kind: "routes-within", cluster: known.policy.clusterCidr },
    { kind: "forwarding-table" },
    { kind: "permission" },
  ]);
  const dumped = readDump(first, known);
  if (!dumped.ok) return dumped;
  const devices = overlayDevices(dumped.value).flatMap(({ link }) => link?.name ?? []);
  const asked = planLookUps(dumped.value, devices, lookUps);
  const reads: readonly Read[] = [
    ...devices.map((device): Read => ({ kind: "neighbours", device })),
    ...asked.map(({ read }) => read),
  ];
  const second = reads.length === 0 ? NOTHING : await dataplane.dump(reads);
  if (second.kind === "lost") return err(second.why);
  const { results } = second;
  const neighbours = devices.flatMap((_, index) =>
    answerOf(results[index], "neighbours")?.neighbours ?? []
  );
  for (const [index, { take }] of asked.entries()) {
    const result = answerOf(results[devices.length + index], "look-up")?.result;
    if (result !== undefined) take(result);
  }
  const facts = {
    ...dumped.value,
    neighbours,
    underlay: new Map(lookUps.underlay),
    forwarded: [...lookUps.forwarded.values()],
  };
  return ok({ ...facts, remembered: learnDevices(facts, known.remembered) });
}

const NOTHING: BatchResult = { kind: "answered", results: [] };

function readDump(dump: BatchResult, known: Known): Result<Dumped, string> {
  if (dump.kind === "lost") return err(dump.why);
  const [links, addresses, netconf, rules, routes, forwarding, permission] =
    dump.results;
  const found = {
    links: answerOf(links, "links")?.links,
    addresses: answerOf(addresses, "addresses")?.addresses,
    netconf: answerOf(netconf, "netconf")?.settings,
    rules: answerOf(rules, "policy-rules")?.rules,
    routes: answerOf(routes, "routes")?.routes,
    forwarding: answerOf(forwarding, "forwarding-table")?.entries,
  };
  if (
    found.links === undefined || found.addresses === undefined ||
    found.netconf === undefined || found.rules === undefined ||
    found.routes === undefined || found.forwarding === undefined
  ) return err(describeFailure(dump.results.slice(0, -1)));
  return ok({
    ...known,
    links: new Map(found.links.map((link) => [link.name, link])),
    addresses: found.addresses,
    netconf: found.netconf,
    rules: found.rules,
    routes: found.routes.filter(({ table }) => table === TABLE_MAIN),
    forwarding: found.forwarding,
    notPermitted: permission?.ok === false &&
      permission.failure.kind === "not-permitted",
  });
}

function describeFailure(results: readonly OperationResult[]): string {
  const failed = results.find((result) => !result.ok);
  return failed?.ok === false ? failed.failure.message : "no answer";
}

/** A look-up, and where its answer goes. */
interface LookUp {
  readonly read: Read;
  readonly take: (result: LookedUp) => void;
}

/** Those whose turn it is; what is no longer asked for is forgotten. */
function planLookUps(
  dumped: Dumped,
  devices: readonly InterfaceName[],
  lookUps: LookUps,
): readonly LookUp[] {
  const { at, forwarded, underlay } = lookUps;
  const hosts = new Set(devices.flatMap((device) => peersOf(dumped, device)));
  const from = containerPacket(dumped);
  const destinations = from === undefined ? [] : dumped.wanted
    .filter(({ installed }) => installed)
    .map(({ destination }) => destination);
  keepOnly(underlay, hosts);
  keepOnly(forwarded, new Set(destinations));
  const all: readonly LookUp[] = [
    ...[...hosts].map((host): LookUp => ({
      read: { kind: "look-up", address: host },
      take: (result) => void underlay.set(host, result),
    })),
    ...destinations.flatMap((destination): readonly LookUp[] => {
      if (from === undefined) return [];
      const address = addressAfter(firstAddress(destination), 1);
      return [{
        read: { kind: "look-up", address, from },
        take: (result) =>
          void forwarded.set(destination, { destination, from: from.device, result }),
      }];
    }),
  ];
  const begin = all.length === 0 ? 0 : at % all.length;
  lookUps.at = begin + LOOK_UPS;
  return [...all.slice(begin), ...all.slice(0, begin)].slice(0, LOOK_UPS);
}

function keepOnly<Key>(map: Map<Key, unknown>, keys: ReadonlySet<Key>): void {
  for (const key of map.keys()) if (!keys.has(key)) map.delete(key);
}
