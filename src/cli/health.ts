import { probeHealth, type ProbeResult } from "./health_probe.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit.ts";
import { describeNoAnswer, findReason } from "./no_answer.ts";
import { readTarget, type Target } from "./target.ts";

/** Milliseconds after the start of the process; the README promises 1000. */
const DEADLINE_MS = 700;
/** The shortest deadline, because on a busy node the start alone may take 700 ms. */
const MIN_DEADLINE_MS = 300;
/** Milliseconds to find out who listens, after a connection that failed at once. */
const LISTENER_MS = 200;

/**
 * Runs the command `health`. Wrong options end it with 1 as well, because 2 is reserved for
 * the health check of a container.
 */
export async function health({ options }: CommandLine): Promise<CommandEnd> {
  const target = await readTarget("health", options);
  if (!target.ok) return { exitCode: EXIT_FAILURE, sentence: target.fault };
  const deadlineMs = Math.max(MIN_DEADLINE_MS, DEADLINE_MS - performance.now());
  const result = await probeHealth(target.value, deadlineMs);
  if (result.kind === "status" && result.status === "SERVING") return EXIT_OK;
  const sentence = await describe(result, target.value);
  return { exitCode: EXIT_FAILURE, sentence };
}

async function describe(result: ProbeResult, target: Target): Promise<string> {
  const { authority } = target;
  switch (result.kind) {
    case "status":
      return `The sidecar on ${authority} answers ${result.status}; ` +
        "read its log for the reason";
    case "late":
      return describeNoAnswer(authority, { kind: "other", reason: result.reason });
    case "unavailable": {
      const cause = await findReason(target, result.reason, LISTENER_MS);
      return describeNoAnswer(authority, cause);
    }
    default:
      return result satisfies never;
  }
}
