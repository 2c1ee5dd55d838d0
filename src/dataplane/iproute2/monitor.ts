import { PROTOCOL, TABLE_MAIN } from "../../routing/kernel_route.ts";
import { parseInterfaceName } from "../../routing/interface_name.ts";
import type { KernelEvent, KernelWatch } from "../dataplane.ts";
import { MonitorProcess } from "./monitor_process.ts";
import { parseDestination } from "./parse.ts";

const WORDS = ["-4", "-Numeric", "-oneline", "monitor", "link", "route", "rule"];

/**
 * Reports changes of links, IPv4 routes and rules by `ip monitor`. The kernel deletes the
 * routes of a link that goes down without an event (Linux 6.18), and a monitor needs a
 * moment to subscribe, so that a listener has to read the kernel as well.
 *
 * @param onWarning called with what `ip` writes to stderr that loses no events
 */
export function watchKernel(
  listener: (event: KernelEvent) => void,
  onWarning: (warning: string) => void = () => {},
): KernelWatch {
  return new MonitorProcess({
    words: WORDS,
    onLine: (line) => {
      const event = parseEvent(line);
      if (event !== undefined) listener(event);
    },
    onLost: (why) => listener({ kind: "events-lost", why }),
    onDown: (why) => listener({ kind: "monitor-down", why }),
    onUp: () => listener({ kind: "monitor-up" }),
    onWarning,
  });
}

/**
 * Parses one line of `ip -4 -Numeric -oneline monitor link route rule`. Never throws.
 *
 * @returns undefined for an event that no listener needs
 */
export function parseEvent(line: string): KernelEvent | undefined {
  const link = /^(?:Deleted )?(\d+): ([^:@\s]+)[:@]/.exec(line);
  if (link !== null) {
    const device = parseInterfaceName(link[2] ?? "");
    return device.ok
      ? { kind: "link", ifindex: Number(link[1]), device: device.value }
      : undefined;
  }
  const rule = /^(?:Deleted )?\d+:\t(.*)/.exec(line);
  if (rule !== null) return isHidingRule(rule[1] ?? "") ? { kind: "rule" } : undefined;
  const tokens = line.split(/\s+/).filter((token) => token !== "");
  const deleted = tokens[0] === "Deleted";
  if (deleted) tokens.shift();
  // A type other than unicast comes first, as a number: `7 10.42.2.0/24 table 142`.
  const typed = /^\d+$/.test(tokens[0] ?? "");
  if (typed) tokens.shift();
  const destination = parseDestination(tokens.shift() ?? "");
  if (destination === undefined) return undefined;
  return { kind: "route", deleted, destination, ...attributes(tokens, typed) };
}

/**
 * True for a rule that does not look into a table, and for one that sends every packet to
 * the main table, because its deletion hides that table.
 */
function isHidingRule(rule: string): boolean {
  return !/ (?:lookup|l3mdev)\b/.test(rule) || / suppress_/.test(rule) ||
    /^from all lookup (?:254|main)\b/.test(rule);
}

const PLAIN_ATTRIBUTES: ReadonlySet<string> = new Set(["dev", "proto", "scope"]);

function attributes(tokens: readonly string[], typed: boolean) {
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < tokens.length; at += 2) {
    pairs.set(tokens[at] ?? "", tokens[at + 1] ?? "");
  }
  const device = parseInterfaceName(pairs.get("dev") ?? "");
  return {
    table: Number(pairs.get("table") ?? TABLE_MAIN),
    protocol: Number(pairs.get("proto") ?? PROTOCOL.boot),
    device: device.ok ? device.value : undefined,
    plain: !typed && tokens.length % 2 === 0 &&
      [...pairs.keys()].every((key) => PLAIN_ATTRIBUTES.has(key)),
  };
}
