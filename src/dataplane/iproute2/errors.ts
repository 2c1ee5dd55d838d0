/** Why the kernel, or `ip`, did not do what was asked; a closed table. */
export type FailureKind =
  /** A route with this destination and metric is there already. */
  | "exists"
  /** No such route. */
  | "absent"
  /** No such device, or `ip` still knows it by an index that is gone. */
  | "no-device"
  /** The device is administratively down. */
  | "link-down"
  /** CAP_NET_ADMIN is missing. */
  | "not-permitted"
  /** The FIB has no answer for the address. */
  | "unreachable"
  /** Nobody ever wrote to that table. */
  | "no-table"
  /** Anything else: the kernel's words are all there is. */
  | "other";

/** One failed command with the words that `ip` wrote about it (LC_ALL=C). */
export interface Failure {
  readonly kind: FailureKind;
  readonly words: string;
}

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
