import type { Result } from "./shared/result.ts";
import { checkNodeCidr, type ClusterPolicy, describeCidrFault } from "./ipam/policy.ts";
import { AuditLog } from "./dataplane/audit_log.ts";
import type { Dataplane, KernelWatch } from "./dataplane/dataplane.ts";
import { Iproute2Dataplane } from "./dataplane/iproute2/adapter.ts";
import { DryRunDataplane } from "./dataplane/dry_run.ts";
import { HangLog } from "./dataplane/iproute2/hang_log.ts";
import { WarningLog } from "./dataplane/iproute2/warning_log.ts";
import type { LineWriter } from "./observability/buffered_line_writer.ts";
import type { Logger } from "./observability/logger.ts";
import { Addresses } from "./addresses/addresses.ts";
import { adopt, reportForeign } from "./reconcile/startup.ts";
import { BridgeWatch } from "./reconcile/bridge_watch.ts";
import { type CallTarget, DEFAULT_TARGET } from "./shared/grpcurl.ts";
import { Hearing } from "./reconcile/event_gate.ts";
import { reportLostWords } from "./reconcile/missing_routes.ts";
import { reportMissingPermission } from "./reconcile/permission.ts";
import { OtherWriter } from "./reconcile/other_writer.ts";
import { QueuedRoutes } from "./reconcile/queued_routes.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { refuse } from "./reconcile/refusal.ts";
import { removeOurs } from "./reconcile/shutdown.ts";
import { RouteBook } from "./reconcile/status_feed.ts";
import { causeOf, RouteKeeper } from "./reconcile/route_keeper.ts";
import type { RouteParts } from "./reconcile/route_parts.ts";
import { Snapshot } from "./reconcile/kernel_cache.ts";
import { configureSubnet } from "./addresses/subnet.ts";
import { type RouteJob, WorkQueue } from "./reconcile/work_queue.ts";
import type {
  Call,
  ConfigureOutcome,
  InjectOutcome,
  NodeService,
  Refusal,
  RemoveOutcome,
  Undone,
} from "./reconcile/node_service.ts";
import type { PodNetwork } from "./addresses/pod_network.ts";
import type { RouteTable } from "./reconcile/route_table.ts";
import {
  checkInterfaceName,
  describeInterfaceNameFault,
} from "./routing/interface_name.ts";

/** How a node is opened. */
export interface NodeOptions {
  readonly policy: ClusterPolicy;
  /** The gateway's address, counted from the node's network address. */
  readonly gatewayIndex: number;
  /** Decide, audit and answer, but touch nothing. */
  readonly dryRun: boolean;
  /** Take our routes away at the end; otherwise traffic flows on. */
  readonly removeRoutesOnExit: boolean;
  /** Milliseconds between two looks at everything. */
  readonly resyncMs: number;
  readonly logger: Logger;
  /** Where the audit trail goes. */
  readonly auditSink: LineWriter;
  /** Told when `ip` no longer answers, with the reason; undefined: it does again. */
  readonly onKernel?: (fault: string | undefined) => void;
}

/** A node that answers calls until it is closed. */
export interface OpenNode extends NodeService {
  /** The node's network and the addresses in it. */
  readonly podNetwork: PodNetwork;
  /** The routes to the other nodes, as a whole. */
  readonly routes: RouteTable;
  /**
   * Begins to hear of changes. Called before a Unix socket is ours: Deno 2.9.3 lets every
   * process that is started later inherit it, and `ip monitor` outlives a kill for a while,
   * which would look as if somebody still listened.
   */
  watch(): void;
  /** Hears of no change any more, because all is to end; looks for itself where asked. */
  unwatch(): void;
  /**
   * Reads back what is remembered and makes it true again, ahead of every call. Called
   * once, after the port is ours: of two sidecars only one may write.
   *
   * @param target how it is called, for the remedies that sentences name
   * @returns one sentence if the kernel cannot be read; then the node is of no use
   */
  start(target?: CallTarget): Promise<Result<void, string>>;
  /**
   * Answers what is waiting, takes nothing more, and lets go of the kernel.
   *
   * @param handsOver another process goes on at once: routes stay whatever was asked
   */
  close(handsOver?: boolean): Promise<void>;
}

