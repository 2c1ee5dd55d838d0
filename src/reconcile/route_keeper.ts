import type { Cause } from "../dataplane/dataplane.ts";
import type { Call, InjectOutcome, RemoveOutcome } from "./node_service.ts";
import type { Route } from "../routing/route.ts";
import { describeOwnSubnet, describeReplaced } from "../routing/messages.ts";
import { absentTask } from "./absent.ts";
import { amendsFor, makeAmends } from "./roll_back.ts";
import { converge } from "./converge.ts";
import {
  type AbsentGoal,
  type AbsentReached,
  NEVER_SETTLED,
  type PresentReached,
} from "./goal.ts";
import { presentTask } from "./present.ts";
import { describeTrouble, refuse } from "./refusal.ts";
import type { RouteParts } from "./route_parts.ts";
import {
  describeStanding,
  keepAsked,
  keepUnwanted,
  standingOf,
} from "./route_status.ts";
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
  readonly #parts: RouteParts;

  constructor(parts: RouteParts) {
    this.#parts = parts;
  }

  /** Answers each job; the jobs are about distinct destinations. */
  async carryOut(jobs: readonly RouteJob[]): Promise<void> {
    const errants = jobs.filter((job) => !this.#dismiss(job)).map((job) =>
      job.kind === "inject" ? this.#inject(job) : this.#remove(job)
    );
    if (errants.length === 0) return;
    const { dataplane, snapshot } = this.#parts;
    await converge(dataplane, snapshot, errants.map(({ task }) => task));
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
    if (destination !== this.#parts.ledger.nodeSubnet?.subnet) return false;
    job.resolve(refuse(describeOwnSubnet(destination)));
    return true;
  }

  #inject(job: InjectJob): Errant {
    const { wanted } = job;
    const { ledger, snapshot } = this.#parts;
    const goal = ledger.presentGoal(wanted, causeOf(job.call));
    let reached: PresentReached = NEVER_SETTLED;
    return {
      task: presentTask(goal, snapshot, (end) => reached = end),
      answer: async () => {
        const amends = amendsFor(ledger, goal, reached);
        if (amends !== undefined) await makeAmends(this.#parts, [amends]);
        job.resolve(await this.#concludeInject(wanted, reached));
      },
    };
  }

  async #concludeInject(
    wanted: Route,
    reached: PresentReached,
  ): Promise<InjectOutcome> {
    const { destination, device } = wanted;
    keepAsked(this.#parts, wanted, reached);
    switch (reached.kind) {
      case "added":
      case "unchanged": {
        const warnings = await this.#parts.bridges.warnings(device, reached.master);
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
      default:
        return refuse(describeStanding(wanted, standingOf(wanted, reached)));
    }
  }

  #remove(job: RemoveJob): Errant {
    const { destination } = job;
    const cause = causeOf(job.call);
    const goal = this.#parts.ledger.absentGoal(destination, "overlay", cause);
    let reached: AbsentReached = NEVER_SETTLED;
    return {
      task: absentTask(goal, this.#parts.snapshot, (end) => reached = end),
      answer: () => {
        job.resolve(this.#concludeRemove(goal, reached));
        return Promise.resolve();
      },
    };
  }

  #concludeRemove(
    { destination, owners }: AbsentGoal,
    reached: AbsentReached,
  ): RemoveOutcome {
    keepUnwanted(this.#parts, destination, owners, reached);
    switch (reached.kind) {
      case "removed":
      case "absent":
        return { kind: reached.kind, destination };
      case "failed":
      case "lost":
        return refuse(describeTrouble(destination, reached));
    }
  }
}

/** The cause that the audit trail names for a caller's mutations. */
export function causeOf(call: Call): Cause {
  const { peer, rpc, subject } = call;
  return subject === undefined ? { rpc, peer } : { rpc, peer, subject };
}
