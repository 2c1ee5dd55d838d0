import { type ChildProcess, spawn } from "node:child_process";
import { type Command, isDump, isRead, words } from "./command.ts";
import { Deadline } from "./deadline.ts";
import { classify, type Failure } from "./failures.ts";
import { onLines } from "./lines.ts";
import type { InterfaceName } from "../routes/interface_name.ts";

/** What became of one command of an exchange. */
export type Result =
  | { readonly ok: true; readonly document: string | undefined }
  | { readonly ok: false; readonly failure: Failure };

/** Results in the order of the commands, or nothing that can be believed. */
export type Exchange =
  | { readonly kind: "answered"; readonly results: readonly Result[] }
  | { readonly kind: "lost"; readonly why: string };

/** The words after which `ip` reads commands from its standard input for ever. */
const IP_ARGUMENTS = ["-json", "-Numeric", "-force", "-batch", "-"];

/** Which neighbours an `ip` lists, all its life; of IPv4 unless told otherwise. */
export type Family = "inet" | "bridge";

interface Waiting {
  readonly commands: readonly Command[];
  readonly firstLine: number;
  readonly mark: string;
  readonly failures: Map<number, Failure>;
  readonly documents: string[];
  marked: boolean;
  /** Milliseconds without a sign of life. */
  readonly deadlineMs: number;
  readonly settle: (exchange: Exchange) => void;
}

/**
 * One `ip -batch` process. An exchange is a group of lines and a last one that names
 * an object which does not exist: `ip` complains about it on stderr, in order, after
 * every complaint about the lines before it. Complaints carry the line's number, and
 * each read that did not fail writes one line of JSON: so every answer has one owner.
 */
