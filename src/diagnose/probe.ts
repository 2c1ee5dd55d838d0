import type { Neighbour } from "../dataplane/data_path.ts";
import {
  answerOf,
  type Cause,
  type Dataplane,
  type NeighbourProbe,
  type OperationResult,
} from "../dataplane/dataplane.ts";
import {
  addressFromNumber,
  addressToNumber,
  firstAddress,
  type Ipv4Address,
} from "../ipam/address.ts";
import { type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import { type Call, causeOf } from "../reconcile/ports.ts";
import type { WantedRoute } from "./facts.ts";
import { PROBE_MS, PROBES_AT_ONCE } from "./limits.ts";
import type { ProbeOutcome, ProbeResult, ProbeState } from "./ports.ts";

/** What a probe works with. */
export interface ProbeParts {
  readonly dataplane: Dataplane;
  /** Calls the listener with each neighbour that changes, until it is ended. */
  readonly watchNeighbours: (listener: (neighbour: Neighbour) => void) => () => void;
  /** The offset of a gateway from its network address. */
  readonly gatewayIndex: number;
}

/**
 * Makes the kernel ask each destination's gateway by ARP through the overlay, and then one
 * address behind it. An entry that the kernel has already is not touched, and those that
 * the probe made are deleted again.
 */
export async function probePeers(
  parts: ProbeParts,
  routes: readonly WantedRoute[],
  call: Call,
): Promise<ProbeOutcome> {
  const installed = routes.filter(({ installed }) => installed);
  const results: ProbeResult[] = [];
  for (let at = 0; at < installed.length; at += PROBES_AT_ONCE) {
    if (call.gone()) return { kind: "caller-gone" };
    const some = installed.slice(at, at + PROBES_AT_ONCE);
    results.push(...await probeSome(parts, some, causeOf(call)));
  }
  return { kind: "probed", results };
}

/** The same for a few destinations. Never rejects. */
export async function probeSome(
  parts: ProbeParts,
  routes: readonly WantedRoute[],
  cause: Cause,
): Promise<readonly ProbeResult[]> {
  const asked = routes.map(({ destination, device }) => ({
    destination,
    device,
    gateway: { device, address: gatewayOf(destination, parts.gatewayIndex) },
    proxied: { device, address: lastHost(destination, parts.gatewayIndex) },
  }));
  const gateways = await ask(parts, asked.map(({ gateway }) => gateway), cause);
  const proxied = await ask(parts, asked.map(({ proxied }) => proxied), cause);
  const failed: ProbeState = { kind: "failed", why: "the kernel did not answer" };
  return asked.map(({ destination, device, ...addresses }, index): ProbeResult => ({
    destination,
    device,
    gateway: {
      address: addresses.gateway.address,
      state: gateways[index] ?? failed,
    },
    proxied: {
      address: addresses.proxied.address,
      state: proxied[index] ?? failed,
    },
  }));
}

/** Asks for addresses, all at once. */
async function ask(
  { dataplane, watchNeighbours }: ProbeParts,
  probes: readonly NeighbourProbe[],
  cause: Cause,
): Promise<readonly ProbeState[]> {
  const heard = new Map<
    string,
    { readonly state: ProbeState; readonly atMs: number }
  >();
  const pending = new Set(probes.map(keyOf));
  const { promise: all, resolve: allHeard } = Promise.withResolvers<void>();
  const startedMs = performance.now();
  const note = (neighbour: Neighbour): void => {
    const key = keyOf(neighbour);
    if (!pending.has(key)) return;
    const atMs = performance.now();
    const state = stateOf(neighbour, atMs - startedMs);
    if (state === undefined) return;
    pending.delete(key);
    heard.set(key, { state, atMs });
    if (pending.size === 0) allHeard();
  };
  const endWatch = watchNeighbours(note);
  const begun = await dataplane.run(
    probes.map((probe) => ({ command: { kind: "probe-neighbour", probe }, cause })),
  );
  const results = begun.kind === "answered" ? begun.results : [];
  for (const [index, probe] of probes.entries()) {
    if (results[index]?.ok !== true) pending.delete(keyOf(probe));
  }
  if (pending.size > 0) await within(PROBE_MS, all);
  endWatch();
  // An event may have been lost, so what is still open is read.
  if (pending.size > 0) {
    for (const device of new Set(probes.map(({ device }) => device))) {
      const read = await dataplane.run([{ command: { kind: "neighbours", device } }]);
      const result = read.kind === "answered" ? read.results[0] : undefined;
      for (const each of answerOf(result, "neighbours")?.neighbours ?? []) note(each);
    }
  }
  const made = probes.filter((_, index) =>
    begun.kind === "lost" || results[index]?.ok === true
  );
  await dataplane.run(
    made.map((probe) => ({ command: { kind: "delete-neighbour", probe }, cause })),
  );
  return probes.map((probe, index) =>
    heard.get(keyOf(probe))?.state ?? withoutAnswer(results[index], begun)
  );
}

/** What an address is whose neighbour entry said nothing. */
function withoutAnswer(
  result: OperationResult | undefined,
  begun: { readonly kind: string; readonly why?: string },
): ProbeState {
  if (result === undefined) {
    return { kind: "failed", why: begun.why ?? "the kernel did not answer" };
  }
  if (result.ok) return { kind: "silent" };
  return result.failure.kind === "exists"
    ? { kind: "known" }
    : { kind: "failed", why: result.failure.message };
}

/** Undefined while the kernel still asks. */
function stateOf({ state }: Neighbour, afterMs: number): ProbeState | undefined {
  switch (state) {
    case "reachable":
    case "stale":
    case "delay":
    case "probe":
      return { kind: "answered", afterMs };
    case "failed":
      return { kind: "silent" };
    case "incomplete":
    case "none":
    case "noarp":
    case "permanent":
      return undefined;
    default:
      return state satisfies never;
  }
}

function keyOf({ address, device }: NeighbourProbe): string {
  return `${device} ${address}`;
}

async function within(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

function gatewayOf(destination: Ipv4Cidr, index: number): Ipv4Address {
  return hostOf(destination, index);
}

/** The last address that a container could have: seldom one has it. */
function lastHost(destination: Ipv4Cidr, gatewayIndex: number): Ipv4Address {
  const last = 2 ** (32 - prefixLength(destination)) - 2;
  return hostOf(destination, Math.max(0, last === gatewayIndex ? last - 1 : last));
}

function hostOf(destination: Ipv4Cidr, index: number): Ipv4Address {
  const first = addressToNumber(firstAddress(destination));
  return addressFromNumber(first + index);
}
