/** grpcurl and grpc-health-probe beside the sidecar, in its namespace. */
import { type CollectedLines, collectLines } from "../support/lines.ts";
import type { Finished, Namespace } from "../support/namespace.ts";
import { goTool } from "../support/tools.ts";
import { until } from "../support/wait.ts";

/** What the seed and the README call it. */
const ADDRESS = "localhost:50051";

/** Runs grpcurl to its end: its options, then what comes behind the address. */
export async function grpcurl(
  namespace: Namespace,
  words: readonly string[],
  options: readonly string[] = [],
): Promise<Finished> {
  const program = await goTool("grpcurl");
  return await namespace.run([program, "-plaintext", ...options, ADDRESS, ...words]);
}

/** What grpcurl wrote on stdout. @throws {Error} if it failed. */
export async function grpcurlOutput(
  namespace: Namespace,
  words: readonly string[],
  options: readonly string[] = [],
): Promise<string> {
  const { code, stdout, stderr } = await grpcurl(namespace, words, options);
  if (code !== 0) throw new Error(`grpcurl ${words.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** The first message of a stream, in the words of grpcurl; the stream is then left. */
export async function grpcurlFirst(
  namespace: Namespace,
  words: readonly string[],
  options: readonly string[] = [],
): Promise<string> {
  const child = namespace.command(
    [await goTool("grpcurl"), "-plaintext", ...options, ADDRESS, ...words],
    { stdin: "null", stdout: "piped", stderr: "piped" },
  ).spawn();
  const [out, err] = [collectLines(child.stdout), collectLines(child.stderr)];
  // It is over where its bracket closes at the margin, or with grpcurl itself.
  const isOver = (): boolean => out.lines.includes("}") || err.lines.length > 0;
  try {
    await until(isOver, { what: `the first message of ${words.join(" ")}` });
  } finally {
    child.kill("SIGKILL");
    await Promise.all([child.status, out.ended, err.ended]);
  }
  if (err.lines.length > 0) throw new Error(err.lines.join("\n"));
  return out.lines.slice(0, out.lines.indexOf("}") + 1).join("\n");
}

/** Runs grpc-health-probe to its end; exit code 4 is NOT_SERVING. */
export async function healthProbe(
  namespace: Namespace,
  words: readonly string[] = [],
): Promise<Finished> {
  const program = await goTool("grpc-health-probe");
  const patient = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];
  return await namespace.run([program, "-addr", ADDRESS, ...patient, ...words]);
}

/** grpcurl's call of `grpc.health.v1.Health/Watch`; killed when disposed. */
export interface HealthWatch extends AsyncDisposable {
  /** The statuses until now. */
  statuses(): readonly string[];
  /** Waits until there are so many of them. */
  count(number: number): Promise<readonly string[]>;
  /** What grpcurl writes to stderr at the end; resolves at its end. */
  readonly end: Promise<string>;
}

/** Watches the server's health; resolves with the first status. */
export async function watchHealth(namespace: Namespace): Promise<HealthWatch> {
  const program = await goTool("grpcurl");
  const child = namespace.command(
    [program, "-plaintext", ADDRESS, "grpc.health.v1.Health/Watch"],
    { stdin: "null", stdout: "piped", stderr: "piped" },
  ).spawn();
  const watch = watchChild(
    child,
    collectLines(child.stdout),
    collectLines(child.stderr),
  );
  await watch.count(1);
  return watch;
}

function watchChild(
  child: Deno.ChildProcess,
  out: CollectedLines,
  err: CollectedLines,
): HealthWatch {
  const statuses = (): readonly string[] =>
    out.lines.flatMap((line) => /"status": "(\w+)"/.exec(line)?.[1] ?? []);
  let over = false;
  const end = (async () => {
    await Promise.all([child.status, out.ended, err.ended]);
    over = true;
    return err.lines.join("\n");
  })();
  return {
    statuses,
    count: (number) =>
      until(() => statuses().length >= number && statuses(), {
        what: () => `${number} statuses: ${[...out.lines, ...err.lines].join("\n")}`,
      }),
    end,
    [Symbol.asyncDispose]: async () => {
      if (!over) child.kill("SIGKILL");
      await end;
    },
  };
}
