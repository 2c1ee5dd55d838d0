import type { AuditLog } from "./audit_log.ts";
import type {
  Answer,
  BatchResult,
  Dataplane,
  KernelWatch,
  Mutation,
  Operation,
  OperationResult,
  Read,
} from "./dataplane.ts";

/**
 * The dataplane of a dry run: every device exists and is up, every table is empty, and a
 * mutation leaves its audit record and nothing else. It starts no process, so that it
 * also works on a system that is not Linux. Metrics count no operation of it: they are
 * about the kernel.
 */
export class DryRunDataplane implements Dataplane {
  readonly #audit: AuditLog;
  readonly #describe: (mutation: Mutation) => string;

  /** @param describe what the audit log has of a mutation: the command that it would be */
  constructor(audit: AuditLog, describe: (mutation: Mutation) => string) {
    this.#audit = audit;
    this.#describe = describe;
  }

  run(operations: readonly Operation[]): Promise<BatchResult> {
    const results = operations.map((operation): OperationResult => {
      if (!("cause" in operation)) return pretend(operation.command);
      this.#audit.record({
        cause: operation.cause,
        command: this.#describe(operation.command),
        outcome: "dry-run",
        failure: "",
        durationMs: 0,
      });
      return answered({ kind: "done" });
    });
    return Promise.resolve({ kind: "answered", results });
  }

  drainAuditLog(): Promise<boolean> {
    return this.#audit.drain();
  }

  dump(reads: readonly Read[]): Promise<BatchResult> {
    return Promise.resolve({ kind: "answered", results: reads.map(pretend) });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abort(): void {}

  watch(): KernelWatch {
    return { close: () => {} };
  }

  watchDataPath(): KernelWatch {
    return { close: () => {} };
  }
}

function pretend(command: Read): OperationResult {
  switch (command.kind) {
    case "link":
      return answered({
        kind: "link",
        link: { kind: "present", ifindex: 0, up: true },
        ifindex: 0,
      });
    case "link-names":
      return answered({ kind: "link-names", names: new Set() });
    case "exact-routes":
    case "routes-within":
      return answered({ kind: "routes", routes: [] });
    case "own-routes":
    case "table-routes":
      return answered({ kind: "table", routes: [] });
    case "rules":
      return answered({ kind: "rules", hiding: false });
    case "links":
      return answered({ kind: "links", links: [] });
    case "addresses":
      return answered({ kind: "addresses", addresses: [] });
    case "netconf":
      return answered({ kind: "netconf", settings: [] });
    case "policy-rules":
      return answered({ kind: "policy-rules", rules: [] });
    case "forwarding-table":
      return answered({ kind: "forwarding-table", entries: [] });
    case "neighbours":
      return answered({ kind: "neighbours", neighbours: [] });
    case "look-up":
      return answered({
        kind: "look-up",
        result: { kind: "refused", why: "dry run" },
      });
    case "best-route":
    case "permission":
      return { ok: false, failure: { kind: "unreachable", message: "dry run" } };
    default:
      return command satisfies never;
  }
}

function answered(answer: Answer): OperationResult {
  return { ok: true, answer };
}
