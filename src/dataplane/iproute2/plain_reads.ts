/** What `ip` shows of a network namespace, as text for people: for a bug report. */
import { ipCommand } from "./ip_command.ts";
import { describeStartFault } from "./process_faults.ts";

/** One listing. */
export interface Listing {
  /** E.g. `routes`. */
  readonly name: string;
  /** The arguments of `ip`; none of them changes anything. */
  readonly args: readonly string[];
}

/** Everything that carries packets, and what table 142 keeps. */
export const LISTINGS: readonly Listing[] = [
  { name: "version", args: ["-V"] },
  { name: "routes", args: ["-4", "route", "show", "table", "all"] },
  { name: "rules", args: ["-4", "rule", "show"] },
  { name: "links", args: ["-details", "-statistics", "link", "show"] },
  { name: "addresses", args: ["-4", "address", "show"] },
  { name: "neighbours", args: ["-4", "neigh", "show"] },
  { name: "forwarding", args: ["-family", "bridge", "neigh", "show"] },
  { name: "settings", args: ["-4", "netconf", "show"] },
];

/** The result of a listing. */
export interface Listed {
  /** What `ip` wrote, as far as it came. */
  readonly text: string;
  /** Why it is not whole, or not there; undefined if it is whole. */
  readonly fault: string | undefined;
}

/** Bytes of one listing: 65,000 routes in two tables. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Milliseconds for one listing. */
const DEADLINE_MS = 10_000;

/** Runs `ip` once, and returns what it wrote. Never rejects. */
export async function list({ args }: Listing): Promise<Listed> {
  let child: Deno.ChildProcess;
  try {
    child = ipCommand(args).spawn();
  } catch (error) {
    return { text: "", fault: describeStartFault(error, "bundle") };
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill(child);
  }, DEADLINE_MS);
  const [out, complaint, { code }] = await Promise.all([
    collect(child, child.stdout),
    collect(child, child.stderr),
    child.status,
  ]);
  clearTimeout(timer);
  if (isLate) {
    return {
      text: out.text,
      fault: `ip did not finish within ${DEADLINE_MS / 1000} s`,
    };
  }
  if (out.isCut) {
    return { text: out.text, fault: `ip wrote more than ${MOST_BYTES} bytes` };
  }
  const words = complaint.text.trim();
  if (words !== "") return { text: out.text, fault: `ip wrote: ${words}` };
  return { text: out.text, fault: code === 0 ? undefined : `ip ended with ${code}` };
}

/** The text of a stream, and whether it was cut off because there was too much of it. */
interface Collected {
  readonly text: string;
  readonly isCut: boolean;
}

async function collect(
  child: Deno.ChildProcess,
  stream: ReadableStream<Uint8Array>,
): Promise<Collected> {
  const decoder = new TextDecoder();
  let [text, length] = ["", 0];
  for await (const bytes of stream) {
    length += bytes.length;
    if (length > MOST_BYTES) {
      kill(child);
      return { text, isCut: true };
    }
    text += decoder.decode(bytes, { stream: true });
  }
  return { text: text + decoder.decode(), isCut: false };
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // Deno throws a TypeError if it has exited in the meantime.
  }
}
