/**
 * What `deno task test` executes: format, lint and types, then `deno test`, the examples
 * of the documentation among it, in network and mount namespaces of its own, as root or
 * as an ordinary user.
 *
 * `deno task test PATH…` (or any other argument of `deno test`, e.g. `--filter`)
 * runs only that, without format, lint and types of the rest.
 */
import {
  command,
  exitWith,
  isolate,
  type Isolation,
  say,
  shown,
} from "./support/isolation.ts";
import { prepareTools } from "./support/tools.ts";
import { closingLine, readSummary, type Summary } from "./support/summary.ts";

/** A hang is to have a name; all tests together take some 25 minutes on two cores. */
const LIMIT_MINUTES = 45;

/** Format, lint and types; resolves to how many of them failed. */
async function checkSources(deno: string): Promise<number> {
  const results = [
    await shown([deno, "fmt", "--check"]),
    await shown([deno, "lint", "--quiet"]),
    await shown([deno, "check", "--frozen", "--quiet", "src", "tests", "deploy"]),
  ];
  return results.filter((good) => !good).length;
}

/** Runs `deno test` in the namespaces, showing its output; ended at the limit. */
async function runTests(
  isolation: Isolation,
  testWords: readonly string[],
): Promise<Summary> {
  const test = [Deno.execPath(), "test", "--frozen", "--cached-only", "--allow-all"];
  const child = command(isolation.words([...test, ...testWords])).spawn();
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, LIMIT_MINUTES * 60_000);
  const [shownPart, readPart] = child.stdout.tee();
  const [text] = await Promise.all([
    new Response(readPart).text(),
    shownPart.pipeTo(Deno.stdout.writable, { preventClose: true }),
  ]);
  const { success } = await child.status;
  clearTimeout(limit);
  if (isLate) {
    await say(`\nThe tests took longer than ${LIMIT_MINUTES} minutes and were ended.`);
  }
  const read = readSummary(text) ?? { passed: 0, failed: 0, skipped: 0 };
  // A crash of the runner, or no test at all, is a failure without a failed test.
  const failed = success && read.passed > 0 ? read.failed : Math.max(read.failed, 1);
  return { ...read, failed };
}

async function main(args: readonly string[]): Promise<boolean> {
  const isolation = await isolate();
  for (const fault of await prepareTools()) await say(fault);
  const everything = args.length === 0;
  const faults = everything ? await checkSources(Deno.execPath()) : 0;
  if (faults > 0) {
    await say(closingLine({ passed: 0, failed: faults, skipped: 0 }));
    return false;
  }
  const summary = await runTests(
    isolation,
    everything ? ["--no-check", "--doc", "src", "tests"] : args,
  );
  const untouched = await isolation.untouched();
  const failed = summary.failed + (untouched ? 0 : 1);
  await say(closingLine({ ...summary, failed }));
  return failed === 0;
}

await exitWith(() => main(Deno.args));
