import type { Failure, FailureKind } from "../dataplane.ts";

/** Texts of iproute2 6.1 and of the kernel's extended acknowledgements. */
const TEXTS: readonly (readonly [string, FailureKind])[] = [
  ["FIB table does not exist", "no-table"],
  ["File exists", "exists"],
  ["No such process", "absent"],
  ["Cannot find device", "no-device"],
  ["No such device", "no-device"],
  ["does not exist.", "no-device"],
  ["Device for nexthop is not up", "link-down"],
  ["Network is down", "link-down"],
  ["Operation not permitted", "not-permitted"],
  ["Network is unreachable", "unreachable"],
];

/** Finds the kind of what `ip` wrote on stderr about one command. */
export function classify(text: string): Failure {
  const words = text.trim();
  const known = TEXTS.find(([part]) => words.includes(part));
  return { kind: known?.[1] ?? "other", words };
}
