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

/** A client that injects and removes one route, a call after another, until its end. */
export interface SteadyClient extends AsyncDisposable {
  /** The name of its gRPC library. */
  readonly name: string;
  /** Each call without an answer: its error, and the moment of the report. */
  readonly failures: readonly string[];
  /** @param moment what the test does, for the failures since the last report */
  report(moment: string): Promise<SteadyReport>;
  /** Lets its last call end. */
  end(): Promise<SteadyReport>;
}

/** Starts the client; it waits until a sidecar listens. */
export function startSteadyClient(
  namespace: Namespace,
  name: string,
  { env, command }: ToolCommand,
  destination: string,
): SteadyClient {
  const child = namespace.command([...command, "127.0.0.1:50051", destination], {
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
    const reported = arrayAt(report, "failures").map(String);
    failures.push(
      ...reported.slice(failures.length).map((one) => `${name}, ${moment}: ${one}`),
    );
    return { answered: numberAt(report, "answered"), failures: reported };
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
