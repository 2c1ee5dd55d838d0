/**
 * Puts the core together, without the server: the loop, the routes, the addresses, the
 * state store and the dataplane.
 */
import { AddressCalls } from "./addresses/address_calls.ts";
import { NetworkRecords } from "./addresses/network_records.ts";
import { NetworkState } from "./addresses/network_state.ts";
import type { NodeNetworkService } from "./addresses/ports.ts";
import { AuditLog } from "./dataplane/audit_log.ts";
import type { Dataplane, KernelWatch } from "./dataplane/dataplane.ts";
import { DryRunDataplane } from "./dataplane/dry_run.ts";
import { Iproute2Dataplane } from "./dataplane/iproute2/adapter.ts";
import { render } from "./dataplane/iproute2/commands.ts";
import { HangLog, WarningLog } from "./dataplane/iproute2/logs.ts";
import { DataPath, type DataPathParts } from "./diagnose/diagnosis.ts";
import { NO_DATA_PATH } from "./diagnose/no_data_path.ts";
import type { DataPathService } from "./diagnose/ports.ts";
import type { ClusterPolicy } from "./ipam/policy.ts";
import type { LineWriter } from "./observability/buffered_line_writer.ts";
import {
  type Instruments,
  NO_INSTRUMENTS,
  type ObservedState,
} from "./observability/instruments.ts";
import type { Logger } from "./observability/logger.ts";
import { ActivityRecord } from "./reconcile/activity.ts";
import { DriftRepair } from "./reconcile/drift_repair.ts";
import { EventGate } from "./reconcile/event_gate.ts";
import { KernelCache } from "./reconcile/kernel_cache.ts";
import { OtherWriter } from "./reconcile/other_writer.ts";
import type { Activity, RouteService } from "./reconcile/ports.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { RouteCalls } from "./reconcile/route_calls.ts";
import { removeRoutes } from "./reconcile/shutdown.ts";
import { restore } from "./reconcile/startup.ts";
import { StatusFeed } from "./reconcile/status_feed.ts";
import { WorkQueue } from "./reconcile/work_queue.ts";
import { ascending } from "./routing/difference.ts";
import { type CallTarget, grpcurlCommand } from "./shared/grpcurl.ts";
import type { Listening } from "./shared/listening.ts";
import { err, ok, type Result } from "./shared/result.ts";
import { reportForeignEntries, TABLE_142 } from "./state/table142_store.ts";

/** How a node is opened. */
export interface NodeOptions {
  readonly policy: ClusterPolicy;
  /** The offset of the gateway from the node's network address. */
  readonly gatewayIndex: number;
  /** Plan, audit and answer, but touch nothing. */
  readonly dryRun: boolean;
  /** Remove our routes at the end; otherwise traffic flows on. */
  readonly removeRoutesOnExit: boolean;
  /** Milliseconds between two resyncs. */
  readonly resyncMs: number;
  /** Milliseconds in which each peer is probed once; undefined: only on demand. */
  readonly probeMs: number | undefined;
  readonly logger: Logger;
  /** Where the audit log goes. */
  readonly auditSink: LineWriter;
  /** Called with the reason when `ip` no longer answers; undefined: it does again. */
  readonly onKernel?: (fault: string | undefined) => void;
  /** Where it counts what it does. @default nowhere */
  readonly instruments?: Instruments;
}

/** What of a node is read when metrics are collected; no cost grows with the routes. */
export type NodeGauges = Pick<
  ObservedState,
  "addresses" | "findings" | "queueDepth" | "routes"
>;

/** A node that answers calls until it is closed; calls before its start wait for it. */
export interface OpenNode {
  readonly network: NodeNetworkService;
  readonly routes: RouteService;
  readonly dataPath: DataPathService;
  /** What it has done by itself until now. */
  activity(): Activity;
  readonly gauges: NodeGauges;
  /**
   * Starts the watch of the kernel. Called before a Unix socket is bound: Deno 2.9.3 lets
   * every process that is started later inherit it, and `ip monitor` outlives a kill for a
   * while, which would look as if a sidecar still listened.
   */
  watch(): void;
  /** Ends the watch, because everything is to end; resyncs where a call needs it. */
  unwatch(): void;
  /**
   * Restores the saved state, ahead of every call.
   *
   * @param listening of two sidecars only the one that listens may write
   * @param target how clients call this sidecar, for the remedies that sentences name
   * @returns one sentence if the kernel cannot be read; then the node is of no use
   */
  start(listening: Listening, target?: CallTarget): Promise<Result<void, string>>;
  /**
   * Answers what is waiting, takes nothing more, and lets go of the kernel.
   *
   * @param handsOver another process goes on at once: routes stay whatever was asked
   */
  close(handsOver?: boolean): Promise<void>;
}