export class Session {
  /** Routes changed by this process: iproute2 6.1 leaks about 4 KB for each. */
  mutations = 0;
  /** True once its answers can no longer be trusted; no exchange may follow. */
  spent = false;
  /** True once it has answered: then the next `ip` will most likely answer as well. */
  hasAnswered = false;
  readonly #child: ChildProcess | undefined;
  readonly #ended = Promise.withResolvers<void>();
  /** The index that each name had when it was asked for last. */
  readonly #indexes = new Map<InterfaceName, string>();
  /** Why it is spent. */
  #why = "ip ended";
  #line = 0;
  #waiting: Waiting | undefined;
  #complaint = "";
  readonly #deadline = new Deadline(() =>
    this.#lose(`ip did not answer within ${this.#waiting?.deadlineMs} ms`)
  );

  constructor(family: Family = "inet") {
    this.#child = this.#start(family === "bridge" ? ["-family", "bridge"] : []);
    // One that could not be started has no streams, whatever its type says.
    const { stderr, stdin, stdout } = this.#child ?? {};
    if (!stderr || !stdin || !stdout) return;
    stdin.on("error", () => this.#lose("ip closed its input"));
    onLines(stdout, (line) => this.#onDocument(line));
    onLines(stderr, (line) => this.#onComplaint(line));
    stdout.on("data", () => {
      if (this.#waiting !== undefined) this.#deadline.set(this.#waiting.deadlineMs);
    });
  }

  /** Not by Deno.Command: its web streams cost 40 µs more for every exchange. */
  #start(option: readonly string[]): ChildProcess | undefined {
    try {
      const child = spawn("ip", [...option, ...IP_ARGUMENTS], { env: { LC_ALL: "C" } });
      child.on("exit", () => this.#end("ip ended"));
      child.on("error", (error) => this.#end(describeStartFault(error)));
      return child;
    } catch (error) {
      // Denied by the sandbox.
      this.#end(describeStartFault(error));
      return undefined;
    }
  }

  /**
   * Sends commands; one exchange at a time. Never rejects.
   *
   * @param deadlineMs milliseconds without a sign of life, after which `ip` is killed; a
   * long dump may take many times that
   */
  exchange(commands: readonly Command[], deadlineMs: number): Promise<Exchange> {
    if (this.spent) return Promise.resolve({ kind: "lost", why: this.#why });
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    const firstLine = this.#line + 1;
    this.#line += commands.length + 1;
    const mark = `end-of-exchange-${this.#line}`;
    this.#deadline.set(deadlineMs);
    this.#waiting = {
      deadlineMs,
      commands,
      firstLine,
      mark,
      failures: new Map(),
      documents: [],
      marked: false,
      settle: (exchange) => {
        this.#deadline.lift();
        this.#waiting = undefined;
        resolve(exchange);
      },
    };
    const text = [...commands.map(words), mark, ""].join("\n");
    this.#child?.stdin?.write(text);
    return promise;
  }

  /** Lets the process end by itself once it has read what was sent; bounded by 1 s. */
  async close(): Promise<void> {
    this.spent = true;
    // SIGKILL: what was stopped hears nothing else, and what hangs in the kernel not even that.
    const timers = [
      setTimeout(() => this.#child?.kill("SIGKILL"), 900),
      setTimeout(() => this.#ended.resolve(), 1000),
    ];
    this.#child?.stdin?.end();
    await this.#ended.promise;
    for (const timer of timers) clearTimeout(timer);
  }

  /** Ends it now: what it was asked is lost. */
  abandon(why: string): void {
    this.#lose(why);
  }

  #end(why: string): void {
    this.#lose(why);
    this.#deadline.close();
    this.#ended.resolve();
  }

  #lose(why: string): void {
    const waiting = this.#waiting;
    if (!this.spent) {
      this.spent = true;
      this.#why = why;
      this.#child?.kill("SIGKILL");
    }
    waiting?.settle({ kind: "lost", why });
  }

  #onDocument(line: string): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#lose("ip spoke without being asked");
    waiting.documents.push(line);
    this.#settleIfComplete(waiting);
  }

  #onComplaint(line: string): void {
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (failed === null) {
      this.#complaint += line + "\n";
      return;
    }
    const text = this.#complaint;
    this.#complaint = "";
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#lose("ip complained without being asked");
    const index = Number(failed[1]) - waiting.firstLine;
    if (index >= 0 && index < waiting.commands.length) {
      waiting.failures.set(index, classify(text));
    } else if (
      index === waiting.commands.length && text.includes(`"${waiting.mark}"`)
    ) {
      // A warning that belongs to no failed line, e.g. an interrupted dump.
      if (!text.startsWith("Object ")) return this.#lose(text.trim());
      waiting.marked = true;
      this.#settleIfComplete(waiting);
    } else {
      this.#lose("ip complained about a line that was not sent");
    }
  }

  #settleIfComplete(waiting: Waiting): void {
    if (!waiting.marked) return;
    const answers =
      waiting.commands.filter((command, index) =>
        isRead(command) && !waiting.failures.has(index)
      ).length;
    if (waiting.documents.length < answers) return;
    if (waiting.documents.length > answers) {
      return this.#lose("ip answered more than it was asked");
    }
    const documents = waiting.documents.values();
    const results = waiting.commands.map((command, index): Result => {
      const failure = waiting.failures.get(index);
      if (failure !== undefined) return { ok: false, failure };
      const document = isRead(command) ? documents.next().value : undefined;
      return { ok: true, document };
    });
    const isStale = waiting.commands.some((command, index) =>
      command.kind === "link" && this.#isStale(command.device, results[index])
    );
    if (isStale) return this.#lose("a device has a new index");
    this.#wear(waiting.commands, results);
    this.hasAnswered = true;
    waiting.settle({ kind: "answered", results });
  }

  /**
   * `ip` looks a name up once, by whatever command, and keeps the index. When the kernel
   * answers with the device that has the name now, `ip` filters it out: `[{}]`. Where a
   * route has shown it the new device before, it goes by both from then on.
   */
  #isStale(device: InterfaceName, result: Result | undefined): boolean {
    if (result?.ok !== true) return false;
    const ifindex = /"ifindex":(\d+)/.exec(result.document ?? "")?.[1];
    if (ifindex === undefined) return true;
    const before = this.#indexes.get(device) ?? ifindex;
    this.#indexes.set(device, ifindex);
    return ifindex !== before;
  }

  #wear(commands: readonly Command[], results: readonly Result[]): void {
    commands.forEach((command, index) => {
      const ok = results[index]?.ok === true;
      if (ok && !isRead(command)) this.mutations += 1;
      // A dump that fails leaves "[" behind, which would open the next document.
      if (!ok && isDump(command)) this.spent = true;
    });
  }
}

function describeStartFault(error: unknown): string {
  if (!(error instanceof Error)) return "ip cannot be started";
  if (error instanceof Deno.errors.NotCapable) {
    return "the sandbox does not let ip be started; use deno task serve (see README)";
  }
  switch ("code" in error ? error.code : undefined) {
    case "ENOENT":
      return "the command ip was not found; install the package iproute2";
    case "EMFILE":
      return "ip cannot be started: too many open files; raise the limit (ulimit -n)";
    default:
      return `ip cannot be started (${error.message})`;
  }
}
