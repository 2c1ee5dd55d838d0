import { cidrFromKernel } from "../../ipam/cidr.ts";
import { PROTOCOL, TABLE_MAIN } from "../../routing/kernel_route.ts";
import { parseInterfaceName } from "../../routing/interface_name.ts";
import type { KernelEvent, KernelWatch } from "../dataplane.ts";
import { isReason } from "./stderr.ts";
import { describeStartFault } from "./start_fault.ts";
import { eachLine } from "./lines.ts";

const MONITOR_ARGUMENTS = [
  "-4",
  "-Numeric",
  "-oneline",
  "monitor",
  "link",
  "route",
  "rule",
];

/** Characters of one event: a route may have some hundred nexthops. */
const LONGEST_EVENT = 256 * 1024;

/** First and last pause before a monitor that died is started again, in milliseconds. */
const RESTART_MS = { first: 10, last: 5000 };

/**
 * Ctrl-C, and who stops a service, ends `ip` together with the sidecar, whose own end may
 * be heard of a moment later: so long nothing is said of it, in milliseconds.
 */
const STOP_GRACE_MS = 500;
const STOP_SIGNALS: readonly (Deno.Signal | null)[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
];

/**
 * Every look costs the calls that come meanwhile a turn of the event loop, and each of
 * their writes makes events: so after a look there is a pause, in milliseconds.
 */
const PAUSE_MS = 10;

/**
 * Watches links, IPv4 routes and rules with `ip monitor`, and starts it again when it dies.
 * The kernel drops routes of a link that goes down without an event (Linux 6.18), and
 * a monitor needs a moment to subscribe: so a listener has to look for itself as well.
 */
export class Monitor implements KernelWatch {
  readonly #listener: (event: KernelEvent) => void;
  readonly #onWarning: (warning: string) => void;
  #child: Deno.ChildProcess | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = RESTART_MS.first;
  #closed = false;

  /** @param onWarning told of what `ip` writes that is no sign of lost events */
  constructor(
    listener: (event: KernelEvent) => void,
    onWarning: (warning: string) => void = () => {},
  ) {
    this.#listener = listener;
    this.#onWarning = onWarning;
    this.#start();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    clearTimeout(this.#grace);
    try {
      this.#child?.kill("SIGKILL");
    } catch {
      // It has ended by itself: Deno throws a TypeError then.
    }
  }

  /** False if it could not be started. */
  #start(): boolean {
    // Not node:child_process: its streams read on whether or not anybody wants more.
    const command = new Deno.Command("ip", {
      args: MONITOR_ARGUMENTS,
      clearEnv: true,
      env: { LC_ALL: "C" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    try {
      this.#child = command.spawn();
    } catch (error) {
      this.#again(describeStartFault(error));
      return false;
    }
    this.#listen(this.#child);
    return true;
  }

  #listen(child: Deno.ChildProcess): void {
    const hear = (line: string): void => {
      this.#pauseMs = RESTART_MS.first;
      const event = readEvent(line);
      if (event !== undefined) this.#listener(event);
    };
    // "netlink receive error": the kernel had more events than room for them.
    const complain = (line: string): void => {
      if (isReason(line)) blind(line);
      else if (line.trim() !== "") this.#onWarning(line);
    };
    const blind = (why: string): void => this.#listener({ kind: "events-lost", why });
    const onOverflow = (): void => blind("an event without end");
    const limit = LONGEST_EVENT;
    const read = [
      eachLine(child.stdout, { onLine: hear, onOverflow, limit }, PAUSE_MS),
      eachLine(child.stderr, { onLine: complain, onOverflow, limit }),
    ];
    void Promise.allSettled([...read, child.status]).then(() => this.#ended(child));
  }

  async #ended(child: Deno.ChildProcess): Promise<void> {
    const { signal } = await child.status;
    if (!STOP_SIGNALS.includes(signal)) return this.#again("ip monitor ended");
    this.#again(undefined);
    const why = `${signal} ended ip monitor`;
    const say = (): void => {
      this.#grace = undefined;
      this.#listener({ kind: "events-lost", why });
    };
    if (!this.#closed) this.#grace ??= setTimeout(say, STOP_GRACE_MS);
  }

  #again(why: string | undefined): void {
    if (this.#closed || this.#restart !== undefined) return;
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      if (this.#start()) this.#listener({ kind: "monitor-up" });
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, RESTART_MS.last);
    this.#listener({ kind: "monitor-down", why });
  }
}

/** Reads one line of `ip -Numeric -oneline monitor link route`; undefined: no concern. */
export function readEvent(line: string): KernelEvent | undefined {
  const link = /^(?:Deleted )?(\d+): ([^:@\s]+)[:@]/.exec(line);
  if (link !== null) {
    const device = parseInterfaceName(link[2] ?? "");
    return device.ok
      ? { kind: "link", ifindex: Number(link[1]), device: device.value }
      : undefined;
  }
  const rule = /^(?:Deleted )?\d+:\t(.*)/.exec(line);
  if (rule !== null) return isHidingRule(rule[1] ?? "") ? { kind: "rule" } : undefined;
  const words = line.split(/\s+/).filter((word) => word !== "");
  const deleted = words[0] === "Deleted";
  if (deleted) words.shift();
  // A type other than unicast stands first, as a number: `7 10.42.2.0/24 table 142`.
  const typed = /^\d+$/.test(words[0] ?? "");
  if (typed) words.shift();
  const destination = cidrFromKernel(words.shift() ?? "");
  if (destination === undefined) return undefined;
  return { kind: "route", deleted, destination, ...attributes(words, typed) };
}

/** Any but one that looks into a table; also one that leads every packet to main. */
function isHidingRule(rule: string): boolean {
  return !/ (?:lookup|l3mdev)\b/.test(rule) || / suppress_/.test(rule) ||
    /^from all lookup (?:254|main)\b/.test(rule);
}

const PLAIN_WORDS: ReadonlySet<string> = new Set(["dev", "proto", "scope"]);

function attributes(words: readonly string[], typed: boolean) {
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < words.length; at += 2) {
    pairs.set(words[at] ?? "", words[at + 1] ?? "");
  }
  const device = parseInterfaceName(pairs.get("dev") ?? "");
  return {
    table: Number(pairs.get("table") ?? TABLE_MAIN),
    protocol: Number(pairs.get("proto") ?? PROTOCOL.boot),
    device: device.ok ? device.value : undefined,
    plain: !typed && words.length % 2 === 0 &&
      [...pairs.keys()].every((word) => PLAIN_WORDS.has(word)),
  };
}
