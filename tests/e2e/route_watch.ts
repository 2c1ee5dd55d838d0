/** An `ip monitor` beside the sidecar: a write that it has not seen was not made. */
import { collectLines } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { until } from "../support/wait.ts";

/** Sees every route of every table that is written or deleted. */
export interface RouteWatch extends AsyncDisposable {
  /** A line for each change since the watch began, in the words of `ip monitor`. */
  seen(): Promise<readonly string[]>;
}

/** The watch's own marks stand in a table that no rule names. */
const MARKS = " table 199 ";

/** Begins to watch; ends when disposed. */
export async function watchRoutes(namespace: Namespace): Promise<RouteWatch> {
  const child = namespace.command(["ip", "-oneline", "monitor", "route"], {
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const { lines, ended } = collectLines(child.stdout);
  const marks = (): number => lines.filter((line) => line.includes(MARKS)).length;
  /** Events come in order: an earlier change is reported before the mark. */
  const mark = async (): Promise<void> => {
    const before = marks();
    await until(async () => {
      await namespace.ip(`route replace 198.51.100.1 dev lo ${MARKS}`);
      await namespace.ip(`route del 198.51.100.1 ${MARKS}`);
      return marks() > before;
    }, { what: "the mark of the watch" });
  };
  await mark();
  return {
    seen: async () => {
      await mark();
      return lines.filter((line) => !line.includes(MARKS));
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await Promise.all([child.status, ended]);
    },
  };
}
