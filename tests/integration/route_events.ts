import { collectLines } from "../support/lines.ts";
import { until } from "../support/wait.ts";
import { batch, ip } from "../support/fixtures.ts";

/** The events of routes while something runs. */
export interface RouteEvents extends AsyncDisposable {
  /** The events about 10.0.0.0/8 until now, a line each. */
  seen(): Promise<readonly string[]>;
}

/** Listens with `ip monitor`; a route that comes and goes on lo marks a moment. */
export async function listenToRoutes(): Promise<RouteEvents> {
  const child = new Deno.Command("ip", {
    args: ["-o", "monitor", "route"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const { ended, lines } = collectLines(child.stdout);
  const mark = (address: string): Promise<unknown> =>
    until(async () => {
      await ip(`route replace ${address} dev lo`);
      await batch([`route del ${address} dev lo`]);
      return lines.some((line) => line.startsWith(`Deleted ${address} `));
    }, { what: `the mark ${address}` });
  await mark("203.0.113.1");
  let marks = 1;
  return {
    seen: async () => {
      marks += 1;
      await mark(`203.0.113.${marks}`);
      return lines.filter((line) => /\b10\.\d/.test(line));
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await Promise.all([child.status, ended]);
    },
  };
}