/** Opens a node, which touches nothing before its start. */
export function openNode(options: NodeOptions): OpenNode {
  return new ComposedNode(options);
}

/** Service managers kill after 10 s or more, and callers may have had 5 of them. */
const CLOSE_LIMIT_MS = 3_000;

/** Calls that waited for the start are answered before its reports are made. */
const REPORT_MS = 250;

/** Warnings of `ip` that are kept until the start has succeeded. */
const EARLY_WARNINGS = 64;

interface KernelFaults {
  readonly dataplane: string | undefined;
  readonly resync: string | undefined;
}

class ComposedNode implements OpenNode {
  readonly network: AddressCalls;
  readonly routes: RouteCalls;
  readonly gauges: NodeGauges;
  readonly #options: NodeOptions;
  readonly #instruments: Instruments;
  readonly #dataplane: Dataplane;
  readonly #diagnosis: DataPath;
  readonly #feed = new StatusFeed(() => this.#diagnosis.lookSoon());
  readonly #state: NetworkState;
  readonly #activity = new ActivityRecord();
  readonly #cache = new KernelCache();
  readonly #reconciler: Reconciler;
  readonly #queue: WorkQueue;
  readonly #records: NetworkRecords;
  readonly #repair: DriftRepair;
  readonly #gate = new EventGate((event) => this.#repair.onKernelEvent(event));
  readonly #warnings: WarningLog;
  readonly #hangs: HangLog;
  readonly #otherWriter: OtherWriter;
  #watch: KernelWatch | undefined;
  /** Those from before the start; undefined once it has succeeded. */
  #earlyWarnings: string[] | undefined = [];
  /** Why the kernel cannot be reached, as each of them sees it. */
  #faults: KernelFaults = { dataplane: undefined, resync: undefined };
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #reporting: Promise<unknown> = Promise.resolve();

