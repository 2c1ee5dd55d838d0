import type { Neighbour } from "../dataplane/data_path.ts";
import {
  answerOf,
  type Cause,
  type Dataplane,
  type NeighbourProbe,
  type OperationResult,
  tracesOf,
} from "../dataplane/dataplane.ts";
import { addressAfter, firstAddress, type Ipv4Address } from "../ipam/address.ts";
import { type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { Instruments } from "../observability/instruments.ts";
import { type Call, causeOf } from "../reconcile/ports.ts";
import type { WantedRoute } from "./facts.ts";
import { PROBE_MS, PROBES_AT_ONCE, PROBES_IN_A_BATCH } from "./limits.ts";
import type { ProbeOutcome, ProbeResult, ProbeState } from "./ports.ts";

/** The dependencies of the probe. */
export interface ProbeParts {
  readonly dataplane: Dataplane;
  /** Calls the listener with each neighbour that changes, until it is ended. */
  readonly watchNeighbours: (listener: (neighbour: Neighbour) => void) => () => void;
  /** The offset of a gateway from its network address. */
  readonly gatewayIndex: number;
  /** Called with the result of each address. @default nothing */
  readonly onProbed?: Instruments["probed"] | undefined;
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
  const silent: ProbeState = { kind: "silent" };
  const results = asked.map((
    { destination, device, ...addresses },
    index,
  ): ProbeResult => ({
    destination,
    device,
    gateway: {
      address: addresses.gateway.address,
      state: gateways[index] ?? silent,
    },
    proxied: {
      address: addresses.proxied.address,
      state: proxied[index] ?? silent,
    },
  }));
  for (const { gateway, proxied } of results) {
    parts.onProbed?.("gateway", gateway.state.kind);
    parts.onProbed?.("proxied", proxied.state.kind);
  }
  return results;
}

/** Probes addresses, all at once. */
async function ask(
  { dataplane, watchNeighbours }: ProbeParts,
  probes: readonly NeighbourProbe[],
  cause: Cause,
): Promise<readonly ProbeState[]> {
  const states = new Map<string, ProbeState>();
  const pending = new Set<string>();
  const { promise: allAnswered, resolve } = Promise.withResolvers<void>();
  let startedMs = performance.now();
  const note = (neighbour: Neighbour): void => {
    const key = keyOf(neighbour);
    const state = stateOf(neighbour, performance.now() - startedMs);
    if (state === undefined || !pending.delete(key)) return;
    states.set(key, state);
    if (pending.size === 0) resolve();
  };
  const known = await neighboursOf(dataplane, probes);
  for (const neighbour of known) states.set(keyOf(neighbour), { kind: "known" });
  const asked = probes.filter((probe) => !states.has(keyOf(probe)));
  for (const probe of asked) pending.add(keyOf(probe));
  startedMs = performance.now();
  const endWatch = watchNeighbours(note);
  const made: NeighbourProbe[] = [];
  await eachFew(asked, async (few) => {
    const results = await runAll(dataplane, few, "probe-neighbour", cause);
    for (const [index, probe] of few.entries()) {
      const result = results[index];
      // A lost batch may have created the entry.
      if (result?.ok !== false) made.push(probe);
      else if (pending.delete(keyOf(probe))) {
        states.set(keyOf(probe), failedState(result));
      }
    }
  });
  if (pending.size > 0) await within(PROBE_MS, allAnswered);
  // An event may have been lost, so read the entries that are still open.
  if (pending.size > 0) {
    for (const each of await neighboursOf(dataplane, asked)) note(each);
  }
  endWatch();
  await eachFew(made, (few) => runAll(dataplane, few, "delete-neighbour", cause));
  return probes.map((probe) => states.get(keyOf(probe)) ?? { kind: "silent" });
}

async function neighboursOf(
  dataplane: Dataplane,
  probes: readonly NeighbourProbe[],
): Promise<readonly Neighbour[]> {
  const devices = [...new Set(probes.map(({ device }) => device))];
  const dump = await dataplane.dump(
    devices.map((device) => ({ kind: "neighbours", device })),
  );
  return dump.kind === "lost"
    ? []
    : dump.results.flatMap((result) =>
      answerOf(result, "neighbours")?.neighbours ?? []
    );
}

/** Calls wait for a few commands, and never for hundreds. */
async function eachFew(
  probes: readonly NeighbourProbe[],
  run: (few: readonly NeighbourProbe[]) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < probes.length; at += PROBES_IN_A_BATCH) {
    await run(probes.slice(at, at + PROBES_IN_A_BATCH));
  }
}

async function runAll(
  dataplane: Dataplane,
  probes: readonly NeighbourProbe[],
  kind: "probe-neighbour" | "delete-neighbour",
  cause: Cause,
): Promise<readonly OperationResult[]> {
  const reply = await dataplane.run(
    probes.map((probe) => ({ command: { kind, probe }, cause })),
    tracesOf([cause]),
  );
  return reply.kind === "answered" ? reply.results : [];
}

/** An entry that another process made in the meantime is not changed. */
function failedState(
  { failure }: Extract<OperationResult, { readonly ok: false }>,
): ProbeState {
  return failure.kind === "exists"
    ? { kind: "known" }
    : { kind: "failed", why: failure.message };
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
  return addressAfter(firstAddress(destination), index);
}

/** The last address that a container could have: seldom one has it. */
function lastHost(destination: Ipv4Cidr, gatewayIndex: number): Ipv4Address {
  const last = 2 ** (32 - prefixLength(destination)) - 2;
  const index = Math.max(0, last === gatewayIndex ? last - 1 : last);
  return addressAfter(firstAddress(destination), index);
}
