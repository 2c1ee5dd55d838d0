import type { AuditTrail } from "./audit_log.ts";
import { type Read, words } from "./iproute2/commands.ts";
import type { Door, Errand, Reply } from "./iproute2/adapter.ts";
import type { Answer } from "./iproute2/parse.ts";
import type { CommandResult, Exchange } from "./iproute2/batch_process.ts";

/**
 * The door of a dry run: every device is there and up, every table is empty, and a
 * mutation leaves its audit record and nothing else. It starts no process, so it is
 * the one door for a system that is not Linux.
 */
export class DryDoor implements Door {
  readonly #audit: AuditTrail;

  constructor(audit: AuditTrail) {
    this.#audit = audit;
  }

  exchange(errands: readonly Errand[]): Promise<Reply> {
    const results = errands.map((errand): CommandResult => {
      if (!("cause" in errand)) return pretend(errand.command);
      this.#audit.record({
        ...errand.cause,
        words: words(errand.command),
        outcome: "dry-run",
        failure: "",
        durationMs: 0,
      });
      return answered({ kind: "done" });
    });
    return Promise.resolve({ kind: "answered", results });
  }

  pace(): Promise<boolean> {
    return this.#audit.pace();
  }

  survey(reads: readonly Read[]): Promise<Exchange> {
    return Promise.resolve({ kind: "answered", results: reads.map(pretend) });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abandon(): void {}
}

function pretend(command: Read): CommandResult {
  switch (command.kind) {
    case "link":
      return answered({
        kind: "link",
        link: { kind: "present", ifindex: 0, up: true, master: undefined },
        ifindex: 0,
      });
    case "bridge":
      return answered({ kind: "bridge", isBridge: false });
    case "link-names":
      return answered({ kind: "link-names", names: new Set() });
    case "exact-routes":
    case "routes-within":
      return answered({ kind: "routes", routes: [] });
    case "own-routes":
    case "state-table":
      return answered({ kind: "entries", entries: [] });
    case "forwarding-entries":
      return answered({ kind: "peers", peers: new Map() });
    case "rules":
      return answered({ kind: "rules", hiding: false });
    case "best-route":
    case "permission":
      return { ok: false, failure: { kind: "unreachable", words: "dry run" } };
    default:
      return command satisfies never;
  }
}

function answered(answer: Answer): CommandResult {
  return { ok: true, answer };
}
