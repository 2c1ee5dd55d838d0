/** A sidecar whose outputs a test reads at once, slowly, or not at all. */
import assert from "node:assert/strict";
import { type QuiltClient, startClient } from "../support/client.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { killIfAlive } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { furnishDataPath, makeQuietNamespace } from "./host.ts";

/** How a reader reads. */
export type Pace = "at once" | "slowly" | "never";

/** Bytes that a slow reader takes, and the milliseconds that it waits then. */
const SLOW = { bytes: 500, waitMs: 25 };

/** Reads a pipe, and changes its pace on each command. */
export class PipeReader {
  /** Resolves when the pipe has ended, or the reader has gone. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;
  readonly #texts: string[] = [];
  #pace: Pace = "at once";
  #changed = Promise.withResolvers<void>();

  readonly #name: string;

  /** @param name of the pipe, as /proc shows it: `pipe:[4711]` */
  constructor(pipe: ReadableStream<Uint8Array>, name: string) {
    this.#name = name;
    this.#reader = pipe.getReader({ mode: "byob" });
    this.ended = this.#read();
  }

  /** What it has read until now. */
  get text(): string {
    return this.#texts.join("");
  }

  read(pace: Pace): void {
    this.#pace = pace;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Closes the pipe: from now on its writer fails. */
  async leave(): Promise<void> {
    assert.ok(openFiles().includes(this.#name));
    await this.#reader.cancel();
    this.read("at once");
    // A read that has begun keeps it open for a moment, and would take one more line.
    await until(() => !openFiles().includes(this.#name), { what: "the pipe to close" });
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      while (this.#pace === "never") await this.#changed.promise;
      const isSlow = this.#pace === "slowly";
      const piece = new Uint8Array(isSlow ? SLOW.bytes : 65_536);
      const { done, value } = await this.#reader.read(piece);
      if (done) return;
      this.#texts.push(decoder.decode(value, { stream: true }));
      if (isSlow) await new Promise((resolve) => setTimeout(resolve, SLOW.waitMs));
    }
  }
}

/** What this process has open, as /proc shows it. */
function openFiles(): readonly string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
    } catch {
      // That of the folder itself is closed by now.
      return [];
    }
  });
}

/** How {@linkcode openReadHost} sets a host up. */
export interface ReadHostOptions {
  /** Variables for Deno itself. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
  /** A command in front of the command line, which executes it. @default {[]} */
  readonly launcher?: readonly string[];
  /** The log until now, if it is not on standard error. */
  readonly log?: () => string;
  /** Starts something in the namespace before the sidecar, and ends it afterwards. */
  readonly before?: (namespace: Namespace) => Promise<AsyncDisposable>;
}

/** A host with a sidecar under the flags of its task, and a client. */
export interface ReadHost extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly client: QuiltClient;
  readonly stdout: PipeReader;
  readonly stderr: PipeReader;
  /** Sends SIGTERM and waits for the end; SIGKILL after 20 s. Returns the exit code. */
  stop(): Promise<number>;
}

/** Options of `serve`: room for many routes, and a log that a program can read. */
const OPTIONS = ["--cluster-cidr", "10.0.0.0/8", "--log-format", "json"];

/**
 * Sets a host up in which nothing is to be found about the data path, because a finding
 * is a line of the log that comes at any time. Disposing ends all of it.
 */
export async function openReadHost(options: ReadHostOptions): Promise<ReadHost> {
  const { before, env = {}, launcher = [] } = options;
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await makeQuietNamespace());
  await addVxlan(namespace);
  await furnishDataPath(namespace, 1);
  if (before !== undefined) stack.use(await before(namespace));
  const child = namespace.command([...launcher, ...serveCommand(OPTIONS)], {
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const outputOf = (fd: 1 | 2): string =>
    Deno.readLinkSync(`/proc/${child.pid}/fd/${fd}`);
  const stdout = new PipeReader(child.stdout, outputOf(1));
  const stderr = new PipeReader(child.stderr, outputOf(2));
  stack.defer(async () => {
    killIfAlive(child, "SIGKILL");
    for (const reader of [stdout, stderr]) reader.read("at once");
    await Promise.all([child.status, stdout.ended, stderr.ended]);
  });
  const { log = () => stderr.text } = options;
  await until(() => log().includes("Starting gRPC server on "), {
    what: () => `the sidecar to listen; its log:\n${log()}`,
  });
  const client = stack.use(await startClient(namespace).connect());
  const kept = stack.move();
  return {
    namespace,
    client,
    stdout,
    stderr,
    stop: async () => {
      const timer = setTimeout(() => killIfAlive(child, "SIGKILL"), 20_000);
      killIfAlive(child, "SIGTERM");
      const { code } = await child.status;
      clearTimeout(timer);
      return code;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
