import { writeLine } from "../line_sink.ts";
import { askHealth, type HealthAnswer } from "../rpc/health_client.ts";
import { formatListenAddress } from "../rpc/listen_address.ts";
import { ASKED_ADDRESS_HELP, readAskedAddress } from "./asked_address.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit_codes.ts";
import { collectFlags } from "./given_flags.ts";

/** What `health --help` prints. */
export const HEALTH_HELP = `Usage: health [options]

Asks the sidecar for its health (gRPC health checking v1). Exits with 0 if it serves,
with 1 and a sentence if not, within a second.

${ASKED_ADDRESS_HELP}
  --help                    this text`;

const FLAGS = {
  "grpc-addr": { type: "string" },
  "help": { type: "boolean" },
} as const;

/** Milliseconds after the start of the process; probes are promised an answer in 1000. */
const ANSWER_BY_MS = 700;

/**
 * Asks the sidecar for its health.
 *
 * @param args the words after `health`
 * @returns 0 if it serves, otherwise 1, for wrong options as well: a container's health
 * check may end with no other code (2 is reserved there)
 */
export async function health(args: readonly string[]): Promise<number> {
  const given = collectFlags("health", FLAGS, args);
  if (!given.ok) return await fail(given.fault);
  if (given.value.has("help")) {
    await writeLine(Deno.stdout, HEALTH_HELP);
    return EXIT_OK;
  }
  const address = readAskedAddress(given.value.get("grpc-addr"));
  if (!address.ok) return await fail(address.fault);
  const authority = formatListenAddress(address.value);
  const answer = await askHealth(address.value, ANSWER_BY_MS - performance.now());
  if (answer.kind === "status" && answer.status === "SERVING") return EXIT_OK;
  return await fail(describe(answer, authority));
}

async function fail(sentence: string): Promise<number> {
  await writeLine(Deno.stderr, sentence);
  return EXIT_FAILURE;
}

function describe(answer: HealthAnswer, authority: string): string {
  return answer.kind === "status"
    ? `The sidecar on ${authority} answers ${answer.status}; its log tells why`
    : `The sidecar on ${authority} does not answer: ${answer.why}`;
}