/** A node that has touched nothing yet; what is asked of it waits for its start. */
export function openNode(options: NodeOptions): OpenNode {
  return new QueuedNode(options);
}

/** Service managers kill after 10 s or more, and callers may have had 5 of them. */
const CLOSE_LIMIT_MS = 3_000;

/** Who waited for the start is answered before what it found amiss is looked into. */
const REPORT_MS = 250;

/** Warnings of `ip` that are kept until the start has succeeded. */
const EARLY_WARNINGS = 64;

interface KernelFaults {
  readonly dataplane: string | undefined;
  readonly resync: string | undefined;
}

class QueuedNode implements OpenNode {
  readonly #dataplane: Dataplane;
  readonly #options: NodeOptions;
  readonly #book: RouteBook;
  readonly #snapshot = new Snapshot();
  #monitor: KernelWatch | undefined;
  readonly #hearing = new Hearing((event) => this.#reconciler.notice(event));
  readonly #queue: WorkQueue;
  readonly #reconciler: Reconciler;
  readonly routes: RouteTable;
  readonly #addresses: Addresses;
  readonly #warnings: WarningLog;
  readonly #hangs: HangLog;
  readonly #otherWriter: OtherWriter;
  #target = DEFAULT_TARGET;
  /** Those from before the start; undefined once it has succeeded. */
  #earlyWarnings: string[] | undefined = [];
  /** Why the kernel cannot be reached, as each of them sees it. */
  #faults: KernelFaults = { dataplane: undefined, resync: undefined };
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #reporting: Promise<unknown> = Promise.resolve();

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#warnings = new WarningLog(options.logger);
    this.#hangs = new HangLog(options.logger);
    this.#otherWriter = new OtherWriter(options.logger);
    const audit = new AuditLog(options.auditSink);
    const dataplane = options.dryRun
      ? new DryRunDataplane(audit)
      : new Iproute2Dataplane(audit, {
        onReach: (fault) => this.#followDoor(fault),
        onWarning: (warning) => this.#warn(warning),
        onHang: (hang) => this.#hangs.note(hang),
        onWrite: (command) => this.#otherWriter.noteOwn(command),
      });
    this.#dataplane = dataplane;
    const book = this.#book = new RouteBook(options.gatewayIndex);
    const { ledger } = book;
    const snapshot = this.#snapshot;
    const touch: RouteParts["touch"] = (to) => this.#reconciler.touch(to);
    const parts = {
      dataplane,
      ledger,
      snapshot,
      bridges: new BridgeWatch(dataplane),
      touch,
    };
    const keeper = new RouteKeeper(parts);
    const queue = new WorkQueue((jobs) => keeper.carryOut(jobs));
    this.#queue = queue;
    const onResync = (fault?: string): void => this.#follow({ resync: fault });
    this.#reconciler = new Reconciler({
      ...options,
      dataplane,
      ledger,
      snapshot,
      queue,
      onResync,
    });
    this.routes = new QueuedRoutes({ ...parts, book, queue, policy: options.policy });
    this.#addresses = new Addresses({ ...options.policy, dataplane, ledger, queue });
  }

  get podNetwork(): PodNetwork {
    return this.#addresses;
  }

  watch(): void {
    this.#monitor ??= this.#dataplane.watch((event) => {
      this.#otherWriter.onKernelEvent(event);
      this.#hearing.hear(event);
    });
  }

  unwatch(): void {
    this.#monitor?.close();
    this.#hearing.hear({ kind: "monitor-down" });
  }

  async start(target?: CallTarget): Promise<Result<void, string>> {
    if (target !== undefined) this.#target = target;
    // Before the first look, so that nothing happens between the look and the watch.
    this.watch();
    this.#hearing.adopt();
    const { ledger } = this.#book;
    const adopted = await this.#queue.alone(() =>
      adopt({
        ...this.#options,
        dataplane: this.#dataplane,
        ledger,
        snapshot: this.#snapshot,
      })
    );
    if (adopted.ok) {
      for (const warning of this.#earlyWarnings ?? []) this.#warnings.note(warning);
      this.#earlyWarnings = undefined;
      this.#otherWriter.start();
      this.#hearing.serve();
      this.#book.open();
      this.#addresses.publish();
      const { nodeSubnet } = this.#book.ledger;
      const adoptedAny = nodeSubnet !== undefined ||
        this.#book.ledger.wishes().length > 0;
      this.#reportTimer = setTimeout(() => this.#report(adoptedAny), REPORT_MS);
    }
    return adopted;
  }

  /** Until an `ip` has answered, what it writes may be all that it can do. */
  #warn(warning: string): void {
    if (this.#earlyWarnings === undefined) this.#warnings.note(warning);
    else if (this.#earlyWarnings.length < EARLY_WARNINGS) {
      this.#earlyWarnings.push(warning);
    }
  }

  #followDoor(fault: string | undefined): void {
    this.#follow({ dataplane: fault });
    if (fault === undefined) this.#reconciler.resyncSoon();
  }

  #follow(news: Partial<KernelFaults>): void {
    const before = this.#faults.dataplane ?? this.#faults.resync;
    this.#faults = { ...this.#faults, ...news };
    const now = this.#faults.dataplane ?? this.#faults.resync;
    if ((before === undefined) !== (now === undefined)) this.#options.onKernel?.(now);
  }

  #report(adoptedAny: boolean): void {
    const { logger } = this.#options;
    const { ledger } = this.#book;
    // Before the agent's first word there was none that could be lost.
    const lostWords = adoptedAny
      ? reportLostWords({
        ...this.#options,
        dataplane: this.#dataplane,
        ledger,
        target: this.#target,
      })
      : undefined;
    this.#reporting = Promise.all([
      reportForeign(this.#dataplane, logger),
      reportMissingPermission(this.#dataplane, logger),
      lostWords,
    ]);
  }

  async configureNodeSubnet(text: string, call: Call): Promise<ConfigureOutcome> {
    const outcome = await this.#configure(text, call);
    this.#addresses.noteConfigure(outcome);
    return outcome;
  }

  async #configure(text: string, call: Call): Promise<ConfigureOutcome> {
    const checked = checkNodeCidr(text, this.#options.policy);
    if (!checked.ok) return refuse(describeCidrFault(checked.fault, "Subnet"));
    const undone = this.#queue.refusal();
    if (undone !== undefined) return undone;
    const subnet = checked.value;
    return await this.#queue.alone(async () => {
      if (call.gone()) return { kind: "caller-gone" };
      const { ledger } = this.#book;
      const parts = {
        dataplane: this.#dataplane,
        ledger,
        snapshot: this.#snapshot,
        target: this.#target,
      };
      const outcome = await configureSubnet(parts, subnet, causeOf(call));
      // An agent that is refused ends, and asks for no route: what the one before it
      // asked for is still all that is known.
      if (outcome.kind === "configured") ledger.unconfirmAll();
      this.#addresses.publish();
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

  async close(handsOver = false): Promise<void> {
    this.#monitor?.close();
    clearTimeout(this.#reportTimer);
    const timer = setTimeout(() => this.#dataplane.abort(), CLOSE_LIMIT_MS);
    await Promise.all([this.#reconciler.close(), this.#reporting]);
    await this.#queue.close();
    // What a node that never served finds there is another one's, which may still serve.
    const { logger, policy, removeRoutesOnExit } = this.#options;
    if (removeRoutesOnExit && !handsOver && this.#hearing.serving) {
      await removeOurs(this.#dataplane, policy, logger);
    }
    clearTimeout(timer);
    await this.#dataplane.close();
    this.#hangs.close();
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
