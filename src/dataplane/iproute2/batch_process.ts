import { type ChildProcess, spawn } from "node:child_process";
import {
  type Command,
  indexLikeName,
  isDump,
  isRead,
  type Read,
  words,
} from "./commands.ts";
import { isReason, mayBeNoise, readComplaint } from "./stderr.ts";
import { Deadline } from "./deadline.ts";
import { classify, type Failure } from "./errors.ts";
import type { Hang } from "./hang_log.ts";
import { describeForeignIp } from "./foreign_ip.ts";
import { onLines } from "./lines.ts";
import { describeStartFault, noteStarted } from "./start_fault.ts";
import { type Answer, decode } from "./parse.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";

/** What became of one command of an exchange. */
export type CommandResult =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly failure: Failure };

/** The answer of a result, if it is one of this kind. */
export function answerOf<Kind extends Answer["kind"]>(
  result: CommandResult | undefined,
  kind: Kind,
): Extract<Answer, { readonly kind: Kind }> | undefined {
  return result?.ok === true && isOf(result.answer, kind) ? result.answer : undefined;
}

function isOf<Kind extends Answer["kind"]>(
  answer: Answer,
  kind: Kind,
): answer is Extract<Answer, { readonly kind: Kind }> {
  return answer.kind === kind;
}

/** Results in the order of the commands, or nothing that can be believed. */
export type Exchange =
  | { readonly kind: "answered"; readonly results: readonly CommandResult[] }
  | { readonly kind: "lost"; readonly why: string };

/** The words after which `ip` reads commands from its standard input for ever. */
const IP_ARGUMENTS = ["-json", "-Numeric", "-force", "-batch", "-"];

/** Which neighbours an `ip` lists, all its life; of IPv4 unless told otherwise. */
export type Family = "inet" | "bridge";

/**
 * Characters of one line of stdout: a dump is one line, and 65,536 routes of ours with
 * their entries in table 142 have 22 million. The heap has four times as much.
 */
const LONGEST_DOCUMENT = 64 * 1024 * 1024;

/** Characters of one line of stderr. */
const LONGEST_COMPLAINT = 64 * 1024;

/** Lines of stderr that are kept until it is known what they are about. */
const KEPT_COMPLAINTS = 16;

/** Lines of stderr without a failure that one exchange may bring. */
const MOST_COMPLAINTS = 1_000;

/** An exchange lasts so many times its deadline at most, whatever signs of life there are. */
const LONGEST = 10;

/** Milliseconds for what is on its way through a pipe when all has been written. */
const AFTER_MARK_MS = 250;

/** Milliseconds for what an `ip` of an unknown kind has to say for itself. */
const LAST_WORDS_MS = 100;

/** Why an `ip` is lost that ended by itself, or by a signal. */
const ENDED = "ip ended";

/** True once any `ip` has answered in this process. */
let anyAnswered = false;

/** What an `ip` is started with. */
export interface SessionOptions {
  /** @default {"inet"} */
  readonly family?: Family | undefined;
  /** Told of what `ip` writes that is no answer and harms none. */
  readonly onWarning?: (warning: string) => void;
  /** Told when it passed its deadline and was killed. */
  readonly onHang?: ((hang: Hang) => void) | undefined;
  /** Lines that stood beside good answers: each `ip` may write them. */
  readonly noise?: Set<string>;
}

interface Waiting {
  readonly commands: readonly Command[];
  readonly firstLine: number;
  readonly mark: string;
  readonly failures: Map<number, Failure>;
  /** The command that failed last: complaints come in the order of the commands. */
  lastFailed: number;
  readonly documents: string[];
  /** How many documents there can be, if nothing fails. */
  readonly reads: number;
  marked: boolean;
  /** Reasons that belong to no command; harmless if all that was asked is answered. */
  noise: readonly string[];
  /** Milliseconds without a sign of life. */
  readonly deadlineMs: number;
  /** When it was asked, on the clock of `performance.now()`. */
  readonly startedMs: number;
  /** When it is over in any case, on the clock of `performance.now()`. */
  readonly endMs: number;
  readonly settle: (exchange: Exchange) => void;
}

/**
 * One `ip -batch` process. An exchange is a group of lines and a last one that names
 * an object which does not exist: `ip` complains about it on stderr, in order, after
 * every complaint about the lines before it. Complaints carry the line's number, and
 * each read that did not fail writes one line of JSON: so every answer has one owner.
 *
 * No text leaves it but the reasons of failures: documents are decoded here, and what
 * cannot be read, or answers something else than was asked, is a lost exchange.
 */
