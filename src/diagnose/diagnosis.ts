/**
 * Checks the whole data path again and again, and reports what stops traffic.
 *
 * `observe` reads the facts, and the checks in `checks/` decide. Questions about the facts
 * that several checks have are in `facts/`, and the shell lines that they share are in
 * `remedies/`. All other files decide when to check and where to report. Only a probe
 * writes to the kernel.
 *
 * This folder may import: ipam, routing, shared, the ports of the dataplane and of
 * reconcile, and types of observability. Its checks are pure.
 */
import type { Neighbour } from "../dataplane/data_path.ts";
import type {
  Cause,
  Dataplane,
  KernelEvent,
  KernelWatch,
} from "../dataplane/dataplane.ts";
import type { FindingCount, Instruments } from "../observability/instruments.ts";
import type { Logger } from "../observability/logger.ts";
import type { Call } from "../reconcile/ports.ts";
import { OUR_PROTOCOL } from "../routing/kernel_route.ts";
import { CHECKS } from "./checks.ts";
import { Disturbances } from "./disturbances.ts";
import type { Facts } from "./facts.ts";
import { compareFindings, type Finding, type FindingId, keyOf } from "./finding.ts";
import { FindingsLog } from "./findings_log.ts";
import { DEBOUNCE_MS, INTERVAL_MS, LONGEST_REST_MS, REST } from "./limits.ts";
import { type Known, noLookUps, observe } from "./observe.ts";
import type {
  CurrentFinding,
  DataPathService,
  Diagnosis,
  ProbeOutcome,
} from "./ports.ts";
import { type ProbeParts, probePeers, probeSome } from "./probe.ts";
import { SteadyProbe } from "./steady_probe.ts";
import { Settling } from "./settling.ts";

/** The dependencies of the diagnosis. */
export interface DataPathParts {
  readonly dataplane: Dataplane;
  readonly logger: Logger;
  /** The offset of a gateway from its network address. */
  readonly gatewayIndex: number;
  /** The present state of this process. */
  readonly known: () => Omit<Known, "remembered" | "contended" | "probed">;
  readonly isDesired: ConstructorParameters<typeof Disturbances>[0];
  /** Milliseconds in which each peer is probed once; undefined: only on demand. */
  readonly probeMs: number | undefined;
  /** Called with the result of each probed address. @default nothing */
  readonly onProbed?: Instruments["probed"];
}

/** The cause in the audit log for a probe that no client requested. */
const STEADY: Cause = { rpc: "probe", peer: "" };

const CLOSING = "the sidecar is shutting down";

/** Diagnoses the data path from its start until it is closed. */
export class DataPath implements DataPathService {
  readonly #parts: DataPathParts;
  readonly #disturbances: Disturbances;
  readonly #settling = new Settling();
  readonly #log = new FindingsLog();
  readonly #lookUps = noLookUps();
  readonly #listeners = new Set<(diagnosis: Diagnosis) => void>();
  readonly #neighbourListeners = new Set<(neighbour: Neighbour) => void>();
  readonly #first = Promise.withResolvers<Diagnosis>();
  #remembered: Facts["remembered"] = new Map();
  #latest: Diagnosis | undefined;
  #counts: readonly FindingCount[] = [];
  #watch: KernelWatch | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires, on the clock of `performance.now()`. */
  #dueMs = Infinity;
  #restUntilMs = 0;
  #looking: Promise<void> | undefined;
  #probing = false;
  #started = false;
  #closed = false;
  readonly #steadyProbe: SteadyProbe | undefined;