  constructor(options: NodeOptions) {
    this.#options = options;
    const { gatewayIndex, instruments = NO_INSTRUMENTS, logger, policy } = options;
    this.#instruments = instruments;
    this.#warnings = new WarningLog(logger);
    this.#hangs = new HangLog(logger);
    this.#otherWriter = new OtherWriter();
    const { dataplane, queueDepth } = this.#openDataplane();
    this.#dataplane = dataplane;
    const cache = this.#cache;
    const { desired } = this.#feed;
    const reconciler = new Reconciler({ dataplane, cache, store: TABLE_142 });
    this.#reconciler = reconciler;
    const queue = this.#queue = new WorkQueue((keys) => reconciler.reconcile(keys));
    const state = this.#state = new NetworkState(
      TABLE_142,
      policy.clusterCidr,
      gatewayIndex,
    );
    this.#records = new NetworkRecords(state, desired, policy);
    this.#repair = new DriftRepair({
      ...options,
      dataplane,
      store: TABLE_142,
      reconciler,
      desired,
      cache,
      queue,
      owner: this.#records,
      activity: this.#activity,
      onResync: (resync) => this.#follow({ resync }),
      onReturn: (destination) => this.#feed.noteReturn(destination),
    });
    const shared = { policy, desired, cache, reconciler, queue };
    this.network = new AddressCalls({ ...shared, state });
    this.routes = new RouteCalls({
      ...shared,
      feed: this.#feed,
      markDirty: (destinations) => this.#repair.markDirty(destinations),
    });
    this.#diagnosis = new DataPath({
      dataplane,
      logger,
      gatewayIndex,
      probeMs: options.probeMs,
      onProbed: instruments.probed,
      isDesired: (destination) => desired.get(destination) !== undefined,
      known: () => this.#known(),
    });
    this.network.watchNodeNetwork(() => this.#diagnosis.lookSoon());
    this.gauges = {
      queueDepth,
      routes: () => desired.counts,
      findings: () => this.#diagnosis.counts,
      addresses: () => state.counts,
    };
  }

  /** A dry run touches no kernel, so there is no data path to look at. */
  get dataPath(): DataPathService {
    return this.#options.dryRun ? NO_DATA_PATH : this.#diagnosis;
  }

  activity(): Activity {
    return this.#activity.current;
  }

  watch(): void {
    this.#watch ??= this.#dataplane.watch((event) => {
      if (this.#otherWriter.onKernelEvent(event)) this.#diagnosis.lookSoon();
      this.#diagnosis.onKernelEvent(event);
      this.#gate.pass(event);
    });
    this.#diagnosis.watchKernel();
  }

  unwatch(): void {
    this.#watch?.close();
    this.#gate.pass({ kind: "monitor-down" });
  }

  async start(
    _listening: Listening,
    target?: CallTarget,
  ): Promise<Result<void, string>> {
    if (target !== undefined) this.network.target = target;
    // Before the first observation, so that nothing happens between it and the watch.
    this.watch();
    this.#gate.restore();
    const { desired } = this.#feed;
    const restored = await this.#queue.alone(() =>
      restore({
        ...this.#options,
        store: TABLE_142,
        reconciler: this.#reconciler,
        desired,
        cache: this.#cache,
        owner: this.#records,
      })
    );
    if (!restored.ok) return err(restored.fault);
    for (const warning of this.#earlyWarnings ?? []) this.#warnings.note(warning);
    this.#earlyWarnings = undefined;
    this.#otherWriter.start();
    this.#gate.serve();
    this.#feed.open();
    this.network.publish();
    if (!this.#options.dryRun) this.#diagnosis.start();
    this.#reportTimer = setTimeout(() => this.#report(), REPORT_MS);
    return ok(undefined);
  }

  async close(handsOver = false): Promise<void> {
    this.#watch?.close();
    clearTimeout(this.#reportTimer);
    const timer = setTimeout(() => this.#dataplane.abort(), CLOSE_LIMIT_MS);
    await Promise.all([
      this.#repair.close(),
      this.#diagnosis.close(),
      this.#reporting,
    ]);
    await this.#queue.close();
    // What a node that never served finds there is another one's, which may still serve.
    const { logger, policy, removeRoutesOnExit } = this.#options;
    if (removeRoutesOnExit && !handsOver && this.#gate.serving) {
      const reconciler = this.#reconciler;
      await removeRoutes({ reconciler, store: TABLE_142, policy, logger });
    }
    clearTimeout(timer);
    await this.#dataplane.close();
    this.#hangs.close();
  }

  #openDataplane(): { readonly dataplane: Dataplane; queueDepth(): number } {
    const { auditSink, dryRun } = this.#options;
    const audit = new AuditLog(auditSink);
    if (dryRun) {
      return { dataplane: new DryRunDataplane(audit, render), queueDepth: () => 0 };
    }
    const dataplane = new Iproute2Dataplane(audit, {
      instruments: this.#instruments,
      onReach: (fault) => this.#followDataplane(fault),
      onWarning: (warning) => this.#warn(warning),
      onHang: (hang) => this.#hangs.note(hang),
      onWrite: (command) => {
        this.#otherWriter.noteOwn(command);
        this.#diagnosis.noteOwn(command);
      },
    });
    return { dataplane, queueDepth: () => dataplane.queueDepth };
  }

  /** Until an `ip` has answered, what it writes may be all that it can do. */
  #warn(warning: string): void {
    if (this.#earlyWarnings === undefined) this.#warnings.note(warning);
    else if (this.#earlyWarnings.length < EARLY_WARNINGS) {
      this.#earlyWarnings.push(warning);
    }
  }

  #followDataplane(fault: string | undefined): void {
    this.#follow({ dataplane: fault });
    if (fault === undefined) this.#repair.resyncSoon();
  }

  #follow(changed: Partial<KernelFaults>): void {
    const before = this.#faults.dataplane ?? this.#faults.resync;
    this.#faults = { ...this.#faults, ...changed };
    const now = this.#faults.dataplane ?? this.#faults.resync;
    if ((before === undefined) === (now === undefined)) return;
    if (now !== undefined) this.#activity.noteFailure(now);
    this.#options.onKernel?.(now);
  }

  #report(): void {
    this.#reporting = reportForeignEntries(this.#dataplane, this.#options.logger);
  }

  #known(): ReturnType<DataPathParts["known"]> {
    const { policy } = this.#options;
    const { configured } = this.#state.network;
    const { desired } = this.#feed;
    const all = ascending(desired.routes(), ({ route }) => route.destination);
    return {
      policy,
      own: configured,
      wanted: all.map(({ route, status }) => ({
        ...route,
        installed: status.kind === "installed",
      })),
      otherSidecar: this.#otherWriter.recent(performance.now()),
      injectCommand: (device) =>
        grpcurlCommand(this.network.target, "quilt.QuiltRuntime/InjectRoute", {
          destination: "SUBNET",
          via_interface: device,
        }),
    };
  }
}
