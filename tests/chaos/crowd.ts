import { numberAt, parseJsonObject } from "../../deploy/json.ts";
import { collectLines } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { until } from "../support/wait.ts";

/**
 * What each connection of a crowd does: nothing, or a call that never ends, or one whose
 * answer it does not take, or 32 concurrent calls after `call`.
 */
export type CrowdKind = "silent" | "unfinished" | "unread" | "calling";

/** The state of a crowd. */
export interface CrowdReport {
  /** How many connections are there. */
  readonly open: number;
  /** GOAWAY frames received. */
  readonly goaways: number;
  /** How many calls were answered. */
  readonly answers: number;
}

/** Many connections in a process of their own, until disposed. */
export interface Crowd extends AsyncDisposable {
  report(): Promise<CrowdReport>;
  /** Those of the kind "calling" begin, and go on. */
  call(): Promise<void>;
}

/** Connects one after another; resolves when the last is accepted. */
export async function gather(
  namespace: Namespace,
  kind: CrowdKind,
  count: number,
): Promise<Crowd> {
  const program = `${repository}/tests/chaos/crowd_main.ts`;
  const run = [Deno.execPath(), "run", "--frozen", "--cached-only", "-A", program];
  const child = namespace.command([...run, kind, `${count}`], {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [reports, complaints] = [child.stdout, child.stderr].map(collectLines);
  const input = child.stdin.getWriter();
  let awaited = 0;
  const next = async (): Promise<CrowdReport> => {
    const at = awaited++;
    const line = await until(() => reports?.lines[at], {
      deadlineMs: 60_000,
      what: () => `a report of the crowd: ${complaints?.lines.join("\n")}`,
    });
    const report = parseJsonObject(line);
    return {
      open: numberAt(report, "open"),
      goaways: numberAt(report, "goaways"),
      answers: numberAt(report, "answers"),
    };
  };
  const say = (word: string): Promise<void> =>
    input.write(new TextEncoder().encode(`${word}\n`));
  await next();
  return {
    report: async () => {
      await say("report");
      return await next();
    },
    call: () => say("call"),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await input.abort();
    },
  };
}
