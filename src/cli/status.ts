import { status as grpcStatus } from "@grpc/grpc-js";
import { type Checked, pass } from "../shared/result.ts";
import { writeLine, writeWhole } from "../observability/line_writer.ts";
import { type CallFault, openConnection, unaryCalls } from "./channel.ts";
import { sidecarReader } from "./sidecar_client.ts";
import { escapeInvisible } from "../shared/visible_text.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../transport/listen_address.ts";
import { describeGrant, isGranted } from "../transport/listen_error.ts";
import { ASKED_ADDRESS_HELP, readAskedAddress } from "./asked_address.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit_codes.ts";
import { collectFlags } from "./given_flags.ts";
import { formatStatus, type NodeStatus, statusJson } from "./status_report.ts";

/** What `status --help` prints. */
export const STATUS_HELP = `Usage: status [options]

Shows the node's network, how many of its addresses are allocated, and each route that
is wanted: whether the kernel has it, since when, and why not. Unconfirmed is one that
nobody has asked for since the mesh agent's last start. Exits with 0 whatever it shows,
with 1 and a sentence if the sidecar does not answer within 3 seconds, with 2 if the
options are wrong.

${ASKED_ADDRESS_HELP}
  --json                    print one JSON document; README.md explains its fields
  --help                    this text`;

const FLAGS = {
  "grpc-addr": { type: "string" },
  "json": { type: "boolean" },
  "help": { type: "boolean" },
} as const;

/** Seconds. */
const ANSWER_WITHIN = 3;

/**
 * Shows an operator what the sidecar knows.
 *
 * @param args the words after `status`
 * @returns 0 if all of it could be shown, pending routes or not; 1 if not; 2 for wrong
 * options
 */
export async function status(args: readonly string[]): Promise<number> {
  const given = collectFlags("status", FLAGS, args);
  if (!given.ok) return await end(EXIT_USAGE, given.fault);
  if (given.value.has("help")) {
    await writeLine(Deno.stdout, STATUS_HELP);
    return EXIT_OK;
  }
  const address = readAskedAddress(given.value.get("grpc-addr"));
  if (!address.ok) return await end(EXIT_USAGE, address.fault);
  const authority = formatListenAddress(address.value);
  if (!isGranted(address.value)) {
    const defaultIsGranted = isGranted(DEFAULT_LISTEN_ADDRESS);
    const why = describeGrant(address.value, defaultIsGranted, "status");
    return await end(EXIT_USAGE, `Cannot ask ${authority}: ${why}`);
  }
  const told = await ask(authority);
  if (!told.ok) {
    return await end(EXIT_FAILURE, describeSilence(authority, told.fault));
  }
  const format = given.value.has("json") ? statusJson : formatStatus;
  const written = await writeWhole(Deno.stdout, `${format(told.value)}\n`);
  return written ? EXIT_OK : EXIT_FAILURE;
}

async function end(code: number, sentence: string): Promise<number> {
  // Whatever listens there may have answered with any text.
  await writeLine(Deno.stderr, escapeInvisible(sentence));
  return code;
}

async function ask(authority: string): Promise<Checked<NodeStatus, CallFault>> {
  const connection = openConnection(authority);
  const reader = sidecarReader(unaryCalls(connection, ANSWER_WITHIN * 1000));
  const [network, addresses, routes] = await Promise.all([
    reader.getNodeNetwork(),
    reader.listAddresses(),
    reader.listRoutes(),
  ]);
  connection.close();
  if (!network.ok) return network;
  if (!addresses.ok) return addresses;
  if (!routes.ok) return routes;
  const { addresses: allocated, free } = addresses.value;
  return pass({
    network: network.value.node_network,
    refusal: network.value.refusal,
    allocated: allocated.length,
    free,
    routes: routes.value.routes,
  });
}

/** What of grpc-js's words for a connection that failed is the system's. */
const SYSTEM_WORDS = /Last error: (?:Error: )?(.*?)(?: \(\S+Z\))?\. Resolution note: /s;

function describeSilence(authority: string, { code, sentence }: CallFault): string {
  const why = code === grpcStatus.DEADLINE_EXCEEDED
    ? `no answer came within ${ANSWER_WITHIN} s`
    : SYSTEM_WORDS.exec(sentence)?.[1] ?? sentence;
  return `The sidecar on ${authority} does not answer: ${why}; see whether it runs ` +
    "there, and what its log says";
}
