import type { Command } from "../../src/dataplane/iproute2/commands.ts";
import type {
  FailureKind,
  Mutation,
  TableEntry,
} from "../../src/dataplane/dataplane.ts";

/** A route as the model keeps it, and as `ip` shows it. */
export interface ModelRoute {
  readonly dst: string;
  readonly dev: string;
  readonly protocol: number;
  readonly metric: number;
}

/** The expected result of a command: the kind of its failure, or what it must show. */
export type Expected =
  | { readonly kind: "failure"; readonly failure: FailureKind }
  | { readonly kind: "done" }
  /** The device itself. */
  | { readonly kind: "device" }
  | { readonly kind: "neighbours"; readonly addresses: readonly string[] }
  | { readonly kind: "routes"; readonly routes: readonly ModelRoute[] }
  | { readonly kind: "entries"; readonly entries: readonly TableEntry[] };

type EntryMutation = Extract<Mutation, { readonly entry: TableEntry }>;

/** What the devices of the model are. */
export interface ModelDevices {
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** The addresses in the neighbour table, by device. */
  readonly neighbours: ReadonlyMap<string, readonly string[]>;
}

/**
 * Linux's main table and table 142 as far as the dataplane's commands reach, written from
 * ip-route(8) and not from the dataplane: routes in the order of their metrics, a metric
 * once for each destination, and for each prefix of table 142.
 */
export class KernelModel {
  readonly #devices: ModelDevices;
  #routes: readonly ModelRoute[] = [];
  readonly #entries = new Map<string, TableEntry>();

  constructor(devices: ModelDevices) {
    this.#devices = devices;
  }

  /** Adds a route of another owner, if its metric is free. */
  seed(route: ModelRoute): boolean {
    if (this.#to(route.dst).some(({ metric }) => metric === route.metric)) return false;
    this.#insert(route);
    return true;
  }

  /** Executes a command, and returns what the kernel must answer. */
  run(command: Command): Expected {
    switch (command.kind) {
      case "link":
        return this.#exists(command.device) ? { kind: "device" } : failure("no-device");
      case "neighbours":
        if (!this.#exists(command.device)) return failure("no-device");
        return {
          kind: "neighbours",
          addresses: this.#devices.neighbours.get(command.device) ?? [],
        };
      case "best-route": {
        const [best] = this.#to(command.destination);
        return best === undefined
          ? failure("unreachable")
          : { kind: "routes", routes: [best] };
      }
      case "exact-routes":
        return { kind: "routes", routes: this.#to(command.destination) };
      case "routes-within":
        return { kind: "routes", routes: this.#routes };
      case "own-routes":
        return {
          kind: "routes",
          routes: this.#routes.filter(({ protocol }) => protocol === 142),
        };
      case "table-routes":
        return { kind: "entries", entries: [...this.#entries.values()] };
      case "permission":
        return failure("absent");
      case "link-names":
      case "rules":
      case "links":
      case "addresses":
      case "netconf":
      case "policy-rules":
      case "forwarding-table":
      case "look-up":
        throw new Error("Cannot list what is not in the model");
      default:
        return this.#write(command);
    }
  }

  #write(command: Mutation): Expected {
    switch (command.kind) {
      case "add-route":
      case "replace-route": {
        const { destination: dst, device: dev } = command.route;
        if (!this.#exists(dev)) return failure("no-device");
        if (this.#devices.down.includes(dev)) return failure("link-down");
        const there = this.#to(dst).find(({ metric }) => metric === 0);
        if (there !== undefined && command.kind === "add-route") {
          return failure("exists");
        }
        this.#routes = this.#routes.filter((route) => route !== there);
        this.#insert({ dst, dev, protocol: 142, metric: 0 });
        return { kind: "done" };
      }
      case "delete-route": {
        const { destination, device, metric, protocol } = command.route;
        if (device !== undefined && !this.#exists(device)) return failure("no-device");
        const taken = this.#to(destination).find((route) =>
          (device === undefined || route.dev === device) &&
          route.protocol === protocol && (metric === 0 || route.metric === metric)
        );
        if (taken === undefined) return failure("absent");
        this.#routes = this.#routes.filter((route) => route !== taken);
        return { kind: "done" };
      }
      case "probe-neighbour":
      case "delete-neighbour":
        throw new Error("Cannot write what is not in the model");
      default:
        return this.#write142(command.kind, command.entry);
    }
  }

  #write142(kind: EntryMutation["kind"], entry: TableEntry): Expected {
    const key = `${entry.prefix} ${entry.metric}`;
    const there = this.#entries.get(key);
    switch (kind) {
      case "create-entry":
        if (there !== undefined) return failure("exists");
        this.#entries.set(key, entry);
        return { kind: "done" };
      case "put-entry":
        this.#entries.set(key, entry);
        return { kind: "done" };
      case "delete-entry":
      case "delete-equal-entry":
        if (there?.type !== entry.type) return failure("absent");
        // A number of 0 is not sent, so that the entry may have any number there.
        if (
          kind === "delete-equal-entry" &&
          entry.payload.some((word, at) => word !== 0 && word !== there.payload[at])
        ) return failure("absent");
        this.#entries.delete(key);
        return { kind: "done" };
    }
  }

  #insert(route: ModelRoute): void {
    this.#routes = [...this.#routes, route].toSorted((one, other) =>
      Number(one.dst.split(".")[2]) - Number(other.dst.split(".")[2]) ||
      one.metric - other.metric
    );
  }

  #to(dst: string): readonly ModelRoute[] {
    return this.#routes.filter((route) => route.dst === dst);
  }

  #exists(name: string): boolean {
    const { down, up } = this.#devices;
    return up.includes(name) || down.includes(name);
  }
}

function failure(kind: FailureKind): Expected {
  return { kind: "failure", failure: kind };
}
