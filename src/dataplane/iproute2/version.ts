/** Which program `ip` is: asked by `ip -V`, which needs no permission. */
import { ipCommand } from "./ip_command.ts";
import { eachLine } from "./lines.ts";
import { describeNeverAnswered, describeStartFault } from "./process_faults.ts";

/** The kind of the `ip` in PATH. */
export type IpProgram =
  | {
    readonly kind: "iproute2";
    /** As it says itself, e.g. `6.1.0`, or `ss200127` of a release before 5.6. */
    readonly version: string;
    /** Older than the oldest version that is tested. */
    readonly isOld: boolean;
  }
  /** There is none, or it cannot be started; `why` is a sentence with the remedy. */
  | { readonly kind: "missing"; readonly why: string }
  /** It is another program; `why` has its output and the remedy. */
  | { readonly kind: "foreign"; readonly why: string };

/** The oldest version of iproute2 that is tested: the one of Debian 11. */
export const OLDEST_IPROUTE2 = "5.10";

/** Milliseconds for an answer that takes 2 ms, on a machine that is very busy. */
const DEADLINE_MS = 5_000;

/** Milliseconds for the last output of one that was killed. */
const LAST_OUTPUT_MS = 100;

/** Characters of the one line that counts. */
const MAX_LINE_LENGTH = 1_024;

/** Starts the `ip` of PATH once and asks for its version. Never rejects. */
export async function identifyIp(deadlineMs = DEADLINE_MS): Promise<IpProgram> {
  let child: Deno.ChildProcess;
  try {
    child = ipCommand(["-V"]).spawn();
  } catch (error) {
    return { kind: "missing", why: describeStartFault(error, "doctor") };
  }
  const lines: string[] = [];
  const reader = {
    limit: MAX_LINE_LENGTH,
    onLine: (line: string) => {
      if (lines.length === 0 && line.trim() !== "") lines.push(line.trim());
    },
    onOverflow: () => {},
  };
  const ended = Promise.all([
    eachLine(child.stdout, reader),
    eachLine(child.stderr, reader),
    child.status,
  ]).then(([, , { code }]) => code);
  const code = await within(deadlineMs, ended);
  if (code !== undefined) return readAnswer(lines[0], code);
  end(child);
  await within(LAST_OUTPUT_MS, ended);
  const why = `ip did not print its version within ${deadlineMs} ms`;
  return {
    kind: "foreign",
    why: describeNeverAnswered({ kind: "violation", why }, lines[0], false),
  };
}

/**
 * Reads what `ip -V` has answered.
 *
 * @param line the first line that it wrote, without space around it; undefined: none
 */
export function readAnswer(line: string | undefined, code: number): IpProgram {
  const [, version] = /^ip utility, iproute2-([^\s,]+)/.exec(line ?? "") ?? [];
  if (version === undefined || code !== 0) {
    return {
      kind: "foreign",
      why: describeNeverAnswered({ kind: "exited", code }, line, false),
    };
  }
  return { kind: "iproute2", version, isOld: isOld(version) };
}

/** Until 5.5 a release was named by its date, `ss200127`. An unknown name is not old. */
function isOld(version: string): boolean {
  if (/^ss\d/.test(version)) return true;
  const [, ...numbers] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const [major, minor] = numbers.map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_IPROUTE2.split(".").map(Number);
  if (major === undefined || minor === undefined) return false;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** Undefined if it takes longer. */
async function within<Value>(
  ms: number,
  promise: Promise<Value>,
): Promise<Value | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  const value = await Promise.race([promise, late]);
  clearTimeout(timer);
  return value;
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // Deno throws a TypeError if it has exited in the meantime.
  }
}