export class Session {
  /** Routes changed by this process: iproute2 6.1 leaks about 4 KB for each. */
  mutations = 0;
  /** True once its answers can no longer be trusted; no exchange may follow. */
  spent = false;
  /** True once it has answered: then the next `ip` will most likely answer as well. */
  hasAnswered = false;
  readonly #child: ChildProcess | undefined;
  readonly #onWarning: (warning: string) => void;
  readonly #ended = Promise.withResolvers<void>();
  /** The index that each name had when it was asked for last. */
  readonly #indexes = new Map<InterfaceName, number>();
  /** Lines of stderr that were no failure of a command. */
  readonly #warnings = new Set<string>();
  readonly #noise: Set<string>;
  /** Warnings from before its first answer. */
  readonly #early: string[] = [];
  /** What it wrote first. */
  #firstLine: string | undefined;
  /** What it did that a good `ip` does not, before it ever answered. */
  #oddity: string | undefined;
  #exitCode: number | undefined;
  #suspectTimer: ReturnType<typeof setTimeout> | undefined;
  /** Why it is spent. */
  #why = ENDED;
  #line = 0;
  #waiting: Waiting | undefined;
  #complaints: string[] = [];
  /** Lines of stderr since the last failure or the last exchange. */
  #complained = 0;
  readonly #onHang: (hang: Hang) => void;
  readonly #deadline = new Deadline(() => this.#onDeadline());

