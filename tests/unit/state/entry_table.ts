import type {
  FailureKind,
  Operation,
  OperationResult,
  TableEntry,
  TableRoute,
} from "../../../src/dataplane/dataplane.ts";
import { BLACKHOLE_TYPES } from "../../../src/routing/kernel_route.ts";

const DONE: OperationResult = { ok: true, answer: { kind: "done" } };

/**
 * Table 142 of Linux as far as changes of entries reach, written from what was measured:
 * one entry for each prefix and metric, and a deletion goes by type and by each word that
 * is not 0.
 */
export class EntryTable {
  readonly #entries = new Map<string, TableEntry>();
  /** Entries of another program, with its own protocol number. */
  readonly #foreign = new Set<string>();

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Another program writes an entry with its own protocol number. */
  addForeign({ metric, prefix }: Pick<TableEntry, "metric" | "prefix">): void {
    this.#foreign.add(`${prefix} ${metric}`);
  }

  /** Carries a change out. */
  carryOut({ command }: Operation): OperationResult {
    if (!("entry" in command)) throw new Error(`No entry in ${command.kind}`);
    const { entry, kind } = command;
    const key = `${entry.prefix} ${entry.metric}`;
    const there = this.#entries.get(key);
    switch (kind) {
      case "create-entry":
        if (there !== undefined || this.#foreign.has(key)) return failed("exists");
        this.#entries.set(key, entry);
        return DONE;
      case "put-entry":
        this.#entries.set(key, entry);
        return DONE;
      case "delete-entry":
      case "delete-equal-entry": {
        const isEqual = kind === "delete-entry" ||
          entry.payload.every((word, at) => word === 0 || word === there?.payload[at]);
        if (there?.type !== entry.type || !isEqual) return failed("absent");
        this.#entries.delete(key);
        return DONE;
      }
    }
  }

  /** What the kernel shows: in the order of the entries, each word, zeros for the rest. */
  routes(): readonly TableRoute[] {
    return [...this.#entries.values()].map((entry) => shownEntry(entry));
  }
}

/** An entry as the kernel shows it, with our protocol number unless given another. */
export function shownEntry(
  { metric, payload, prefix, table, type }: TableEntry,
  protocol = 142,
): TableRoute {
  const words = Array.from({ length: 6 }, (_, at) => payload[at] ?? 0);
  const route = { destination: prefix, metric, protocol, table, tos: 0 };
  const number = BLACKHOLE_TYPES[type];
  return {
    route: { ...route, type: number, device: undefined, gateway: false },
    payload: words,
  };
}

function failed(kind: FailureKind): OperationResult {
  return { ok: false, failure: { kind, message: `${kind} in the model` } };
}
