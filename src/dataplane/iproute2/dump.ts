/** Which reads of a dump share an `ip`, because they need the same options. */
import type { BatchResult, OperationResult, Read } from "../dataplane.ts";

/** Reads that one `ip` answers. */
export interface DumpPart {
  /** Options of `ip` besides those of every batch. */
  readonly options: readonly string[];
  readonly reads: readonly Read[];
}

/** The forwarding database has a family of its own; only statistics have its ages. */
const BRIDGE_OPTIONS = ["-family", "bridge", "-statistics"];

/**
 * Splits the reads of a dump into parts, one for each `ip` that is needed. Only `links`
 * needs details, which make the JSON of a device two to five times as long.
 */
export function splitDump(reads: readonly Read[]): readonly DumpPart[] {
  const plain = reads.filter((read) => !isOfBridge(read));
  const isDetailed = plain.some(({ kind }) => kind === "links");
  const parts = [
    { options: isDetailed ? ["-details"] : [], reads: plain },
    { options: BRIDGE_OPTIONS, reads: reads.filter(isOfBridge) },
  ];
  return parts.filter((part) => part.reads.length > 0);
}

function isOfBridge({ kind }: Read): boolean {
  return kind === "forwarding-table";
}

/**
 * Runs the parts of a dump side by side.
 *
 * @returns the results in the order of the reads; lost if any part is lost
 */
export async function runParts(
  reads: readonly Read[],
  run: (part: DumpPart) => Promise<BatchResult>,
): Promise<BatchResult> {
  const finished = await Promise.all(
    splitDump(reads).map(async (part) => ({ part, result: await run(part) })),
  );
  const byRead = new Map<Read, OperationResult>();
  for (const { part, result } of finished) {
    if (result.kind === "lost") return result;
    for (const [at, read] of part.reads.entries()) {
      const one = result.results[at];
      if (one !== undefined) byRead.set(read, one);
    }
  }
  return { kind: "answered", results: reads.flatMap((read) => byRead.get(read) ?? []) };
}