  constructor(parts: DataPathParts) {
    this.#parts = parts;
    this.#disturbances = new Disturbances(parts.isDesired);
    const { probeMs } = parts;
    if (probeMs === undefined) return;
    this.#steadyProbe = new SteadyProbe({
      probeMs,
      wanted: () => parts.known().wanted,
      probe: (route) => probeSome(this.#probeParts(), [route], STEADY),
      onResult: () => this.lookSoon(),
    });
  }

  /** Starts the watch of the data path. */
  watchKernel(): void {
    this.#watch ??= this.#parts.dataplane.watchDataPath((event) => {
      if (event.kind === "changed") return this.lookSoon();
      // Neighbours change all the time: they are a reason only while one has a finding.
      if (this.#hasFinding("neighbour-stale")) this.lookSoon();
      for (const listen of this.#neighbourListeners) listen(event.neighbour);
    });
  }

  /** Makes the first diagnosis, after the desired state was restored. */
  start(): void {
    this.#started = true;
    this.#steadyProbe?.start();
    this.lookSoon();
  }

  /** Notes a command before it is sent. */
  readonly noteOwn = (command: Parameters<Disturbances["noteOwn"]>[0]): void =>
    this.#disturbances.noteOwn(command);

  /** Handles an event of the watch of the routes. */
  onKernelEvent(event: KernelEvent): void {
    const isDisturbed = this.#disturbances.onKernelEvent(event, performance.now());
    // Our own routes are not a reason to check again; those of other processes may be one.
    if (isDisturbed || event.kind !== "route" || isForeign(event)) this.lookSoon();
  }

  /** Makes a diagnosis soon; several reasons lead to one diagnosis. */
  lookSoon(): void {
    this.#lookAt(performance.now() + DEBOUNCE_MS);
  }

  /** The number of findings of each id. */
  get counts(): readonly FindingCount[] {
    return this.#counts;
  }

  latest(): Promise<Diagnosis> {
    return this.#latest === undefined
      ? this.#first.promise
      : Promise.resolve(this.#latest);
  }

  watch(listener: (diagnosis: Diagnosis) => void): () => void {
    this.#listeners.add(listener);
    if (this.#latest !== undefined) listener(this.#latest);
    return () => this.#listeners.delete(listener);
  }

  async probe(call: Call): Promise<ProbeOutcome> {
    if (this.#closed) return { kind: "shutting-down" };
    if (this.#probing) return { kind: "busy" };
    this.#probing = true;
    try {
      return await probePeers(this.#probeParts(), this.#parts.known().wanted, call);
    } finally {
      this.#probing = false;
    }
  }

  /** Makes no further diagnosis; a running one is completed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    clearTimeout(this.#timer);
    // Resolve the calls that wait for the first diagnosis.
    this.#first.resolve({ findings: [], atMs: Date.now(), fault: CLOSING });
    await Promise.all([this.#looking, this.#steadyProbe?.close()]);
  }

  #hasFinding(id: FindingId): boolean {
    return this.#latest?.findings.some((finding) => finding.id === id) ?? false;
  }

  #probeParts(): ProbeParts {
    const { dataplane, gatewayIndex, onProbed } = this.#parts;
    return {
      dataplane,
      gatewayIndex,
      onProbed,
      watchNeighbours: (listener) => {
        this.#neighbourListeners.add(listener);
        return () => this.#neighbourListeners.delete(listener);
      },
    };
  }

  #lookAt(atMs: number): void {
    if (this.#closed || !this.#started) return;
    const dueMs = Math.max(atMs, this.#restUntilMs);
    if (this.#looking !== undefined || dueMs >= this.#dueMs) {
      this.#dueMs = Math.min(this.#dueMs, dueMs);
      return;
    }
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#begin(), dueMs - performance.now());
  }

  #begin(): void {
    this.#dueMs = Infinity;
    const startedMs = performance.now();
    this.#looking = this.#look().then((againMs) => {
      const now = performance.now();
      const rest = Math.min(REST * (now - startedMs), LONGEST_REST_MS);
      this.#restUntilMs = now + rest;
      this.#looking = undefined;
      // A reason from the meantime, or a finding that must settle first.
      const dueMs = Math.min(this.#dueMs, now + againMs);
      this.#dueMs = Infinity;
      this.#lookAt(dueMs);
    });
  }

  /** @returns milliseconds until the next diagnosis, unless something changes */
  async #look(): Promise<number> {
    const { dataplane, known } = this.#parts;
    const now = performance.now();
    const observed = await observe(dataplane, {
      ...known(),
      remembered: this.#remembered,
      contended: this.#disturbances.contended(now),
      probed: this.#steadyProbe?.results() ?? [],
    }, this.#lookUps);
    if (this.#closed) return INTERVAL_MS;
    if (!observed.ok) {
      this.#publish(this.#latest?.findings ?? [], observed.fault);
      return INTERVAL_MS;
    }
    const facts = observed.value;
    this.#remembered = facts.remembered;
    const found = CHECKS.flatMap((check) => check(facts)).toSorted(compareFindings);
    const { againMs, settled } = this.#settling.take(found, performance.now());
    this.#publish(this.#dated(settled), undefined);
    for (const line of this.#log.take(settled, performance.now())) {
      this.#parts.logger.log(line.level, line.message, line.fields);
    }
    return Math.min(againMs ?? INTERVAL_MS, INTERVAL_MS);
  }

  #dated(findings: readonly Finding[]): readonly CurrentFinding[] {
    const before = new Map(
      this.#latest?.findings.map((finding) => [keyOf(finding), finding.sinceMs]),
    );
    return findings.map((finding) => ({
      ...finding,
      sinceMs: before.get(keyOf(finding)) ?? Date.now(),
    }));
  }

  #publish(findings: readonly CurrentFinding[], fault: string | undefined): void {
    const before = this.#latest;
    const latest = { findings, fault, atMs: Date.now() };
    this.#latest = latest;
    this.#first.resolve(latest);
    const isSame = before !== undefined && before.fault === fault &&
      JSON.stringify(before.findings) === JSON.stringify(findings);
    if (isSame) return;
    this.#counts = countFindings(findings);
    for (const listener of this.#listeners) listener(latest);
  }
}

function countFindings(findings: readonly Finding[]): readonly FindingCount[] {
  const counts = new Map<string, FindingCount>();
  for (const { id, severity } of findings) {
    const key = `${id} ${severity}`;
    counts.set(key, { id, severity, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}

/** True for a route that another process wrote or deleted. */
function isForeign(
  { plain, protocol }: Extract<KernelEvent, { readonly kind: "route" }>,
): boolean {
  return protocol !== OUR_PROTOCOL || !plain;
}
