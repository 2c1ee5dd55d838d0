/** A client on another stack that calls without pause, in a process of its own. */
import { arrayAt, numberAt, parseJsonObject } from "../../deploy/json.ts";
import { collectLines } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import type { ToolCommand } from "../support/tools.ts";
import { until } from "../support/wait.ts";

/** Calls since the start. */
export interface SteadyReport {
  readonly answered: number;
  readonly failures: readonly string[];
}

/** It injects and removes one route, a call after another, until it is ended. */
export interface Steady extends AsyncDisposable {
  /** What it is made of. */
  readonly name: string;
  /** Each call that was not answered, what it was told, and when that was heard of. */
  readonly failures: readonly string[];
  /** @param moment what goes on, for the failures since the last report */
  report(moment: string): Promise<SteadyReport>;
  /** Lets its last call end. */
  end(): Promise<SteadyReport>;
}

/** Starts it; it waits until somebody listens. */
export function startSteady(
  namespace: Namespace,
  name: string,
  { env, words }: ToolCommand,
  destination: string,
): Steady {
  const child = namespace.command([...words, "127.0.0.1:50051", destination], {
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = collectLines(child.stdout);
  const complaints = collectLines(child.stderr);
  const input = child.stdin.getWriter();
  const failures: string[] = [];
  let awaited = 0;
  const next = async (moment: string): Promise<SteadyReport> => {
    const at = awaited++;
    const line = await until(() => out.lines[at], {
      deadlineMs: 30_000,
      what: () => `a report of ${name}: ${complaints.lines.join("\n")}`,
    });
    const report = parseJsonObject(line);
    const told = arrayAt(report, "failures").map(String);
    failures.push(
      ...told.slice(failures.length).map((one) => `${name}, ${moment}: ${one}`),
    );
    return { answered: numberAt(report, "answered"), failures: told };
  };
  return {
    name,
    failures,
    report: async (moment) => {
      await input.write(new TextEncoder().encode("\n"));
      return await next(moment);
    },
    end: async () => {
      await input.close();
      return await next("at the end");
    },
    [Symbol.asyncDispose]: async () => {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It has ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      await Promise.all([child.status, out.ended, complaints.ended]);
      await input.abort().catch(() => {});
    },
  };
}
