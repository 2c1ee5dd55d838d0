import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { WantedRoute } from "./facts.ts";
import type { ProbeResult } from "./ports.ts";

/** The dependencies of the steady probe. */
export interface SteadyProbeParts {
  /** Milliseconds in which each destination is probed once. */
  readonly probeMs: number;
  readonly wanted: () => readonly WantedRoute[];
  /** Probes one destination. Never rejects. */
  readonly probe: (route: WantedRoute) => Promise<readonly ProbeResult[]>;
  /** Called when a result may differ from the one before. */
  readonly onResult: () => void;
}

/** The shortest pause between two destinations, however many there are. */
const LEAST_PAUSE_MS = 20;

/** While nothing is wanted. */
const IDLE_MS = 1_000;

/**
 * Probes one destination after another for ever, spread evenly: never two at once, so
 * that a peer that is silent for 4 s delays the round and nothing else.
 */
export class SteadyProbe {
  readonly #parts: SteadyProbeParts;
  readonly #results = new Map<Ipv4Cidr, ProbeResult>();
  /** Destinations of this round that are still to be probed. */
  #round: WantedRoute[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: SteadyProbeParts) {
    this.#parts = parts;
  }

  /** The latest result of each destination that is still wanted. */
  results(): readonly ProbeResult[] {
    return [...this.#results.values()];
  }

  start(): void {
    this.#next();
  }

  /** Probes no more; the one that runs comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #next(): void {
    if (this.#closed) return;
    const { probeMs, wanted } = this.#parts;
    const installed = wanted().filter(({ installed }) => installed);
    if (this.#round.length === 0) this.#round = [...installed];
    const pause = installed.length === 0
      ? IDLE_MS
      : Math.max(LEAST_PAUSE_MS, probeMs / installed.length);
    this.#timer = setTimeout(() => {
      this.#running = this.#probe(installed).then(() => this.#next());
    }, pause);
  }

  async #probe(installed: readonly WantedRoute[]): Promise<void> {
    const current = new Set(installed.map(({ destination }) => destination));
    for (const known of this.#results.keys()) {
      if (!current.has(known)) this.#results.delete(known);
    }
    const route = this.#round.shift();
    if (route === undefined || !current.has(route.destination)) return;
    const before = this.#results.get(route.destination);
    for (const result of await this.#parts.probe(route)) {
      this.#results.set(result.destination, result);
      if (stateOf(before) !== stateOf(result)) this.#parts.onResult();
    }
  }
}

function stateOf(result: ProbeResult | undefined): string {
  return `${result?.gateway.state.kind} ${result?.proxied.state.kind}`;
}
