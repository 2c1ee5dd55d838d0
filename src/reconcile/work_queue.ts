import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Call, InjectOutcome, RemoveOutcome, Undone } from "./node_service.ts";
import type { Route } from "../routing/route.ts";

/** A job about one destination; jobs about distinct ones share an exchange. */
export type RouteJob =
  | {
    readonly kind: "inject";
    readonly wanted: Route;
    readonly call: Call;
    readonly resolve: (outcome: InjectOutcome) => void;
  }
  | {
    readonly kind: "remove";
    readonly destination: Ipv4Cidr;
    readonly call: Call;
    readonly resolve: (outcome: RemoveOutcome) => void;
  };

/** A job about more than one destination: it runs alone. */
interface LoneJob {
  readonly kind: "alone";
  /** True if route jobs may overtake it. */
  readonly patient: boolean;
  run(): Promise<void>;
}

/** Route jobs that a long job may let in between. */
export interface Visitors {
  /** True if there are any now. */
  readonly waiting: boolean;
  /** Carries out those that wait, one batch of them. */
  admit(): Promise<void>;
}

/** Route jobs that may wait; the agent never has more than one. */
const QUEUE_LIMIT = 1024;

/** Route jobs that share one exchange with the kernel. */
const BATCH_LIMIT = 128;

/**
 * Everything that concerns the kernel, one after another. So what is decided in one
 * job is still true when it acts, as far as this process is concerned.
 */
export class WorkQueue {
  readonly #carryOut: (jobs: readonly RouteJob[]) => Promise<void>;
  readonly #jobs: (RouteJob | LoneJob)[] = [];
  #running: Promise<void> | undefined;
  #closing = false;

  /** @param carryOut answers route jobs about distinct destinations; never rejects */
  constructor(carryOut: (jobs: readonly RouteJob[]) => Promise<void>) {
    this.#carryOut = carryOut;
  }

  /** Why a caller's job would not be taken now. */
  refusal(): Undone | undefined {
    if (this.#closing) return { kind: "shutting-down" };
    return this.#jobs.length >= QUEUE_LIMIT ? { kind: "queue-full" } : undefined;
  }

  /** Appends a job about one destination. */
  push(job: RouteJob): void {
    this.#jobs.push(job);
    this.#start();
  }

  /** Runs something alone, after all that came before it. */
  alone<Value>(run: (visitors: Visitors) => Promise<Value>): Promise<Value> {
    return this.#pushLone(false, () => run(this.#visitors()));
  }

  /**
   * Runs a repair alone. Route jobs may overtake it: it looks at what is wanted when it
   * begins, and the later it looks the less is left to do.
   */
  repair(run: () => Promise<void>): Promise<void> {
    return this.#pushLone(true, run);
  }

  /** Refuses callers from now on; resolves when nothing waits any more. */
  async close(): Promise<void> {
    this.#closing = true;
    while (this.#running !== undefined) await this.#running;
  }

  #pushLone<Value>(
    patient: boolean,
    run: () => Promise<Value>,
  ): Promise<Value> {
    const { promise, reject, resolve } = Promise.withResolvers<Value>();
    this.#jobs.push({ kind: "alone", patient, run: () => run().then(resolve, reject) });
    this.#start();
    return promise;
  }

  #visitors(): Visitors {
    const first = () => this.#jobs.find((job) => job.kind !== "alone" || !job.patient);
    return {
      get waiting() {
        const job = first();
        return job !== undefined && job.kind !== "alone";
      },
      admit: async () => {
        const jobs = this.#takeRouteJobs();
        if (jobs.length > 0) await this.#carryOut(jobs);
      },
    };
  }

  #start(): void {
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // A turn of the event loop first: calls that arrived together share an exchange.
    await Promise.resolve();
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      if (job.kind === "alone") {
        this.#jobs.shift();
        await job.run();
      } else {
        await this.#carryOut(this.#takeRouteJobs());
      }
    }
    // In the same turn as the last look at the queue, or a job pushed now would wait
    // for a run that is over.
    this.#running = undefined;
  }

  /** The longest run about distinct destinations: only repairs are overtaken. */
  #takeRouteJobs(): readonly RouteJob[] {
    const taken: RouteJob[] = [];
    const overtaken: LoneJob[] = [];
    const destinations = new Set<Ipv4Cidr>();
    for (const job of this.#jobs) {
      if (job.kind === "alone") {
        if (!job.patient) break;
        overtaken.push(job);
        continue;
      }
      if (taken.length >= BATCH_LIMIT) break;
      const destination = destinationOf(job);
      if (destinations.has(destination)) break;
      destinations.add(destination);
      taken.push(job);
    }
    this.#jobs.splice(0, overtaken.length + taken.length, ...overtaken);
    return taken;
  }
}

function destinationOf(job: RouteJob): Ipv4Cidr {
  return job.kind === "inject" ? job.wanted.destination : job.destination;
}
