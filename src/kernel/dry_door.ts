import type { AuditTrail } from "./audit.ts";
import { type Command, type Read, words } from "./command.ts";
import type { Door, Errand, Reply } from "./door.ts";
import type { Exchange, Result } from "./session.ts";

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
    const results = errands.map((errand): Result => {
      if (!("cause" in errand)) return pretend(errand.command);
      this.#audit.record({
        ...errand.cause,
        words: words(errand.command),
        outcome: "dry-run",
        failure: "",
        durationMs: 0,
      });
      return { ok: true, document: undefined };
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

function pretend(command: Command): Result {
  if (command.kind === "link") {
    const link = { ifindex: 0, ifname: command.device, flags: ["UP"] };
    return { ok: true, document: JSON.stringify([link]) };
  }
  if (command.kind === "best-route") {
    return { ok: false, failure: { kind: "unreachable", words: "dry run" } };
  }
  return { ok: true, document: "[]" };
}
