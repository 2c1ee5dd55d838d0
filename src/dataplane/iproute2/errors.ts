/**
 * What `ip` writes to stderr (LC_ALL=C): the reason of a failure in front of each
 * `Command failed -:N`, and warnings of other programs and libraries, such as
 * `Database /etc/iproute2/rt_tables is corrupted at 200`, or the dynamic linker's
 * `ERROR: ld.so: object … cannot be preloaded … ignored`, which affect no answer.
 */
import type { Failure, FailureKind } from "../dataplane.ts";

/** Texts of iproute2 6.1 and of the kernel's extended acknowledgements. */
const FAILURE_TEXTS: readonly (readonly [string, FailureKind])[] = [
  ["FIB table does not exist", "no-table"],
  ["File exists", "exists"],
  ["No such process", "absent"],
  // A neighbour, not a route.
  ["No such file or directory", "absent"],
  ["Cannot find device", "no-device"],
  ["No such device", "no-device"],
  ["does not exist.", "no-device"],
  ["Device for nexthop is not up", "link-down"],
  ["Network is down", "link-down"],
  ["Operation not permitted", "not-permitted"],
  ["Network is unreachable", "unreachable"],
];

/** Finds the kind of a failure in the text that `ip` wrote about one command. */
export function classify(text: string): Failure {
  const message = text.trim();
  const known = FAILURE_TEXTS.find(([part]) => message.includes(part));
  return { kind: known?.[1] ?? "other", message };
}

/**
 * What the FIB answers for a packet that it sends nowhere, by the type of the route:
 * none, `throw`, `unreachable`, `blackhole`, `prohibit`. Linux 6.18 answers as for
 * `blackhole` if rp_filter drops the packet, and older kernels as the last one.
 */
const REFUSALS = new RegExp(
  "^RTNETLINK answers: (" + [
    "Network is unreachable",
    "No route to host",
    "Invalid argument",
    "Permission denied",
    "Invalid cross-device link",
  ].join("|") + ")$",
);

/** The kernel's words why it sends a packet nowhere; undefined for any other failure. */
export function parseRefusal({ message }: Failure): string | undefined {
  return REFUSALS.exec(message)?.[1];
}

/** True for a message that a kernel answered, whatever `ip` did then. */
export function isOfKernel({ message }: Failure): boolean {
  return message.startsWith("RTNETLINK answers: ") || message.startsWith("Error: ");
}

/** How the error messages of iproute2 5 to 7 begin. */
const ERROR = new RegExp(
  "^(?:" + [
    "RTNETLINK (?:answers|error)",
    "Error: ",
    'Object "',
    'Command "',
    "Command line is not complete",
    'Device "',
    "Cannot (?:find device|send |talk to |open netlink|bind netlink|get |allocate)",
    "Unknown filter",
    "Failed to send ",
    "Failed to parse ",
    "Not enough (?:memory|information)",
    "(?:NLMSG|RTNL|netlink|Netlink) ",
    "netlink ",
    "Dump (?:was interrupted|terminated)",
    "Message truncated",
    "EOF on netlink",
    "malformed ",
    "sender address length",
    "!!!",
    "Unexpected reply",
  ].join("|") + ")",
);

/** Error messages that only `ip` writes, about a command or an answer of the kernel. */
const ERROR_OF_IP_ALONE =
  /^(?:RTNETLINK|Object|Command|Device|Cannot find device|Dump|[Nn]etlink|Message|EOF|!!!)/;

/** True for an error message of `ip`; false for a warning. */
export function isError(line: string): boolean {
  return ERROR.test(line);
}

/**
 * True for an error message that another program may write as well, such as `Error: …`.
 * If every read of the batch was answered, it is about none of them.
 */
export function mayBeWarning(line: string): boolean {
  return !ERROR_OF_IP_ALONE.test(line);
}

/** Follows the kernel's own message about the same failure. */
const CLOSING = /^(?:Dump terminated|Cannot send )/;

/** The lines in front of one `Command failed -:N`. */
export interface FailureText {
  /** The error message of `ip`, one or two lines; empty if it gave none. */
  readonly message: string;
  /** Lines that are about no command. */
  readonly warnings: readonly string[];
  /** An error message that belongs to no command: then no answer can be trusted. */
  readonly stray: string | undefined;
}

/**
 * Separates a command's error message from the warnings around it.
 *
 * @param isKnownWarning true for a line that was written before without a failure
 */
export function parseFailure(
  lines: readonly string[],
  isKnownWarning: (line: string) => boolean,
): FailureText {
  const last = lines.findLastIndex(isError);
  if (last < 0) {
    // If no line is a known error message, the last unknown line is the reason.
    const reason = lines.findLastIndex((line) => !isKnownWarning(line));
    return {
      message: lines[reason] ?? "",
      warnings: lines.filter((_, index) => index !== reason),
      stray: undefined,
    };
  }
  const before = lines[last - 1] ?? "";
  const first = CLOSING.test(lines[last] ?? "") && isError(before) ? last - 1 : last;
  const own = lines.slice(first, last + 1);
  const others = [...lines.slice(0, first), ...lines.slice(last + 1)];
  return {
    message: own.join("\n"),
    warnings: others.filter((line) => !isError(line)),
    stray: own.find(isOfAnotherDump) ?? others.find(isError),
  };
}

/** An interrupted dump still succeeds, so the message is not about the failed command. */
function isOfAnotherDump(line: string): boolean {
  return line.startsWith("Dump was interrupted");
}
