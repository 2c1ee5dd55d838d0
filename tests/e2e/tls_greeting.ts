import { collectLines } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";

/** What every HTTP/2 client sends first: the preface and an empty SETTINGS frame. */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/**
 * The server has ended it: by a TLS alert, or by the end of the connection, which may
 * overtake the alert (32 and 104: EPIPE and ECONNRESET). No answer in time is neither.
 */
export const ENDED =
  /SSL alert number \d+|unexpected eof while reading|^(read|write):errno=(32|104)$/m;

/**
 * Connects as an HTTP/2 client over TLS. Returns `answered` if the sidecar sends
 * anything, and otherwise what openssl reports about the end.
 *
 * @param words further options of `openssl s_client`
 */
export async function greet(
  namespace: Namespace,
  words: readonly string[],
): Promise<string> {
  const to = ["-connect", "127.0.0.1:50051", "-alpn", "h2", "-quiet"];
  const child = namespace.command(
    ["timeout", "10", "openssl", "s_client", ...to, ...words],
    { stdin: "piped", stdout: "piped", stderr: "piped" },
  ).spawn();
  const { ended, lines } = collectLines(child.stderr);
  const input = child.stdin.getWriter();
  // It may be refused before it has read any of it.
  const sent = input.write(new TextEncoder().encode(PREFACE)).catch(() => {});
  const received = child.stdout.getReader();
  const { done } = await received.read();
  await received.cancel();
  if (!done) child.kill();
  await Promise.all([child.status, ended, sent]);
  await input.abort();
  return done ? lines.join("\n") : "answered";
}
