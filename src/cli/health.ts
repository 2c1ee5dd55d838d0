import { type Checked, fail, pass } from "../shared/result.ts";
import { writeLine } from "../observability/line_writer.ts";
import { askHealth, type HealthAddress, type HealthAnswer } from "./health_client.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../transport/listen_address.ts";
import { describeGrant, isGranted } from "../transport/listen_error.ts";
import { escapeInvisible } from "../shared/visible_text.ts";
import { readTls } from "./access_flags.ts";
import { ASKED_ADDRESS_HELP, readAskedAddress } from "./asked_address.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit_codes.ts";
import { collectFlags, type GivenFlags } from "./given_flags.ts";

/** What `health --help` prints. */
export const HEALTH_HELP = `Usage: health [options]

Asks the sidecar for its health by GET /healthz. Exits with 0 if it serves, with 1 and a
sentence if not, within a second.

${ASKED_ADDRESS_HELP}
  --tls-cert FILE           ask over TLS and show this certificate, in PEM; see the
                            task health:tls
  --tls-key FILE            its private key
  --tls-ca FILE             the CAs of its certificate
  --help                    this text`;

const FLAGS = {
  "grpc-addr": { type: "string" },
  "tls-ca": { type: "string" },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  "help": { type: "boolean" },
} as const;

type Given = GivenFlags<keyof typeof FLAGS>;

/** Milliseconds after the start; probes are promised an answer in 1000. */
const ANSWER_BY_MS = 700;
/** On a busy node the start alone may take longer: the sidecar has so long all the same. */
const LEAST_MS = 300;

/**
 * Asks the sidecar for its health.
 *
 * @param args the words after `health`
 * @returns 0 if it serves, otherwise 1, for wrong options as well: a container's health
 * check may end with no other code (2 is reserved there)
 */
export async function health(args: readonly string[]): Promise<number> {
  const given = collectFlags("health", FLAGS, args);
  if (!given.ok) return await say(given.fault);
  if (given.value.has("help")) {
    await writeLine(Deno.stdout, HEALTH_HELP);
    return EXIT_OK;
  }
  const address = await readAddress(given.value);
  if (!address.ok) return await say(address.fault);
  const deadlineMs = Math.max(LEAST_MS, ANSWER_BY_MS - performance.now());
  const answer = await askHealth(address.value, deadlineMs);
  if (answer.kind === "status" && answer.status === "SERVING") return EXIT_OK;
  return await say(describe(answer, formatListenAddress(address.value)));
}

async function readAddress(given: Given): Promise<Checked<HealthAddress, string>> {
  const asked = readAskedAddress(given.get("grpc-addr"));
  if (!asked.ok) return asked;
  const address = asked.value;
  if (!isGranted(address)) {
    const why = describeGrant(address, isGranted(DEFAULT_LISTEN_ADDRESS), "health");
    return fail(`Cannot ask ${formatListenAddress(address)}: ${why}`);
  }
  const files = readTls((name) => given.get(name));
  if (!files.ok) return files;
  if (files.value === undefined) return pass(address);
  if (address.kind === "unix") {
    return fail("TLS is for a port; a Unix socket is asked without --tls-cert");
  }
  // Only now: it takes as long to load as all the rest.
  const { readTlsFiles } = await import("../transport/tls/files.ts");
  const tls = await readTlsFiles(files.value);
  return tls.ok ? pass({ ...address, tls: tls.value }) : tls;
}

async function say(sentence: string): Promise<number> {
  // Deno's words for a TLS failure quote the certificate of whatever listens there.
  await writeLine(Deno.stderr, escapeInvisible(sentence));
  return EXIT_FAILURE;
}

function describe(answer: HealthAnswer, authority: string): string {
  return answer.kind === "status"
    ? `The sidecar on ${authority} answers ${answer.status}; its log tells why`
    : `The sidecar on ${authority} does not answer: ${answer.why}`;
}
