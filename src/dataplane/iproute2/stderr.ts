/**
 * What `ip` writes on stderr (LC_ALL=C): the reasons of its failures, each in front of
 * `Command failed -:N`, and whatever else anybody lets it write there, such as
 * `Database /etc/iproute2/rt_tables is corrupted at 200`, or the dynamic linker's
 * `ERROR: ld.so: object … cannot be preloaded … ignored`, which harm no answer.
 */

/** How iproute2 5 to 7 begin to say that something did not work. */
const REASON = new RegExp(
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

/** Reasons that only the kernel's answer, or a command that was sent, can have. */
const OF_IP_ALONE =
  /^(?:RTNETLINK|Object|Command|Device|Cannot find device|Dump|[Nn]etlink|Message|EOF|!!!)/;

/**
 * True for words that some other program may write as well, such as `Error: …`: where
 * every read was answered beside them, they were about none.
 */
export function mayBeNoise(line: string): boolean {
  return !OF_IP_ALONE.test(line);
}

/** What stands behind the kernel's own words on the same failure. */
const CLOSING = /^(?:Dump terminated|Cannot send )/;

/** True if the line says that something did not work, and no mere warning. */
export function isReason(line: string): boolean {
  return REASON.test(line);
}

/** Lines that stand in front of the one that says which command they are about. */
export interface Complaint {
  /** Why that command failed, in the words of `ip`; empty if it gave no reason. */
  readonly words: string;
  /** Lines about nothing that was asked. */
  readonly warnings: readonly string[];
  /** A reason that no command owns: whatever it is about, it is no answer. */
  readonly stray: string | undefined;
}

/**
 * Tells a command's failure from warnings that stand around it.
 *
 * @param isKnown true for a line that was seen before without a failure
 */
export function readComplaint(
  lines: readonly string[],
  isKnown: (line: string) => boolean,
): Complaint {
  const last = lines.findLastIndex(isReason);
  if (last < 0) {
    // Of words that nobody knows those that stand last are the reason.
    const reason = lines.findLastIndex((line) => !isKnown(line));
    return {
      words: lines[reason] ?? "",
      warnings: lines.filter((_, index) => index !== reason),
      stray: undefined,
    };
  }
  const before = lines[last - 1] ?? "";
  const first = CLOSING.test(lines[last] ?? "") && isReason(before) ? last - 1 : last;
  const own = lines.slice(first, last + 1);
  const others = [...lines.slice(0, first), ...lines.slice(last + 1)];
  return {
    words: own.join("\n"),
    warnings: others.filter((line) => !isReason(line)),
    stray: own.find(isOfAnotherDump) ?? others.find(isReason),
  };
}

/** A dump that was interrupted succeeds all the same: it is not this command's failure. */
function isOfAnotherDump(line: string): boolean {
  return line.startsWith("Dump was interrupted");
}
