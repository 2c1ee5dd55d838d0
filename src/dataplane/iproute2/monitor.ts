import { PROTOCOL, TABLE_MAIN } from "../../routing/kernel_route.ts";
import { parseInterfaceName } from "../../routing/interface_name.ts";
import type { KernelEvent, KernelWatch } from "../dataplane.ts";
import { isError } from "./errors.ts";
import { eachLine } from "./lines.ts";
import { parseDestination } from "./parse.ts";
import { describeStartFault } from "./process_faults.ts";

const MONITOR_ARGUMENTS = [
  "-4",
  "-Numeric",
  "-oneline",
  "monitor",
  "link",
  "route",
  "rule",
];

/** UTF-16 units of one event: a route may have some hundred nexthops. */
const MAX_EVENT_LENGTH = 256 * 1024;

/** First and last back-off before `ip monitor` is restarted, in milliseconds. */
const RESTART_MS = { first: 10, last: 5000 };

/**
 * Ctrl-C, or a stop of the service, ends `ip` together with the sidecar, which may receive
 * its own signal a moment later: events are reported lost only after so many milliseconds.
 */
const STOP_GRACE_MS = 500;
const STOP_SIGNALS: readonly (Deno.Signal | null)[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
];

/**
 * Milliseconds between two reads. Each read delays the calls in flight by a turn of the
 * event loop, and each of their writes makes events.
 */
const PAUSE_MS = 10;

/**
 * Reports changes of links, IPv4 routes and rules by `ip monitor`, and restarts it when it
 * exits. The kernel deletes the routes of a link that goes down without an event
 * (Linux 6.18), and a monitor needs a moment to subscribe, so that a listener has to
 * read the kernel as well.
 */
export class Monitor implements KernelWatch {
  readonly #listener: (event: KernelEvent) => void;
  readonly #onWarning: (warning: string) => void;
  #child: Deno.ChildProcess | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = RESTART_MS.first;
  #closed = false;

  /** @param onWarning called with what `ip` writes to stderr that loses no events */
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
      // It has exited: then Deno throws a TypeError.
    }
  }

  /** False if it could not be started. */
  #start(): boolean {
    // Not node:child_process, because its streams read ahead without a limit.
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
      this.#restartLater(describeStartFault(error));
      return false;
    }
    this.#readOutput(this.#child);
    return true;
  }

  #readOutput(child: Deno.ChildProcess): void {
    const onEvent = (line: string): void => {
      this.#pauseMs = RESTART_MS.first;
      const event = parseEvent(line);
      if (event !== undefined) this.#listener(event);
    };
    // "netlink receive error": the kernel's buffer for events was full.
    const onStderr = (line: string): void => {
      if (isError(line)) onLost(line);
      else if (line.trim() !== "") this.#onWarning(line);
    };
    const onLost = (why: string): void => this.#listener({ kind: "events-lost", why });
    const onOverflow = (): void => onLost("an event without end");
    const limit = MAX_EVENT_LENGTH;
    const read = [
      eachLine(child.stdout, { onLine: onEvent, onOverflow, limit }, PAUSE_MS),
      eachLine(child.stderr, { onLine: onStderr, onOverflow, limit }),
    ];
    void Promise.allSettled([...read, child.status]).then(() => this.#onExit(child));
  }

  async #onExit(child: Deno.ChildProcess): Promise<void> {
    const { signal } = await child.status;
    if (!STOP_SIGNALS.includes(signal)) {
      return this.#restartLater("ip monitor ended");
    }
    this.#restartLater(undefined);
    const why = `${signal} ended ip monitor`;
    const report = (): void => {
      this.#grace = undefined;
      this.#listener({ kind: "events-lost", why });
    };
    if (!this.#closed) this.#grace ??= setTimeout(report, STOP_GRACE_MS);
  }

  #restartLater(why: string | undefined): void {
    if (this.#closed || this.#restart !== undefined) return;
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      if (this.#start()) this.#listener({ kind: "monitor-up" });
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, RESTART_MS.last);
    this.#listener({ kind: "monitor-down", why });
  }
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
