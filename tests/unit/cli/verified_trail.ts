/** Verifies audit trails that are in memory. */
import {
  type ChainFinding,
  type Expectations,
  type TrailSummary,
  TrailVerifier,
} from "../../../src/cli/audit_chain.ts";

/** What was found, and what the trail is. */
export interface Verified {
  readonly findings: readonly ChainFinding[];
  readonly summary: TrailSummary;
}

/** Nothing is known of the trail. */
export const NOTHING_EXPECTED: Expectations = { after: undefined, head: undefined };

/** Verifies files with these bytes, in this order; they are called 0, 1, 2 …. */
export function verify(
  files: readonly Uint8Array[],
  expected: Expectations = NOTHING_EXPECTED,
): Verified {
  const findings: ChainFinding[] = [];
  const verifier = new TrailVerifier(expected, (finding) => findings.push(finding));
  for (const [name, bytes] of files.entries()) {
    let [from, line] = [0, 0];
    while (from < bytes.length) {
      const feed = bytes.indexOf(10, from);
      const to = feed < 0 ? bytes.length : feed;
      line += 1;
      verifier.add({ file: `${name}`, line }, bytes.subarray(from, to), feed >= 0);
      from = to + 1;
    }
  }
  return { findings, summary: verifier.end("0") };
}

/** Where something was found, as `FILE:LINE`. */
export function placesOf(findings: readonly ChainFinding[]): readonly string[] {
  return findings.map(({ place: { file, line } }) => `${file}:${line}`);
}
