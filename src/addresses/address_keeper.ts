import type { Ipv4Address } from "../ipam/address.ts";
import type {
  Cause,
  Dataplane,
  Failure,
  FailureKind,
  Operation,
  OperationResult,
} from "../dataplane/dataplane.ts";
import type { AddressRefusal } from "./pod_network.ts";
import { subnetEntry } from "../state/table142_codec.ts";
import type { AddressJob, AddressPlan } from "./address_job.ts";
import { freshenPool } from "./address_records.ts";
import type { Ledger } from "../reconcile/desired_state.ts";
import { lostBecause } from "../reconcile/observe.ts";
import { describeTrouble } from "../reconcile/refusal.ts";
import { causeOf } from "../reconcile/route_keeper.ts";
import { nextRevision } from "./subnet.ts";
import type { WorkQueue } from "../reconcile/work_queue.ts";

/** Calls that may wait. */
const WAITING_LIMIT = 1024;

/** Calls that share one exchange with the kernel; each is up to 7 commands. */
const BATCH_LIMIT = 128;

/** How often calls are tried: `ip` may be lost, and what is in doubt is looked at. */
const ROUNDS = 4;

/** What the keeper works with. */
export interface AddressKeeperParts {
  readonly dataplane: Dataplane;
  readonly ledger: Ledger;
  readonly queue: WorkQueue;
  /** Called when calls have been answered: the subnet's revision may have grown. */
  readonly afterwards: () => void;
}

/** A call with what is planned for it. */
interface Planned {
  readonly job: AddressJob;
  readonly plan: AddressPlan;
}

/** What became of one plan's commands. */
type Confirmation =
  | { readonly kind: "done" }
  /** The kernel has something else than the pool: look again. */
  | { readonly kind: "surprise"; readonly taken: Ipv4Address | undefined }
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * Answers calls about addresses, many with one exchange, and only what the kernel
 * confirmed. The pool runs ahead while an exchange is under way; whatever does not come
 * out as planned is in doubt, and read back before anything else is decided.
 */
export class AddressKeeper {
  readonly #parts: AddressKeeperParts;
  readonly #waiting: AddressJob[] = [];
  #scheduled = false;

  constructor(parts: AddressKeeperParts) {
    this.#parts = parts;
  }

