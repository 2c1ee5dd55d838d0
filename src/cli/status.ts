import { status as grpcStatus } from "@grpc/grpc-js";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import { ok, type Result } from "../shared/result.ts";
import { writeAll, writeLine } from "../observability/buffered_line_writer.ts";
import {
  type CallFault,
  createClient,
  createSidecarReader,
  createUnaryCall,
  describeUnanswered,
  reasonOf,
} from "./grpc_client.ts";
import { escapeInvisible } from "../shared/quote.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../transport/listen_address.ts";
import { describeGrant, isGranted } from "../transport/listen_error.ts";
import { readTargetAddress, TARGET_HELP } from "./connection_flags.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { parseFlags } from "./flags.ts";
import { required } from "./required.ts";
import {
  type DataPathReport,
  formatStatus,
  type NodeStatus,
  statusJson,
} from "./status_report.ts";

/** The text of `status --help`. */
export const STATUS_HELP = `Usage: status [options]

Shows what is wrong with the data path, with the commands that end it; then the node's
network, the number of its allocated addresses, and each desired route: whether the
kernel has it, since when, why not, and the findings about it. A route is unconfirmed if
the mesh agent has not requested it since its last start. Exits with 0 whatever it shows,
with 1 and a sentence if the sidecar does not answer within 3 seconds, with 2 if the
options are wrong.

${TARGET_HELP}
  --json                    print one JSON document; README.md explains its fields
  --help                    this text`;

const FLAGS = {
  "grpc-addr": { type: "string" },
  "json": { type: "boolean" },
  "help": { type: "boolean" },
} as const;

const DEADLINE_MS = 3_000;

/**
 * Runs the command `status`.
 *
 * @param args the arguments behind `status`
 * @returns 0 if the whole report was written, even with pending routes; 1 if not; 2 for
 * wrong options
 */
export async function status(args: readonly string[]): Promise<number> {
  const flags = parseFlags("status", FLAGS, args);
  if (!flags.ok) return await fail(EXIT_USAGE, flags.fault);
  if (flags.value.has("help")) {
    await writeLine(Deno.stdout, STATUS_HELP);
    return EXIT_OK;
  }
  const address = readTargetAddress(flags.value.get("grpc-addr"));
  if (!address.ok) return await fail(EXIT_USAGE, address.fault);
  const authority = formatListenAddress(address.value);
  if (!isGranted(address.value)) {
    const defaultIsGranted = isGranted(DEFAULT_LISTEN_ADDRESS);
    const reason = describeGrant(address.value, defaultIsGranted, "status");
    return await fail(EXIT_USAGE, `Cannot ask ${authority}: ${reason}`);
  }
  const report = await fetchStatus(authority);
  if (!report.ok) {
    const sentence = describeUnanswered(authority, report.fault, DEADLINE_MS);
    const remedy = "see whether it runs there, and what its log says";
    return await fail(EXIT_FAILURE, `${sentence}; ${remedy}`);
  }
  const format = flags.value.has("json") ? statusJson : formatStatus;
  const written = await writeAll(Deno.stdout, `${format(report.value)}\n`);
  return written ? EXIT_OK : EXIT_FAILURE;
}

async function fail(code: number, message: string): Promise<number> {
  // The message may contain text of an unknown server.
  await writeLine(Deno.stderr, escapeInvisible(message));
  return code;
}

async function fetchStatus(authority: string): Promise<Result<NodeStatus, CallFault>> {
  const client = createClient(authority);
  const reader = createSidecarReader(createUnaryCall(client, DEADLINE_MS));
  const [network, addresses, routes, findings] = await Promise.all([
    reader.getNodeNetwork(),
    reader.listAddresses(),
    reader.listRoutes(),
    reader.listFindings(),
  ]);
  client.close();
  if (!network.ok) return network;
  if (!addresses.ok) return addresses;
  if (!routes.ok) return routes;
  const { addresses: allocated, free } = addresses.value;
  return ok({
    network: required(network.value.node_network, "node_network"),
    refusal: network.value.refusal,
    allocated: allocated.length,
    free,
    routes: routes.value.routes,
    dataPath: toDataPath(findings),
  });
}

/** Without the findings, what else there is to show is worth showing. */
function toDataPath(answer: Result<ListFindingsResponse, CallFault>): DataPathReport {
  if (answer.ok) return { kind: "told", diagnosis: answer.value };
  const { fault } = answer;
  return {
    kind: "not-told",
    why: fault.code === grpcStatus.UNIMPLEMENTED ? "" : reasonOf(fault, DEADLINE_MS),
  };
}
