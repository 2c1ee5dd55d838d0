import type { KernelWatch } from "../dataplane.ts";
import { isError } from "./errors.ts";
import { ipCommand } from "./ip_command.ts";
import { eachLine } from "./lines.ts";
import { describeStartFault } from "./process_faults.ts";

/** The listeners of an `ip monitor`. */
export interface MonitorOptions {
  /** The words behind `ip`. */
  readonly words: readonly string[];
  /** Called with each line, one event each. */
  onLine(line: string): void;
  /** Called when events were lost, with the reason. */
  onLost(why: string): void;
  /**
   * Called when it has exited or could not be started: no events from now on. No reason if
   * a stop signal ended it.
   */
  onDown(why: string | undefined): void;
  /** Called when it has been started again; it needs a moment to subscribe. */
  onUp(): void;
  /** Called with what `ip` writes to stderr that loses no events. */
  onWarning(warning: string): void;
}

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

/** Runs an `ip monitor`, and restarts it when it exits. */
export class MonitorProcess implements KernelWatch {
  readonly #options: MonitorOptions;
  #child: Deno.ChildProcess | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = RESTART_MS.first;
  #closed = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
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
    try {
      this.#child = ipCommand(this.#options.words).spawn();
    } catch (error) {
      this.#restartLater(describeStartFault(error));
      return false;
    }
    this.#readOutput(this.#child);
    return true;
  }

  #readOutput(child: Deno.ChildProcess): void {
    const options = this.#options;
    const onLine = (line: string): void => {
      this.#pauseMs = RESTART_MS.first;
      options.onLine(line);
    };
    // "netlink receive error": the kernel's buffer for events was full.
    const onStderr = (line: string): void => {
      if (isError(line)) options.onLost(line);
      else if (line.trim() !== "") options.onWarning(line);
    };
    const onOverflow = (): void =>
      options.onLost("ip monitor wrote a line that is too long");
    const limit = MAX_EVENT_LENGTH;
    const read = [
      eachLine(child.stdout, { onLine, onOverflow, limit }, PAUSE_MS),
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
    const report = (): void => {
      this.#grace = undefined;
      this.#options.onLost(`${signal} ended ip monitor`);
    };
    if (!this.#closed) this.#grace ??= setTimeout(report, STOP_GRACE_MS);
  }

  #restartLater(why: string | undefined): void {
    if (this.#closed || this.#restart !== undefined) return;
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      if (this.#start()) this.#options.onUp();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, RESTART_MS.last);
    this.#options.onDown(why);
  }
}
