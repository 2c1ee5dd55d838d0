import { err, ok, type Result } from "../shared/result.ts";
import { writeLine } from "../observability/buffered_line_writer.ts";
import { probeHealth, type ProbeResult, type ProbeTarget } from "./health_probe.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../transport/listen_address.ts";
import { describeGrant, isGranted } from "../transport/listen_error.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { readTargetAddress, readTlsFlags, TARGET_HELP } from "./connection_flags.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit.ts";
import { type ParsedFlags, parseFlags } from "./flags.ts";

/** The text of `health --help`. */
export const HEALTH_HELP = `Usage: health [options]

Requests the sidecar's health by GET /healthz. Exits within a second, with 0 if it
serves, with 1 and a sentence if not.

${TARGET_HELP}
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

type Flags = ParsedFlags<keyof typeof FLAGS>;

/** Milliseconds after the start of the process; the README promises 1000. */
const DEADLINE_MS = 700;
/** The shortest deadline, because on a busy node the start alone may take 700 ms. */
const MIN_DEADLINE_MS = 300;

/**
 * Runs the command `health`.
 *
 * @param args the arguments behind `health`
 * @returns 0 if the sidecar serves, otherwise 1. Wrong options return 1 as well, because 2
 * is reserved for the health check of a container.
 */
export async function health(args: readonly string[]): Promise<number> {
  const flags = parseFlags("health", FLAGS, args);
  if (!flags.ok) return await fail(flags.fault);
  if (flags.value.has("help")) {
    await writeLine(Deno.stdout, HEALTH_HELP);
    return EXIT_OK;
  }
  const target = await readTarget(flags.value);
  if (!target.ok) return await fail(target.fault);
  const deadlineMs = Math.max(MIN_DEADLINE_MS, DEADLINE_MS - performance.now());
  const result = await probeHealth(target.value, deadlineMs);
  if (result.kind === "status" && result.status === "SERVING") return EXIT_OK;
  return await fail(describe(result, formatListenAddress(target.value)));
}

async function readTarget(flags: Flags): Promise<Result<ProbeTarget, string>> {
  const target = readTargetAddress(flags.get("grpc-addr"));
  if (!target.ok) return target;
  const address = target.value;
  if (!isGranted(address)) {
    const reason = describeGrant(address, isGranted(DEFAULT_LISTEN_ADDRESS), "health");
    return err(`Cannot ask ${formatListenAddress(address)}: ${reason}`);
  }
  const files = readTlsFlags((name) => flags.get(name));
  if (!files.ok) return files;
  if (files.value === undefined) return ok(address);
  if (address.kind === "unix") {
    return err("TLS is for a port; a Unix socket is asked without --tls-cert");
  }
  // Loaded only if needed, because it takes as long to load as the whole probe.
  const { readTlsFiles } = await import("../transport/tls/files.ts");
  const tls = await readTlsFiles(files.value);
  return tls.ok ? ok({ ...address, tls: tls.value }) : tls;
}

async function fail(message: string): Promise<number> {
  // Deno's message about a TLS fault quotes the certificate of an unknown server.
  await writeLine(Deno.stderr, escapeInvisible(message));
  return EXIT_FAILURE;
}

function describe(result: ProbeResult, authority: string): string {
  return result.kind === "status"
    ? `The sidecar on ${authority} answers ${result.status}; see its log for the reason`
    : `The sidecar on ${authority} does not answer: ${result.reason}`;
}
