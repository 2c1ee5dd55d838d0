import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { ContentionKind } from "../observability/instruments.ts";
import type { Logger, LogLine } from "../observability/logger.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { afterRepair, dueMs, type RepairHistory } from "./backoff.ts";
import { CONTENTION, ContentionLog, FLAPPING } from "./contention_log.ts";
import { CONTENTION_COUNT } from "./limits.ts";
import type { DesiredState } from "./desired_state.ts";
import {
  deviceToLog,
  type Repair,
  repairMessages,
  statusMessages,
} from "./repair_messages.ts";

/** Repairs in a row that failed, which is no other process's doing. */
interface Setbacks {
  readonly history: RepairHistory;
  /** Why the last one failed. */
  readonly why: string;
}

/** Paces the repairs of each prefix, and logs what is worth a line. */
export class DriftLog {
  readonly #logger: Logger;
  readonly #contention: ContentionLog<Ipv4Cidr>;
  readonly #flapping: ContentionLog<InterfaceName>;
  readonly #desired: Pick<DesiredState, "get">;
  /** Prefixes whose repairs were not logged, because their device was flapping. */
  readonly #unlogged = new Map<InterfaceName, Set<Ipv4Cidr>>();
  readonly #setbacks = new Map<Ipv4Cidr, Setbacks>();

  /** @param onContention called with each route, and each link, that begins to be it */
  constructor(
    logger: Logger,
    desired: Pick<DesiredState, "get">,
    onContention: (kind: ContentionKind) => void,
  ) {
    this.#logger = logger;
    this.#desired = desired;
    this.#contention = new ContentionLog(logger, CONTENTION, {
      onBegun: () => onContention("route"),
    });
    this.#flapping = new ContentionLog(logger, FLAPPING, {
      onBegun: () => onContention("link"),
      onOver: (devices) => this.#catchUp(devices),
    });
  }

  /** When the first of these may be repaired, on the clock of `performance.now()`. */
  earliest(prefixes: Iterable<Ipv4Cidr>): number {
    let earliest = Infinity;
    for (const prefix of prefixes) earliest = Math.min(earliest, this.#dueMs(prefix));
    return earliest;
  }

  isDue(prefix: Ipv4Cidr, nowMs: number): boolean {
    return this.#dueMs(prefix) <= nowMs;
  }

  /** Takes the outcomes of repairs. */
  note(repairs: readonly Repair[], nowMs: number): void {
    const flapping = new Map<InterfaceName, boolean>();
    const worth = repairs.filter((repair) => {
      const device = deviceToLog(repair);
      if (device === undefined) return this.#isWorthLogging(repair, nowMs);
      const quiet = flapping.get(device) ?? this.#flapping.count(device, nowMs);
      flapping.set(device, quiet);
      if (quiet) this.#noteUnlogged(device, repair.prefix);
      return !quiet;
    });
    this.#write(repairMessages(worth));
  }

  close(): void {
    this.#contention.close();
    this.#flapping.close();
  }

  #noteUnlogged(device: InterfaceName, prefix: Ipv4Cidr): void {
    const prefixes = this.#unlogged.get(device) ?? new Set();
    this.#unlogged.set(device, prefixes.add(prefix));
  }

  /**
   * The last line about a route must be true: which half of a flap was left out of the
   * log is chance.
   */
  #catchUp(devices: readonly InterfaceName[]): void {
    const routes = devices.flatMap((device) => {
      const prefixes = [...this.#unlogged.get(device) ?? []];
      this.#unlogged.delete(device);
      return prefixes.flatMap((prefix) => this.#desired.get(prefix) ?? [])
        .filter(({ route }) => route.device === device);
    });
    this.#write(statusMessages(routes));
  }

  #write(lines: readonly LogLine[]): void {
    for (const line of lines) this.#logger.log(line.level, line.message, line.fields);
  }

  #dueMs(prefix: Ipv4Cidr): number {
    const setbacks = this.#setbacks.get(prefix);
    return Math.max(dueMs(setbacks?.history), this.#contention.dueMs(prefix));
  }

  #isWorthLogging(repair: Repair, nowMs: number): boolean {
    const { outcome, prefix } = repair;
    const before = this.#setbacks.get(prefix);
    const history = afterRepair(before?.history, nowMs);
    switch (outcome.kind) {
      case "lost":
        this.#setbacks.set(prefix, { history, why: outcome.why });
        return history.count < CONTENTION_COUNT;
      case "failed": {
        const { message } = outcome.failure;
        this.#setbacks.set(prefix, { history, why: message });
        // A desired route has the sentence that was logged last in its status.
        return repair.kind === "route" || before?.why !== message;
      }
      default:
        this.#setbacks.delete(prefix);
        return !wasUndone(repair) || !this.#contention.count(prefix, nowMs);
    }
  }
}

/** True if the kernel no longer had what it had confirmed: another process removed it. */
function wasUndone(repair: Repair): boolean {
  switch (repair.kind) {
    case "route": {
      const { before, outcome } = repair;
      return before.status.kind === "installed" &&
        (outcome.kind === "added" || !before.persisted);
    }
    case "deletion":
      return false;
    case "record":
      return true;
    default:
      return repair satisfies never;
  }
}
