import type { Cause } from "../kernel/audit.ts";
import type { Door, Errand } from "../kernel/door.ts";
import type { Call, InjectOutcome, RemoveOutcome } from "../node_service.ts";
import { routeEntry, type WantedRoute } from "../routes/memory.ts";
import {
  describeConnected,
  describeOwnSubnet,
  describePending,
  describeReplaced,
} from "../routes/sentences.ts";
import { absentTask } from "./absent.ts";
import { BridgeWatch } from "./bridge_watch.ts";
import { converge } from "./converge.ts";
import type { AbsentReached, PresentReached } from "./goal.ts";
import { INSTALLED, type Ledger } from "./ledger.ts";
import { presentTask } from "./present.ts";
import { describeTrouble, refuse } from "./refusal.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Task } from "./task.ts";
import type { RouteJob } from "./work_queue.ts";

type InjectJob = Extract<RouteJob, { kind: "inject" }>;
type RemoveJob = Extract<RouteJob, { kind: "remove" }>;

/** A job on its way: the kernel's part, and the answer to be given after it. */
interface Errant {
  readonly task: Task;
  answer(): Promise<void>;
}

/** Carries out InjectRoute and RemoveRoute, many at once, and keeps the ledger true. */
export class RouteKeeper {
  readonly #door: Door;
  readonly #ledger: Ledger;
  readonly #snapshot: Snapshot;
  readonly #bridges: BridgeWatch;

  constructor(door: Door, ledger: Ledger, snapshot: Snapshot) {
    this.#door = door;
    this.#ledger = ledger;
    this.#snapshot = snapshot;
    this.#bridges = new BridgeWatch(door);
  }

  /** Answers each job; the jobs are about distinct destinations. */
  async carryOut(jobs: readonly RouteJob[]): Promise<void> {
    const errants = jobs.filter((job) => !this.#dismiss(job)).map((job) =>
      job.kind === "inject" ? this.#inject(job) : this.#remove(job)
    );
    if (errants.length === 0) return;
    await converge(this.#door, this.#snapshot, errants.map(({ task }) => task));
    for (const errant of errants) await errant.answer();
  }

  /** True if the job was answered without a look at the kernel. */
  #dismiss(job: RouteJob): boolean {
    if (job.call.gone()) {
      job.resolve({ kind: "caller-gone" });
      return true;
    }
    if (job.kind === "remove") return false;
    const { destination } = job.wanted;
    if (destination !== this.#ledger.nodeSubnet?.subnet) return false;
    job.resolve(refuse(describeOwnSubnet(destination)));
    return true;
  }

  #inject(job: InjectJob): Errant {
    const { wanted } = job;
    const cause = causeOf(job.call);
    const remember = this.#ledger.entryToRemember(wanted);
    const installed = this.#ledger.isInstalled(wanted);
    let reached: PresentReached = NEVER_SETTLED;
    return {
      task: presentTask(
        { wanted, installed, remember, cause },
        this.#snapshot,
        (end) => reached = end,
      ),
      answer: async () => {
        // A refusal is not remembered, but its entry may have been written before it.
        const written = reached.kind === "failed" && remember !== undefined &&
          reached.failure.kind !== "not-permitted";
        if (written) await this.#restoreMemory(wanted, cause);
        job.resolve(await this.#concludeInject(wanted, reached));
      },
    };
  }

  async #concludeInject(
    wanted: WantedRoute,
    reached: PresentReached,
  ): Promise<InjectOutcome> {
    const { destination, device } = wanted;
    switch (reached.kind) {
      case "added":
      case "unchanged": {
        this.#ledger.put({ route: wanted, remembered: true, standing: INSTALLED });
        const warnings = await this.#bridges.warnings(device, reached.master);
        if (reached.kind === "unchanged") {
          return { kind: "unchanged", destination, device, warnings };
        }
        const replaced = reached.over.map((route) => describeReplaced(route, device));
        return {
          kind: "added",
          destination,
          device,
          ifindex: reached.ifindex,
          warnings: [...replaced, ...warnings],
        };
      }
      case "pending": {
        const { reason } = reached;
        this.#ledger.put({
          route: wanted,
          remembered: true,
          standing: { kind: "waiting", reason },
        });
        return refuse(describePending(reason, device));
      }
      case "connected":
        return refuse(describeConnected(destination, reached.device));
      case "failed":
        return refuse(describeTrouble(destination, reached));
      case "lost": {
        const sentence = describeTrouble(destination, reached);
        // The agent never asks twice: what may be half done is finished by the repair.
        this.#ledger.put({
          route: wanted,
          remembered: false,
          standing: { kind: "troubled", sentence },
        });
        return refuse(sentence);
      }
    }
  }

  /** Puts table 142 back to what the ledger says of the destination. */
  async #restoreMemory(wanted: WantedRoute, cause: Cause): Promise<void> {
    const before = this.#ledger.get(wanted.destination);
    const errand: Errand = before === undefined
      ? { command: { kind: "forget", entry: routeEntry(wanted) }, cause }
      : { command: { kind: "remember", entry: routeEntry(before.route) }, cause };
    await this.#door.exchange([errand]);
  }

  #remove(job: RemoveJob): Errant {
    const { destination } = job;
    const cause = causeOf(job.call);
    const forget = this.#ledger.entryToForget(destination);
    const installed = this.#ledger.installedRoute(destination);
    let reached: AbsentReached = NEVER_SETTLED;
    return {
      task: absentTask(
        { destination, owners: "overlay", installed, forget, cause },
        (end) => reached = end,
      ),
      answer: () => {
        job.resolve(this.#concludeRemove(job, reached));
        return Promise.resolve();
      },
    };
  }

  #concludeRemove({ destination }: RemoveJob, reached: AbsentReached): RemoveOutcome {
    switch (reached.kind) {
      case "removed":
      case "absent":
        this.#ledger.remove(destination);
        return { kind: reached.kind, destination };
      case "failed":
        return refuse(describeTrouble(destination, reached));
      case "lost":
        this.#ledger.leave(destination);
        return refuse(describeTrouble(destination, reached));
    }
  }
}

const NEVER_SETTLED = { kind: "lost", why: "it was never asked" } as const;

/** The cause that the audit trail names for a caller's mutations. */
export function causeOf(call: Call): Cause {
  return { rpc: call.rpc, peer: call.peer };
}