  constructor({ family, noise, onHang, onWarning }: SessionOptions = {}) {
    this.#onHang = onHang ?? (() => {});
    this.#onWarning = onWarning ?? (() => {});
    this.#noise = noise ?? new Set();
    this.#child = this.#start(family === "bridge" ? ["-family", "bridge"] : []);
    // One that could not be started has no streams, whatever its type says.
    const { stderr, stdin, stdout } = this.#child ?? {};
    if (!stderr || !stdin || !stdout) return;
    stdin.on("error", () => this.#suspect("ip closed its input"));
    onLines(stdout, {
      limit: LONGEST_DOCUMENT,
      onLine: (line) => this.#onDocument(line),
      onOverflow: () => this.#lose("ip wrote a line without end"),
    });
    onLines(stderr, {
      limit: LONGEST_COMPLAINT,
      onLine: (line) => this.#onComplaint(line),
      onOverflow: () => this.#lose("ip complained without end"),
    });
    stdout.on("data", () => this.#putOff());
  }

  /** Not by Deno.Command: its web streams cost 40 µs more for every exchange. */
  #start(option: readonly string[]): ChildProcess | undefined {
    try {
      const child = spawn("ip", [...option, ...IP_ARGUMENTS], { env: { LC_ALL: "C" } });
      child.on("exit", (code) => this.#onExit(code));
      // What it wrote has been read by then.
      child.on("close", () => this.#end(ENDED));
      child.on("spawn", noteStarted);
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
    const doubtful = new Set(
      commands.flatMap((command) => {
        const device = indexLikeName(command);
        return device === undefined || this.#indexes.has(device) ? [] : [device];
      }),
    );
    return doubtful.size === 0
      ? this.#send(commands, deadlineMs)
      : this.#sendKnown(commands, doubtful, deadlineMs);
  }

  /**
   * `ip` keeps the index of a name that it has found: so such a name is handed over only
   * once this very `ip` has answered about a device that has it. If that goes away, `ip`
   * ends or the kernel knows no such index: no route goes through another device.
   */
  async #sendKnown(
    commands: readonly Command[],
    doubtful: ReadonlySet<InterfaceName>,
    deadlineMs: number,
  ): Promise<Exchange> {
    const listed = await this.#send([{ kind: "link-names" }], deadlineMs);
    if (listed.kind === "lost") return listed;
    const names = answerOf(listed.results[0], "link-names")?.names;
    if (names === undefined) return { kind: "lost", why: "ip listed no devices" };
    const there = [...doubtful].filter((device) => names.has(device));
    if (there.length > 0) {
      const met = await this.#send(
        there.map((device) => ({ kind: "link", device })),
        deadlineMs,
      );
      if (met.kind === "lost") return met;
    }
    const isKnown = (command: Command): boolean => {
      const device = indexLikeName(command);
      return device === undefined || this.#indexes.has(device);
    };
    const sent = await this.#send(commands.filter(isKnown), deadlineMs);
    if (sent.kind === "lost") return sent;
    const results = sent.results.values();
    return {
      kind: "answered",
      results: commands.map((command): CommandResult => {
        const result = isKnown(command) ? results.next().value : undefined;
        return result ?? { ok: false, failure: noDevice(command) };
      }),
    };
  }

  #send(commands: readonly Command[], deadlineMs: number): Promise<Exchange> {
    if (this.spent) return Promise.resolve({ kind: "lost", why: this.#why });
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    const firstLine = this.#line + 1;
    this.#line += commands.length + 1;
    const mark = `end-of-exchange-${this.#line}`;
    this.#deadline.set(deadlineMs);
    const startedMs = performance.now();
    this.#waiting = {
      deadlineMs,
      startedMs,
      endMs: startedMs + LONGEST * deadlineMs,
      commands,
      firstLine,
      mark,
      failures: new Map(),
      lastFailed: -1,
      documents: [],
      reads: commands.filter(isRead).length,
      marked: false,
      noise: [],
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

  #onDeadline(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const { commands, deadlineMs, startedMs } = waiting;
    this.#lose(`ip did not answer within ${deadlineMs} ms`);
    const durationMs = performance.now() - startedMs;
    this.#onHang({ commands: commands.map(words), durationMs });
  }

  /** @param code undefined or null if a signal ended it */
  #onExit(code: number | null): void {
    this.#exitCode = code ?? undefined;
    if (this.hasAnswered || this.spent || code === null) return this.#end(ENDED);
    // Its last words may still be in the pipes, and a process of its own may hold them.
    this.#suspectTimer ??= setTimeout(() => this.#end(ENDED), LAST_WORDS_MS);
  }

  /**
   * What a good `ip` does not do. From one that has never answered it tells little: the
   * next moments tell whether it ends, and what it has to say for itself.
   */
  #suspect(why: string): void {
    if (this.hasAnswered || this.spent) return this.#lose(why);
    if (this.#oddity !== undefined) return;
    this.#oddity = why;
    this.#suspectTimer ??= setTimeout(() => this.#lose(why), LAST_WORDS_MS);
  }

  #end(why: string): void {
    this.#lose(why);
    clearTimeout(this.#suspectTimer);
    this.#deadline.close();
    this.#ended.resolve();
  }

  #lose(reason: string): void {
    const waiting = this.#waiting;
    const why = this.#explain(reason);
    if (!this.spent) {
      this.spent = true;
      this.#why = why;
      this.#child?.kill("SIGKILL");
    }
    clearTimeout(this.#suspectTimer);
    waiting?.settle({ kind: "lost", why });
  }

  /** Of an `ip` that never answered: what it is, as far as it told. */
  #explain(why: string): string {
    if (this.hasAnswered || this.spent) return why;
    if (why !== ENDED && why !== this.#oddity) return why;
    const code = this.#exitCode;
    if (code !== undefined) {
      return describeForeignIp({ kind: "ended", code }, this.#firstLine, anyAnswered);
    }
    return why === this.#oddity
      ? describeForeignIp({ kind: "odd", why }, this.#firstLine, anyAnswered)
      : why;
  }

  #putOff(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const leftMs = Math.max(0, waiting.endMs - performance.now());
    const patienceMs = waiting.marked ? AFTER_MARK_MS : Infinity;
    this.#deadline.set(Math.min(waiting.deadlineMs, patienceMs, leftMs));
  }

  #onDocument(line: string): void {
    // What one that was given up has left in the pipe is nobody's.
    if (this.spent && this.#waiting === undefined) return;
    if (this.#isOdd(line)) return;
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#suspect("ip spoke without being asked");
    waiting.documents.push(line);
    if (waiting.documents.length > waiting.reads) {
      return this.#suspect("ip answered more than it was asked");
    }
    this.#settleIfComplete(waiting);
  }

  /** Takes the first line of each `ip`; true once no line counts any more. */
  #isOdd(line: string): boolean {
    if (!this.hasAnswered && line.trim() !== "") this.#firstLine ??= line.trim();
    return this.#oddity !== undefined;
  }

  #onComplaint(line: string): void {
    if (this.spent && this.#waiting === undefined) return;
    if (this.#isOdd(line)) return;
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (failed !== null) return this.#onFailure(Number(failed[1]));
    if (line.includes("Command failed")) {
      return this.#suspect("ip complained illegibly");
    }
    this.#complained += 1;
    if (this.#complained > MOST_COMPLAINTS) {
      return this.#lose("ip complained without end");
    }
    if (line.trim() === "") return;
    this.#complaints.push(line);
    if (this.#complaints.length <= KEPT_COMPLAINTS) return;
    const [stray] = this.#warn(this.#complaints.splice(0, 1));
    if (stray !== undefined) this.#lose(stray);
  }

  /** The lines before this one tell why the line with that number failed. */
  #onFailure(line: number): void {
    const complaints = this.#complaints;
    this.#complaints = [];
    this.#complained = 0;
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#lose("ip complained without being asked");
    const index = line - waiting.firstLine;
    const ended = complaints.at(-1) ?? "";
    if (index === waiting.commands.length && isMark(ended, waiting.mark)) {
      if (waiting.marked) return this.#lose("ip ended an exchange twice");
      const strays = this.#warn(complaints.slice(0, -1));
      const onlyReads = waiting.reads === waiting.commands.length;
      const stray = strays.find((line) => !onlyReads || !mayBeNoise(line));
      if (stray !== undefined) return this.#lose(stray);
      waiting.noise = strays;
      waiting.marked = true;
      return this.#settleIfComplete(waiting);
    }
    const isNext = index > waiting.lastFailed && index < waiting.commands.length;
    if (waiting.marked || !isNext) {
      return this.#lose("ip complained about a line that was not sent");
    }
    const { stray, warnings, words } = readComplaint(
      complaints,
      (known) => this.#warnings.has(known),
    );
    this.#warn(warnings);
    if (stray !== undefined && !this.#noise.has(stray)) return this.#lose(stray);
    waiting.failures.set(index, classify(words));
    waiting.lastFailed = index;
  }

  /**
   * Takes lines that belong to no failed command.
   *
   * @returns those that are no mere warnings, e.g. of a dump that was interrupted
   */
  #warn(lines: readonly string[]): readonly string[] {
    const isStray = (line: string) => isReason(line) && !this.#noise.has(line);
    for (const line of lines) {
      if (isStray(line)) continue;
      if (this.#warnings.size < KEPT_COMPLAINTS) this.#warnings.add(line);
      // A program that is no `ip` of iproute2 may print pages of usage.
      if (this.hasAnswered) this.#onWarning(line);
      else if (this.#early.length < KEPT_COMPLAINTS) this.#early.push(line);
    }
    return lines.filter(isStray);
  }

  #settleIfComplete(waiting: Waiting): void {
    if (!waiting.marked) return;
    const answers = waiting.reads - this.#failedReads(waiting);
    // `ip` has flushed them before it complained about the mark.
    if (waiting.documents.length < answers) return this.#putOff();
    if (waiting.documents.length > answers) {
      return this.#lose("ip answered more than it was asked");
    }
    const documents = waiting.documents.values();
    const results: CommandResult[] = [];
    for (const [index, command] of waiting.commands.entries()) {
      const failure = waiting.failures.get(index);
      if (failure !== undefined) {
        results.push({ ok: false, failure });
        continue;
      }
      const answer = isRead(command)
        ? this.#read(command, documents.next().value ?? "")
        : DONE;
      if (answer === undefined) return;
      results.push({ ok: true, answer });
    }
    for (const line of waiting.noise) {
      if (this.#noise.size < KEPT_COMPLAINTS) this.#noise.add(line);
      this.#onWarning(line);
    }
    this.#wear(waiting.commands, results);
    this.hasAnswered = anyAnswered = true;
    for (const line of this.#early.splice(0)) this.#onWarning(line);
    waiting.settle({ kind: "answered", results });
  }

  #failedReads({ commands, failures }: Waiting): number {
    let failed = 0;
    for (const index of failures.keys()) {
      const command = commands[index];
      if (command !== undefined && isRead(command)) failed += 1;
    }
    return failed;
  }

  /** Undefined if it cannot be believed: then the exchange is lost already. */
  #read(command: Read, document: string): Answer | undefined {
    const read = decode(command, document);
    if (read.kind === "unreadable") {
      this.#suspect(read.why);
      return undefined;
    }
    for (const entry of read.odd) {
      this.#onWarning(`an entry that cannot be read: ${JSON.stringify(entry)}`);
    }
    const { answer } = read;
    if (command.kind !== "link" || answer.kind !== "link") return answer;
    if (
      answer.link.kind === "present" && this.#isStale(command.device, answer.ifindex)
    ) {
      this.#lose("a device has a new index");
      return undefined;
    }
    return answer;
  }

  /**
   * `ip` looks a name up once, by whatever command, and keeps the index. When the kernel
   * answers with the device that has the name now, `ip` filters it out: `[{}]`. Where a
   * route has shown it the new device before, it goes by both from then on.
   */
  #isStale(device: InterfaceName, ifindex: number): boolean {
    const before = this.#indexes.get(device) ?? ifindex;
    this.#indexes.set(device, ifindex);
    return ifindex !== before;
  }

  #wear(commands: readonly Command[], results: readonly CommandResult[]): void {
    commands.forEach((command, index) => {
      const ok = results[index]?.ok === true;
      if (ok && !isRead(command)) this.mutations += 1;
      // A dump that fails leaves "[" behind, which would open the next document.
      if (!ok && isDump(command)) this.spent = true;
    });
  }
}

const DONE: Answer = { kind: "done" };

function isMark(line: string, mark: string): boolean {
  return line.startsWith("Object ") && line.includes(`"${mark}"`);
}

/** What `ip` says of a name that it cannot take for an index either. */
function noDevice(command: Command): Failure {
  return classify(`Cannot find device "${indexLikeName(command) ?? ""}"`);
}
