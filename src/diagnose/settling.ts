import { type Finding, type FindingId, keyOf } from "./finding.ts";
import { SETTLE_MS } from "./limits.ts";

/**
 * Findings about state that other programs change in steps: the mesh agent enters a peer and
 * then requests its route, and Quilt learns its subnet and then gives its bridge the gateway.
 */
const SETTLING: ReadonlySet<FindingId> = new Set(
  [
    "fdb-empty",
    "fdb-fewer",
    "fdb-lost",
    "missing-routes",
    "subnet-unassigned",
    "gateway-missing",
    "bridge-prefix",
  ] satisfies FindingId[],
);

/** Holds back findings that may be gone in a moment. */
export class Settling {
  /** Since when each has had its present form. */
  readonly #since = new Map<
    string,
    { readonly found: string; readonly atMs: number }
  >();

  /** @returns the settled findings, and when to check the others again */
  take(
    findings: readonly Finding[],
    nowMs: number,
  ): { readonly settled: readonly Finding[]; readonly againMs: number | undefined } {
    const keys = new Set(findings.map(keyOf));
    for (const key of this.#since.keys()) if (!keys.has(key)) this.#since.delete(key);
    let againMs: number | undefined;
    const settled = findings.filter((finding) => {
      if (!SETTLING.has(finding.id)) return true;
      const key = keyOf(finding);
      const known = this.#since.get(key);
      const { found } = finding;
      const since = known?.found === found ? known : { found, atMs: nowMs };
      this.#since.set(key, since);
      const leftMs = since.atMs + SETTLE_MS - nowMs;
      if (leftMs <= 0) return true;
      againMs = Math.min(againMs ?? leftMs, leftMs);
      return false;
    });
    return { settled, againMs };
  }
}
