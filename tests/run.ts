/**
 * What `deno task test` and `deno task test:all` execute: format, lint, types and the
 * tests, the files side by side, each in network and mount namespaces of its own, as root
 * or as an ordinary user.
 *
 * Words: `quick` or `all`, then paths of tests, and options of `deno test` for each of
 * them. With paths only these are run, without format, lint and types of the rest.
 */
import { runPool } from "./runner/pool.ts";
import { Report } from "./runner/report.ts";
import { runUnit } from "./runner/run_unit.ts";
import { closingLine } from "./runner/summary.ts";
import {
  CHECKS,
  EXAMPLES,
  orderOf,
  typesOf,
  type Unit,
  unitOf,
} from "./runner/units.ts";
import { exitWith, isolate, type Isolation, print } from "./support/isolation.ts";
import { anySeed } from "./support/random.ts";
import { repository } from "./support/serve_task.ts";
import { SUITE, type Suite } from "./support/suite.ts";
import { discardTools, prepareTool } from "./support/tools.ts";

const SEED = "QUILT_TEST_SEED";

/** Options of `deno test` whose value is a word of its own. */
const WITH_VALUE: readonly string[] = ["--filter"];

/** The paths among the words of a command line, and the options. */
function split(words: readonly string[]) {
  const isOption = (word: string, at: number): boolean =>
    word.startsWith("-") || WITH_VALUE.includes(words[at - 1] ?? "");
  return {
    options: words.filter(isOption),
    paths: words.filter((word, at) => !isOption(word, at)),
  };
}

/** The test files at or below a path; the path itself if there is no such thing. */
function filesAt(path: string): readonly string[] {
  const absolute = path.startsWith("/") ? path : `${repository}/${path}`;
  try {
    if (!Deno.statSync(absolute).isDirectory) return [path];
  } catch (error) {
    // `deno test` says it best.
    if (error instanceof Deno.errors.NotFound) return [path];
    throw error;
  }
  const entries = [...Deno.readDirSync(absolute)].map(({ name, isDirectory }) => ({
    isDirectory,
    path: `${path.replace(/\/$/, "")}/${name}`,
  }));
  return entries.flatMap(({ isDirectory, path }) => {
    if (isDirectory) return filesAt(path);
    return path.endsWith("_test.ts") ? [path] : [];
  });
}

/** The units of a whole suite, or those of some paths. */
function unitsOf(
  paths: readonly string[],
  options: readonly string[],
  seed: number,
): readonly Unit[] {
  const everything = paths.length === 0;
  const files = [...new Set(everything ? filesAt("tests") : paths.flatMap(filesAt))];
  const units = files.map((path) => {
    const unit = unitOf(path, textOf(path));
    // The types of several files are a check of their own: each would check the rest too.
    const given = files.length > 1 ? ["--no-check", ...options] : options;
    return { ...unit, words: [...given, `--shuffle=${seed}`, ...unit.words] };
  });
  if (!everything) return files.length > 1 ? [typesOf(files), ...units] : units;
  return options.length === 0 ? [...CHECKS, EXAMPLES, ...units] : units;
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path.startsWith("/") ? path : `${repository}/${path}`);
  } catch (error) {
    // It is not there, and `deno test` will say so; or a folder without tests.
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * One more than there are cores: a file of tests waits for about a third of its time, for
 * intervals and time-outs (measured on two cores: 199 s with three workers, 243 with two).
 */
function workersHere(): number {
  return Number(Deno.env.get("DENO_JOBS") ?? navigator.hardwareConcurrency + 1);
}

/** Runs the units and shows what happens; true if all is well. */
async function runAll(
  suite: Suite,
  units: readonly Unit[],
  seed: number,
  isolation: Isolation,
): Promise<boolean> {
  const isSingle = units.length === 1;
  const report = new Report(units.length, {
    write: (text) => void Deno.stdout.writeSync(new TextEncoder().encode(text)),
    isTerminal: Deno.stdout.isTerminal() && !isSingle,
    columns: () => Deno.consoleSize().columns,
  });
  report.say(`The order is that of ${SEED}=${seed}`);
  const env: Record<string, string> = { [SUITE]: suite };
  // What needs a tool is left out of the quick suite.
  const needing = units.map((unit) => suite === "all" ? unit : { ...unit, needs: [] });
  await runPool({
    units: orderOf(needing, seed),
    workers: workersHere(),
    build: async (tool) => {
      Object.assign(env, await prepareTool(tool, (line) => report.say(line)));
    },
    run: async (unit) => {
      report.started(unit.name);
      const write = (bytes: Uint8Array): void => void Deno.stdout.writeSync(bytes);
      const shown = isSingle ? { write } : {};
      report.ended(await runUnit(unit, { isolation, env, ...shown }));
    },
  });
  await discardTools(env);
  const { failed, passed, skipped } = report.close();
  if (suite === "quick" && skipped > 0) {
    await print(
      `\n${skipped} tests are left out here: deno task test:all runs them, and builds ` +
        "what they need with Go, Python, Rust and buildah.",
    );
  }
  const untouched = await isolation.untouched();
  // A run without any test is a failure.
  const faults = (untouched ? 0 : 1) + (passed + failed + skipped === 0 ? 1 : 0);
  await print(closingLine({ passed, failed: failed + faults, skipped }));
  return failed + faults === 0;
}

async function main([suite, ...words]: readonly string[]): Promise<boolean> {
  if (suite !== "quick" && suite !== "all") {
    throw new Error('Name the suite: "quick" or "all"');
  }
  const isolation = await isolate();
  const { options, paths } = split(words);
  const seed = Number(Deno.env.get(SEED) ?? anySeed());
  return await runAll(suite, unitsOf(paths, options, seed), seed, isolation);
}

await exitWith(() => main(Deno.args));
