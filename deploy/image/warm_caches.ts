/**
 * Runs the sidecar, and the commands that ask it most often, until Deno has kept the
 * compiled code of every module that they load. It keeps it while they run, and loses what
 * is left when they end, so that a run or two leave more or less of it: here the next run
 * tells.
 *
 * Run in the image's build only, with another DENO_DIR:
 * `deno run -A warm_caches.ts FOLDER`.
 */
import { objectAt, parseJsonObject, stringAt } from "../json.ts";

/** Rounds within which it must be done; two are usual. */
const ROUNDS = 10;

const [folder] = Deno.args;
if (folder === undefined) throw new Error("Name the folder, e.g. /deno-dir");
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

/** How many modules Deno had to compile. */
function compiledIn(log: string): number {
  return [...log.matchAll(/Updating V8 code cache for /g)].length;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** One life of the sidecar, touching nothing, and a question by each command. */
async function round(): Promise<string> {
  const address = `127.0.0.1:${freePort()}`;
  // Whatever fails, it ends: the build would wait for it.
  await using sidecar = start([...wordsOf("serve", address), "--dry-run"]);
  const serving = Promise.withResolvers<void>();
  let said = "";
  const log = textOf(sidecar.stderr, (text) => {
    said = text;
    if (text.includes("Starting gRPC server on ")) serving.resolve();
  });
  await Promise.race([serving.promise, sidecar.status]);
  const compiled: number[] = [];
  for (const [task, answered] of CLIENTS) {
    const client = start(wordsOf(task, address));
    const asked = await textOf(client.stderr);
    const { code } = await client.status;
    if (!answered.some((each) => each === code)) {
      throw new Error(`The sidecar does not answer ${task}: ${asked}\n${said}`);
    }
    compiled.push(compiledIn(asked));
  }
  sidecar.kill("SIGTERM");
  return [compiledIn(await log), ...compiled].join(", ");
}

let last = await round();
for (let rounds = 1; rounds < ROUNDS; rounds += 1) {
  const next = await round();
  const line = `Modules compiled by ${
    ["serve", ...CLIENTS.map(([task]) => task)].join(", ")
  }: ${next}\n`;
  await Deno.stderr.write(new TextEncoder().encode(line));
  // Some are compiled each time: Deno does not take what it has kept of them.
  if (next === last) Deno.exit();
  last = next;
}
throw new Error(`After ${ROUNDS} rounds Deno still compiles other modules than before`);
