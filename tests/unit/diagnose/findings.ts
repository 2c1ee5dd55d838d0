import { type Finding, keyOf, type Severity } from "../../../src/diagnose/finding.ts";

/** Findings without their words. */
export function summarize(findings: readonly Finding[]): readonly {
  readonly key: string;
  readonly severity: Severity;
  readonly remedy: readonly string[];
}[] {
  return findings.map((finding) => ({
    key: keyOf(finding),
    severity: finding.severity,
    remedy: finding.remedy,
  }));
}

/** Findings, shorter still: what each is and what ends it. */
export function remediesOf(
  findings: readonly Finding[],
): readonly (readonly [id: string, remedy: readonly string[]])[] {
  return findings.map(({ id, remedy }) => [id, remedy]);
}
