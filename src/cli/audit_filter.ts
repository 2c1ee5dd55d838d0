/** Which lines of an audit log are shown. */
import { enclosing, parseAddress } from "../ipam/address.ts";
import { type Ipv4Cidr, overlap, parseCidr } from "../ipam/cidr.ts";
import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { type AuditLine, describeChange } from "./audit_record.ts";
import type { CommandLine } from "./command_definition.ts";
import { readPointInTime } from "./point_in_time.ts";

/** What of an audit log is shown. */
export interface AuditFilter {
  /** Undefined: whatever it is about. */
  readonly prefix: Ipv4Cidr | undefined;
  /** As `Date.now()`; -Infinity: from the beginning. */
  readonly sinceMs: number;
  /** As `Date.now()`, this moment included; Infinity: to the end. */
  readonly untilMs: number;
  /** Part of the RPC, the peer or the subject; empty: all of them. */
  readonly source: string;
  /** Undefined: whatever the outcome. */
  readonly outcome: string | undefined;
}

/**
 * Reads the options, or returns one sentence with the fault and the remedy.
 *
 * @param nowMs as `Date.now()`
 */
export function readFilter(
  options: CommandLine["options"],
  nowMs: number,
): Result<AuditFilter, string> {
  const prefix = readPrefix(options.get("destination"));
  if (!prefix.ok) return prefix;
  const [since, until] = [options.get("since"), options.get("until")];
  const sinceMs = since === undefined
    ? ok(-Infinity)
    : readPointInTime("since", since, nowMs);
  if (!sinceMs.ok) return sinceMs;
  const untilMs = until === undefined
    ? ok(Infinity)
    : readPointInTime("until", until, nowMs);
  if (!untilMs.ok) return untilMs;
  if (sinceMs.value > untilMs.value) {
    return err("--since is later than --until; exchange them");
  }
  return ok({
    prefix: prefix.value,
    sinceMs: sinceMs.value,
    untilMs: untilMs.value,
    source: options.get("caller") ?? "",
    outcome: options.get("outcome"),
  });
}

function readPrefix(text: string | undefined): Result<Ipv4Cidr | undefined, string> {
  if (text === undefined) return ok(undefined);
  const address = parseAddress(text);
  const parsed = address.ok ? ok(enclosing(address.value, 32)) : parseCidr(text);
  if (parsed.ok) return parsed;
  return err(
    parsed.fault.kind === "host-bits"
      ? `--destination ${text} has host bits set; did you mean ${parsed.fault.network}?`
      : `Invalid --destination ${quote(text)}; use an IPv4 address such as 10.42.2.7 ` +
        "or a prefix such as 10.42.0.0/20",
  );
}

/**
 * A gap is shown whatever is sought in its time: what was sought may be in it. A start, an
 * end or another event is shown if nothing but a time is sought.
 */
export function isSought(line: AuditLine, filter: AuditFilter): boolean {
  const { atMs } = line;
  if (atMs < filter.sinceMs || atMs > filter.untilMs) return false;
  if (line.kind === "gap") return true;
  if (line.kind !== "mutation") return isUnfiltered(filter);
  const { outcome, peer, rpc, subject, words } = line.record;
  if (filter.outcome !== undefined && filter.outcome !== outcome) return false;
  if (![rpc, peer, subject].some((text) => text.includes(filter.source))) return false;
  if (filter.prefix === undefined) return true;
  const { about } = describeChange(words);
  return about !== undefined && overlap(filter.prefix, about);
}

function isUnfiltered({ outcome, prefix, source }: AuditFilter): boolean {
  return outcome === undefined && prefix === undefined && source === "";
}
