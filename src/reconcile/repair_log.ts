import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Logger } from "../observability/logger.ts";
import { afterRepair, dueMs, FIGHT_COUNT, type Repairs } from "./backoff.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { FIGHT, FightLog, FLAP } from "./contention_log.ts";
import type { Ledger } from "./desired_state.ts";
import {
  deviceToLog,
  list,
  repairMessages,
  statusMessages,
} from "./repair_messages.ts";
import type { Repair } from "./renew.ts";

/** Repairs in a row that came to nothing, which is nobody's doing. */
interface Setbacks {
  readonly repairs: Repairs;
  /** Why the last one did. */
  readonly why: string;
}

/** Paces the repairs of each destination, and says of them what is worth a line. */
export class RepairLog {
  readonly #logger: Logger;
  readonly #fights: FightLog<Ipv4Cidr>;
  readonly #flaps: FightLog<InterfaceName>;
  readonly #ledger: Pick<Ledger, "get">;
  /** What became of these was not logged, because their devices came and went. */
  readonly #unlogged = new Map<InterfaceName, Set<Ipv4Cidr>>();
  readonly #setbacks = new Map<Ipv4Cidr, Setbacks>();

  constructor(logger: Logger, ledger: Pick<Ledger, "get">) {
    this.#logger = logger;
    this.#ledger = ledger;
    this.#fights = new FightLog(logger, FIGHT);
    this.#flaps = new FightLog(logger, FLAP, (devices) => this.#catchUp(devices));
  }

  /** When the first of these may be repaired, on the clock of `performance.now()`. */
  earliest(destinations: Iterable<Ipv4Cidr>): number {
    let earliest = Infinity;
    for (const destination of destinations) {
      earliest = Math.min(earliest, this.#dueMs(destination));
    }
    return earliest;
  }

  isDue(destination: Ipv4Cidr, nowMs: number): boolean {
    return this.#dueMs(destination) <= nowMs;
  }

  /** Takes what came of repairs. */
  note(repairs: readonly Repair[], nowMs: number): void {
    const flapping = new Map<InterfaceName, boolean>();
    const worth = repairs.filter((repair) => {
      const device = deviceToLog(repair);
      if (device === undefined) return this.#isWorthSaying(repair, nowMs);
      const quiet = flapping.get(device) ?? this.#flaps.count(device, nowMs);
      flapping.set(device, quiet);
      if (quiet) this.#noteUnlogged(device, repair.destination);
      return !quiet;
    });
    for (const { level, message } of repairMessages(worth)) {
      this.#logger.log(level, message);
    }
  }

  /** Takes the prefixes of addresses whose entries were written again. */
  noteAddresses(prefixes: readonly Ipv4Cidr[], nowMs: number): void {
    const worth = prefixes.filter((prefix) => !this.#fights.count(prefix, nowMs));
    if (worth.length === 0) return;
    this.#logger.log("warn", `Remembered again, gone from table 142: ${list(worth)}`);
  }

  close(): void {
    this.#fights.close();
    this.#flaps.close();
  }

  #noteUnlogged(device: InterfaceName, destination: Ipv4Cidr): void {
    const routes = this.#unlogged.get(device) ?? new Set();
    this.#unlogged.set(device, routes.add(destination));
  }

  /**
   * The last line about a route must be true: which half of a flap was left out of the
   * log is chance.
   */
  #catchUp(devices: readonly InterfaceName[]): void {
    const desired = devices.flatMap((device) => {
      const routes = [...this.#unlogged.get(device) ?? []];
      this.#unlogged.delete(device);
      return routes.flatMap((to) => this.#ledger.get(to) ?? [])
        .filter(({ route }) => route.device === device);
    });
    for (const { level, message } of statusMessages(desired)) {
      this.#logger.log(level, message);
    }
  }

  #dueMs(destination: Ipv4Cidr): number {
    const setbacks = this.#setbacks.get(destination);
    return Math.max(dueMs(setbacks?.repairs), this.#fights.dueMs(destination));
  }

  #isWorthSaying(repair: Repair, nowMs: number): boolean {
    const { destination, reached } = repair;
    const before = this.#setbacks.get(destination);
    const repairs = afterRepair(before?.repairs, nowMs);
    switch (reached.kind) {
      case "lost":
        this.#setbacks.set(destination, { repairs, why: reached.why });
        return repairs.count < FIGHT_COUNT;
      case "failed": {
        const { words } = reached.failure;
        this.#setbacks.set(destination, { repairs, why: words });
        // A wish knows by itself what was said of it last.
        return repair.kind === "route" || before?.why !== words;
      }
      default:
        this.#setbacks.delete(destination);
        return !wasUndone(repair) || !this.#fights.count(destination, nowMs);
    }
  }
}

/** True if the kernel no longer had what it had confirmed: somebody took it away. */
function wasUndone(repair: Repair): boolean {
  switch (repair.kind) {
    case "route": {
      const { before, reached } = repair;
      return before.standing.kind === "installed" &&
        (reached.kind === "added" || !before.remembered);
    }
    case "leaving":
      return false;
    case "subnet":
      return true;
  }
}
