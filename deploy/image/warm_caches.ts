/**
 * Runs the sidecar, and the commands that operators use most, until Deno has kept the
 * compiled code of every module that they load. Deno keeps it while a process runs, and
 * loses the rest when the process ends, so one run is not enough. The program is done when
 * a run compiles nothing that was not in the cache before: a complete cache is the same in
 * each build.
 *
 * Run in the image's build only, with another DENO_DIR:
 * `deno run -A warm_caches.ts FOLDER`.
 */
import { DatabaseSync } from "node:sqlite";
import { objectAt, parseJsonObject, stringAt } from "../json.ts";

/** Rounds within which it must be done; three are usual, more on a busy machine. */
const ROUNDS = 30;

const [folder = ""] = Deno.args;
if (folder === "") throw new Error("Name the folder, e.g. /deno-dir");
const env = { DENO_DIR: folder };

/** Commands, and the exit codes of those that were answered. */
const CLIENTS = [
  ["health", [0]],
  ["status", [0]],
  ["routes", [0]],
  ["doctor", [0, 1, 3]],
] as const satisfies readonly (readonly [string, readonly number[]])[];

/** The words of a task behind `deno`, with another port, and telling of each module. */
function wordsOf(task: string, address: string): string[] {
  const tasks = objectAt(parseJsonObject(Deno.readTextFileSync("deno.json")), "tasks");
  const command = stringAt(objectAt(tasks, task), "command");
  const words = command.replaceAll("127.0.0.1:50051", address).split(" ");
  return [
    "run",
    "--log-level=debug",
    ...words.slice(words.indexOf("run") + 1).filter((word) => word !== "--quiet"),
    ...["--grpc-addr", address],
  ];
}

function start(words: string[]): Deno.ChildProcess {
  const args = {
    args: words,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  } as const;
  return new Deno.Command(Deno.execPath(), args).spawn();
}

/** All that it writes until it ends; `onMore` is called with what there is so far. */
async function textOf(
  stream: ReadableStream<Uint8Array>,
  onMore: (text: string) => void = () => {},
): Promise<string> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    onMore(text += piece);
  }
  return text;
}

/** How the log calls what the cache has a number for. */
const KINDS: ReadonlyMap<string, number> = new Map([["script", 0], ["ES module", 1]]);

/** The modules that Deno had to compile, by their kind and name. */
function compiledIn(log: string): readonly string[] {
  const lines = log.matchAll(/Updating V8 code cache for ([\w ]+): (\S+), \[/g);
  return [...lines].map(([line, kind = "", name]) => {
    const type = KINDS.get(kind);
    if (type === undefined) throw new Error(`Cannot read what Deno logs: ${line}`);
    return `${type} ${name}`;
  });
}

/** The modules in the cache, by their kind and name. */
function kept(): ReadonlySet<string> {
  const path = `${folder}/v8_code_cache_v2`;
  // Before the first round there is none.
  if (![...Deno.readDirSync(folder)].some(({ name }) => path.endsWith(name))) {
    return new Set();
  }
  using cache = new DatabaseSync(path, { readOnly: true });
  const rows = cache.prepare("SELECT type, specifier FROM codecache").all();
  return new Set(rows.map(({ type, specifier }) => `${type} ${specifier}`));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** What each process of a round has compiled. */
type Compiled = readonly (readonly string[])[];

/** Starts the sidecar, which changes nothing, and runs each command against it. */
async function round(): Promise<Compiled> {
  const address = `127.0.0.1:${freePort()}`;
  // Whatever fails, it ends: the build would wait for it.
  await using sidecar = start([...wordsOf("serve", address), "--dry-run"]);
  const serving = Promise.withResolvers<void>();
  let output = "";
  const log = textOf(sidecar.stderr, (text) => {
    output = text;
    if (text.includes("Starting gRPC server on ")) serving.resolve();
  });
  await Promise.race([serving.promise, sidecar.status]);
  const compiled: (readonly string[])[] = [];
  for (const [task, answered] of CLIENTS) {
    const client = start(wordsOf(task, address));
    const asked = await textOf(client.stderr);
    const { code } = await client.status;
    if (!answered.some((each) => each === code)) {
      throw new Error(`The sidecar does not answer ${task}: ${asked}\n${output}`);
    }
    compiled.push(compiledIn(asked));
  }
  sidecar.kill("SIGTERM");
  return [compiledIn(await log), ...compiled];
}

async function describe(compiled: Compiled): Promise<void> {
  const commands = ["serve", ...CLIENTS.map(([task]) => task)].join(", ");
  const counts = compiled.map((modules) => modules.length).join(", ");
  const line = `Modules compiled by ${commands}: ${counts}\n`;
  await Deno.stderr.write(new TextEncoder().encode(line));
}

for (let rounds = 0; rounds < ROUNDS; rounds += 1) {
  const before = kept();
  const compiled = await round();
  await describe(compiled);
  // Some are compiled each time: Deno does not take what it has kept of them.
  if (compiled.flat().every((module) => before.has(module))) Deno.exit();
}
throw new Error(
  `After ${ROUNDS} rounds Deno still compiles modules that it has not kept`,
);
