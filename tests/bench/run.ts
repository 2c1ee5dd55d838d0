/**
 * What `deno task bench` executes: measures ratios in network and mount namespaces of
 * its own, as root or as an ordinary user. Exit code 1 when a limit is missed.
 *
 * `deno task bench NAME…` measures only what has such a word in its name.
 */
import { command, exitWith, isolate } from "../support/isolation.ts";

async function main(args: readonly string[]): Promise<boolean> {
  const isolation = await isolate();
  const program = [Deno.execPath(), "run", "--frozen", "--cached-only", "--allow-all"];
  const words = isolation.commandFor([...program, "tests/bench/main.ts", ...args]);
  const child = command(words).spawn();
  await child.stdout.pipeTo(Deno.stdout.writable, { preventClose: true });
  const { success } = await child.status;
  return await isolation.untouched() && success;
}

await exitWith(() => main(Deno.args));
