import { type Checked, fail, pass } from "./ipam/checked.ts";
import { checkNodeCidr, type ClusterPolicy, describeCidrFault } from "./ipam/policy.ts";
import { AuditTrail } from "./kernel/audit.ts";
import { type Door, KernelDoor } from "./kernel/door.ts";
import { DryDoor } from "./kernel/dry_door.ts";
import { type KernelEvent, Monitor } from "./kernel/monitor.ts";
import type { LineSink } from "./line_sink.ts";
import type { Logger } from "./log.ts";
import { adopt } from "./node/adopt.ts";
import type { Ledger } from "./node/ledger.ts";
import { Reconciler } from "./node/reconciler.ts";
import { refuse } from "./node/refusal.ts";
import { removeOurs } from "./node/remove_ours.ts";
import { causeOf, RouteKeeper } from "./node/route_keeper.ts";
import { Snapshot } from "./node/snapshot.ts";
import { configureSubnet } from "./node/subnet.ts";
import { type RouteJob, WorkQueue } from "./node/work_queue.ts";
import type {
  Call,
  ConfigureOutcome,
  InjectOutcome,
  NodeService,
  Refusal,
  RemoveOutcome,
  Undone,
} from "./node_service.ts";
import {
  checkInterfaceName,
  describeInterfaceNameFault,
} from "./routes/interface_name.ts";

/** How a node is opened. */
export interface NodeOptions {
  readonly policy: ClusterPolicy;
  /** Decide, audit and answer, but touch nothing. */
  readonly dryRun: boolean;
  /** Take our routes away at the end; otherwise traffic flows on. */
  readonly removeRoutesOnExit: boolean;
  /** Milliseconds between two looks at everything. */
  readonly resyncMs: number;
  readonly logger: Logger;
  /** Where the audit trail goes. */
  readonly auditSink: LineSink;
}

/** A node that answers calls until it is closed. */
export interface OpenNode extends NodeService {
  /** Goes once through the whole path to the kernel, so that no caller is the first. */
  warm(): Promise<void>;
  /** Answers what is waiting, takes nothing more, and lets go of the kernel. */
  close(): Promise<void>;
}

/** Reads what is remembered, or says in one sentence why the node cannot serve. */
export async function openNode(
  options: NodeOptions,
): Promise<Checked<OpenNode, string>> {
  const audit = new AuditTrail(options.auditSink);
  const door = options.dryRun ? new DryDoor(audit) : new KernelDoor(audit);
  const snapshot = new Snapshot();
  const early: KernelEvent[] = [];
  let listener = (event: KernelEvent): void => void early.push(event);
  // The monitor comes first, so that nothing happens between the look and the watch.
  const monitor = options.dryRun ? undefined : new Monitor((event) => listener(event));
  const adopted = await adopt(door, snapshot, options.logger);
  if (!adopted.ok) {
    monitor?.close();
    await door.close();
    return fail(adopted.fault);
  }
  const node = new QueuedNode(door, options, adopted.value, snapshot, monitor);
  listener = (event) => node.notice(event);
  for (const event of early) node.notice(event);
  return pass(node);
}

class QueuedNode implements OpenNode {
  readonly #door: Door;
  readonly #options: NodeOptions;
  readonly #ledger: Ledger;
  readonly #snapshot: Snapshot;
  readonly #monitor: Monitor | undefined;
  readonly #queue: WorkQueue;
  readonly #reconciler: Reconciler;

  constructor(
    door: Door,
    options: NodeOptions,
    ledger: Ledger,
    snapshot: Snapshot,
    monitor: Monitor | undefined,
  ) {
    this.#door = door;
    this.#options = options;
    this.#ledger = ledger;
    this.#snapshot = snapshot;
    this.#monitor = monitor;
    const keeper = new RouteKeeper(door, ledger, snapshot);
    this.#queue = new WorkQueue((jobs) => keeper.carryOut(jobs));
    const queue = this.#queue;
    this.#reconciler = new Reconciler({ ...options, door, ledger, snapshot, queue });
  }

  notice(event: KernelEvent): void {
    this.#reconciler.notice(event);
  }

  async configureNodeSubnet(text: string, call: Call): Promise<ConfigureOutcome> {
    const checked = checkNodeCidr(text, this.#options.policy);
    if (!checked.ok) return refuse(describeCidrFault(checked.fault, "Subnet"));
    const undone = this.#queue.refusal();
    if (undone !== undefined) return undone;
    const subnet = checked.value;
    return await this.#queue.alone(async () => {
      if (call.gone()) return { kind: "caller-gone" };
      const outcome = await configureSubnet(
        this.#door,
        this.#ledger,
        this.#snapshot,
        subnet,
        causeOf(call),
      );
      return outcome.kind === "refused" ? outcome : { ...outcome, subnet };
    });
  }

  injectRoute(
    destination: string,
    viaInterface: string,
    call: Call,
  ): Promise<InjectOutcome> {
    const checked = checkNodeCidr(destination, this.#options.policy);
    if (!checked.ok) return refused(describeCidrFault(checked.fault, "Destination"));
    const device = checkInterfaceName(viaInterface);
    if (!device.ok) return refused(describeInterfaceNameFault(device.fault));
    const wanted = { destination: checked.value, device: device.value };
    return this.#submit<InjectOutcome>((resolve) => ({
      kind: "inject",
      wanted,
      call,
      resolve,
    }));
  }

  removeRoute(text: string, call: Call): Promise<RemoveOutcome> {
    const checked = checkNodeCidr(text, this.#options.policy);
    if (!checked.ok) return refused(describeCidrFault(checked.fault, "Destination"));
    const destination = checked.value;
    return this.#submit<RemoveOutcome>((resolve) => ({
      kind: "remove",
      destination,
      call,
      resolve,
    }));
  }

  async warm(): Promise<void> {
    await this.#queue.alone(async () => {
      await this.#door.exchange([{ command: { kind: "own-routes" } }]);
    });
  }

  async close(): Promise<void> {
    this.#monitor?.close();
    await this.#reconciler.close();
    await this.#queue.close();
    if (this.#options.removeRoutesOnExit) {
      await removeOurs(this.#door, this.#options.logger);
    }
    await this.#door.close();
  }

  #submit<Outcome>(
    job: (resolve: (outcome: Outcome) => void) => RouteJob,
  ): Promise<Outcome | Undone> {
    const undone = this.#queue.refusal();
    if (undone !== undefined) return Promise.resolve(undone);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#queue.push(job(resolve));
    return promise;
  }
}

function refused(sentence: string): Promise<Refusal> {
  return Promise.resolve(refuse(sentence));
}
