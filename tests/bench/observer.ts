import { linesOf } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { until } from "../support/wait.ts";

/** One line of `ip monitor`, which puts its own clock's time before it. */
export interface Sighting {
  /** Milliseconds since 1970, to the microsecond. */
  readonly atMs: number;
  /** The line after the time, e.g. `Deleted 10.42.2.0/24 dev vxlan100 proto 142 …`. */
  readonly words: string;
}

/** Sees what happens to links and routes of a namespace from outside the sidecar. */
export interface Observer extends AsyncDisposable {
  /** All until now. */
  readonly seen: readonly Sighting[];
  /**
   * The first sighting from an index on that starts with a text; waits for it.
   *
   * @throws {Error} when it does not come within five seconds
   */
  first(start: string, from: number): Promise<Sighting>;
}

/** Starts `ip monitor` in a namespace; resolves when it receives the events there. */
export async function observe(namespace: Namespace): Promise<Observer> {
  const words = ["ip", "-4", "-oneline", "-tshort", "monitor", "link", "route"];
  const child = namespace.command(words, { stdout: "piped" }).spawn();
  const seen: Sighting[] = [];
  const read = (async () => {
    for await (const line of linesOf(child.stdout)) {
      const sighting = readSighting(line);
      if (sighting !== undefined) seen.push(sighting);
    }
  })();
  await until(async () => {
    await namespace.ip("route replace 198.51.100.0/24 dev lo");
    await namespace.ip("route delete 198.51.100.0/24 dev lo");
    return seen.length > 0;
  }, { what: "ip monitor to receive events" });
  return {
    seen,
    first: (start, from) =>
      until(
        () => seen.slice(from).find(({ words }) => words.startsWith(start)),
        { what: `"${start}" in ip monitor`, everyMs: 1 },
      ),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await Promise.all([child.status, read]);
    },
  };
}

/** Reads `[2026-11-24T11:02:11.153877] …`; undefined for any other line. */
export function readSighting(line: string): Sighting | undefined {
  const [, second, micros, words] = /^\[(\S+?)\.(\d{6})\] (.*?) *$/.exec(line) ?? [];
  if (second === undefined || words === undefined) return undefined;
  return { atMs: Date.parse(`${second}Z`) + Number(micros) / 1000, words };
}
