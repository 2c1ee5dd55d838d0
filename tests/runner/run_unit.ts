import { command, type Isolation } from "../support/isolation.ts";
import { NEEDS } from "../support/tools.ts";
import { readJunit, type TestCase } from "./junit.ts";
import type { Outcome } from "./report.ts";
import type { Unit } from "./units.ts";

/** A hang is to have a name. */
const LIMIT_MINUTES = 10;

/** How a unit is run. */
export interface UnitOptions {
  readonly isolation: Isolation;
  /** Variables besides our own. */
  readonly env: Readonly<Record<string, string>>;
  /** Given what it writes, as it writes it. */
  readonly write?: (bytes: Uint8Array) => void;
}

/** Runs a unit to its end, in namespaces of its own if it has tests. */
export async function runUnit(
  { kind, name, needs, words }: Unit,
  { env, isolation, write }: UnitOptions,
): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "quilt-junit-" });
  const junit = `${folder}/junit.xml`;
  const deno = Deno.execPath();
  // One pipe for both, or their order is lost.
  const merged = ["sh", "-c", 'exec "$@" 2>&1', "sh", deno];
  const line = kind === "tests"
    ? isolation.commandFor([...merged, "test", `--junit-path=${junit}`, ...words])
    : [...merged, ...words];
  const began = performance.now();
  const child = command(line, {
    ...env,
    [NEEDS]: needs.join(" "),
    // Deno's own backtrace behind each failed test tells nobody anything.
    RUST_BACKTRACE: "0",
  }).spawn();
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, LIMIT_MINUTES * 60_000);
  let output = "";
  const text = new TextDecoder();
  for await (const bytes of child.stdout) {
    write?.(bytes);
    output += text.decode(bytes, { stream: true });
  }
  const { success } = await child.status;
  clearTimeout(limit);
  if (isLate) output += `\n${name} took longer than ${LIMIT_MINUTES} minutes: ended.\n`;
  const cases = await casesIn(junit);
  await Deno.remove(folder, { recursive: true });
  const failed = cases.filter(({ end }) => end === "failed").length;
  const seconds = (performance.now() - began) / 1_000;
  // A crash of the runner is a failure without a failed test.
  return {
    name,
    seconds,
    cases,
    failed: success ? failed : Math.max(1, failed),
    output,
  };
}

async function casesIn(path: string): Promise<readonly TestCase[]> {
  try {
    return readJunit(await Deno.readTextFile(path));
  } catch (error) {
    // A check, or a runner that crashed.
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
