/** h2spec, the conformance tests of HTTP/2, against a server. */
import type { Namespace } from "../support/namespace.ts";
import { goTool } from "../support/tools.ts";

/** What it found. */
export interface Conformance {
  readonly tests: number;
  readonly passed: number;
  /** E.g. `http2/6.3: Sends a PRIORITY frame with 0x0 stream identifier`. */
  readonly failed: readonly string[];
}

/**
 * Runs all of its tests against a server on 127.0.0.1.
 *
 * @throws {Error} if it does not complete, e.g. because no server listens any more.
 */
export async function h2spec(namespace: Namespace, port: number): Promise<Conformance> {
  const report = await Deno.makeTempFile();
  try {
    const { stdout, stderr } = await namespace.run([
      await goTool("h2spec"),
      ...["--port", `${port}`, "--timeout", "2", "--junit-report", report],
    ]);
    const [, tests, passed] = /(\d+) tests, (\d+) passed/.exec(stdout) ?? [];
    if (tests === undefined || passed === undefined) {
      throw new Error(`h2spec came to no end: ${stdout.slice(-400)}${stderr}`);
    }
    const failed = failedIn(await Deno.readTextFile(report));
    return { tests: Number(tests), passed: Number(passed), failed };
  } finally {
    await Deno.remove(report);
  }
}

function failedIn(report: string): readonly string[] {
  const cases = report.matchAll(
    /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>\s*<error/g,
  );
  return Array.from(cases, ([, part, what]) => `${part}: ${what}`);
}