  /** Takes a call; it is answered through the job. */
  submit(job: AddressJob): void {
    const undone = this.#parts.queue.refusal();
    if (undone !== undefined) return job.refuse(undone);
    if (this.#waiting.length >= WAITING_LIMIT) {
      return job.refuse({ kind: "queue-full" });
    }
    this.#waiting.push(job);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void this.#parts.queue.alone(async () => {
      this.#scheduled = false;
      const jobs = this.#waiting.splice(0, BATCH_LIMIT);
      if (this.#waiting.length > 0) this.#schedule();
      await this.#carryOut(jobs);
      this.#parts.afterwards();
    });
  }

  async #carryOut(jobs: readonly AddressJob[]): Promise<void> {
    let open: readonly AddressJob[] = jobs.filter((job) => {
      const gone = job.call.gone();
      if (gone) job.refuse({ kind: "caller-gone" });
      return !gone;
    });
    let why = "the addresses change faster than they can be read";
    const taken = new Set<Ipv4Address>();
    for (let round = 0; round < ROUNDS && open.length > 0; round += 1) {
      const certain = await this.#settleDoubts(open, taken);
      if (certain !== undefined) {
        why = certain;
        continue;
      }
      const attempt = await this.#attempt(open, taken);
      open = attempt.open;
      why = attempt.why ?? why;
    }
    const sentence = describeTrouble("addresses", { kind: "lost", why });
    for (const job of open) job.refuse({ kind: "refused", reason: "lost", sentence });
  }

  /** Why the kernel could not be asked; undefined once nothing is in doubt. */
  async #settleDoubts(
    open: readonly AddressJob[],
    taken: Set<Ipv4Address>,
  ): Promise<string | undefined> {
    const { dataplane, ledger } = this.#parts;
    const fresh = await freshenPool(dataplane, ledger, causeOfAll(open));
    if (!fresh.ok) return fresh.fault;
    for (const address of taken) {
      if (ledger.pool.findByAddress(address) === undefined) {
        ledger.pool.exclude(address);
      }
    }
    taken.clear();
    return undefined;
  }

  /** Plans and writes; returns the jobs that are not answered yet. */
  async #attempt(
    jobs: readonly AddressJob[],
    taken: Set<Ipv4Address>,
  ): Promise<{ readonly open: readonly AddressJob[]; readonly why?: string }> {
    const { dataplane, ledger } = this.#parts;
    const planned = jobs.map((job): Planned => ({ job, plan: job.plan(ledger) }));
    const writes = planned.flatMap(({ plan }) => plan.operations);
    if (writes.length === 0) {
      for (const { plan } of planned) plan.answer();
      return { open: [] };
    }
    const progress = this.#progress(planned);
    const reply = await dataplane.run([...progress.operations, ...writes]);
    if (reply.kind !== "answered") {
      this.#doubt(planned);
      return { open: jobs, why: lostBecause(reply).why };
    }
    const [first] = reply.results;
    const behind = progress.operations.length;
    const fault = behind > 0 && first?.ok === false ? first.failure : undefined;
    if (fault === undefined) progress.confirm();
    return {
      open: this.#conclude(planned, reply.results.slice(behind), fault, taken),
    };
  }

  /**
   * The address given last is written ahead of those that are given: whatever of them is
   * lost, none comes round again too early. It stands in the subnet's own entry, which
   * is then the latest of all, should another subnet's have been written without a word.
   */
  #progress(
    planned: readonly Planned[],
  ): { readonly operations: readonly Operation[]; confirm(): void } {
    const { ledger } = this.#parts;
    const first = planned.find(({ plan }) => plan.allocates);
    if (first === undefined || ledger.nodeSubnet === undefined) {
      return { operations: [], confirm: () => {} };
    }
    const { subnet } = ledger.nodeSubnet;
    const revision = nextRevision(ledger, subnet);
    const entry = subnetEntry(subnet, revision, ledger.pool.cursor);
    return {
      operations: [{
        command: { kind: "put-entry", entry },
        cause: causeOf(first.job.call),
      }],
      confirm: () => ledger.nodeSubnet = { subnet, revision },
    };
  }

  #conclude(
    planned: readonly Planned[],
    results: readonly OperationResult[],
    progressFault: Failure | undefined,
    taken: Set<Ipv4Address>,
  ): readonly AddressJob[] {
    let at = 0;
    const confirmed = planned.map((each) => {
      const { allocates, operations, required } = each.plan;
      const own = results.slice(at, at + required);
      at += operations.length;
      const confirmation: Confirmation = allocates && progressFault !== undefined
        ? { kind: "failed", failure: progressFault }
        : confirmationOf(each.plan, own);
      return { ...each, confirmation };
    });
    const smooth = confirmed.every(({ confirmation }) => confirmation.kind === "done");
    const open: AddressJob[] = [];
    for (const { confirmation, job, plan } of confirmed) {
      if (confirmation.kind !== "done") this.#doubt([{ job, plan }]);
      if (confirmation.kind === "failed") {
        job.refuse(failedRefusal(plan, confirmation.failure));
      } else if (smooth || confirmation.kind === "done" && plan.operations.length > 0) {
        plan.answer();
      } else {
        // Also what built upon another plan that did not come out.
        open.push(job);
        if (confirmation.kind !== "surprise") continue;
        if (confirmation.taken !== undefined) taken.add(confirmation.taken);
      }
    }
    return open;
  }

  #doubt(planned: readonly Planned[]): void {
    for (const { plan: { address } } of planned) {
      if (address !== undefined) this.#parts.ledger.doubtful.add(address);
    }
  }
}

/** What says that the kernel has not what the pool has. */
const SURPRISES: ReadonlySet<FailureKind> = new Set(["exists", "absent", "no-table"]);

function confirmationOf(
  plan: AddressPlan,
  required: readonly OperationResult[],
): Confirmation {
  const failures = required.flatMap((result) => result.ok ? [] : [result.failure]);
  const failure = failures.find(({ kind }) => !SURPRISES.has(kind));
  if (failure !== undefined) return { kind: "failed", failure };
  if (failures.length === 0) return { kind: "done" };
  // The last one is the allocation; those before it are parts of the name.
  const last = required.at(-1);
  const taken = last?.ok === false && last.failure.kind === "exists";
  return { kind: "surprise", taken: taken ? plan.address : undefined };
}

function failedRefusal({ address }: AddressPlan, failure: Failure): AddressRefusal {
  const sentence = describeTrouble(address ?? "addresses", { kind: "failed", failure });
  const reason = failure.kind === "not-permitted" ? "not-ready" : "failed";
  return { kind: "refused", reason, sentence };
}

function causeOfAll([job]: readonly AddressJob[]): Cause {
  return job === undefined ? { rpc: "addresses", peer: "" } : causeOf(job.call);
}
