/** The command `bundle`: one archive for a bug report, on standard output. */
import { list, LISTINGS } from "../bundle_node.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { SIDECAR_VERSION } from "../shared/versions.ts";
import { DEADLINE_MS } from "./client_command.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_USAGE } from "./exit.ts";
import { explainFault } from "./explain_fault.ts";
import { connectSidecar } from "./grpc_client.ts";
import { hideOwners, ownersIn } from "./hidden_owners.ts";
import { showText } from "./output.ts";
import { fetchStatus } from "./status.ts";
import {
  formatStatus,
  type NodeStatus,
  statusJson,
  type StatusView,
} from "./status_report.ts";
import { type ArchivedFile, packTar } from "./tar.ts";
import { readTarget, type Target } from "./target.ts";
import { PLAIN } from "./terminal.ts";
import { describeUnread, lineBatches, openText } from "./text_input.ts";

/** The folder that the archive unpacks to. */
const FOLDER = "quilt-sidecar-bundle";

/** Lines of a log that are taken along. */
const LOG_LINES = 2_000;

/** A file of the report. */
interface Part {
  readonly name: string;
  readonly text: string;
  /** Why it is not whole, or not there; undefined if it is whole. */
  readonly fault: string | undefined;
}

/** Runs the command `bundle`. */
export async function bundle({ options }: CommandLine): Promise<CommandEnd> {
  if (Deno.stdout.isTerminal()) {
    return {
      exitCode: EXIT_USAGE,
      sentence: "Standard output is a terminal; write the archive to a file: " +
        "quilt-sidecar bundle > bundle.tar",
    };
  }
  const target = await readTarget("bundle", options);
  if (!target.ok) return { exitCode: EXIT_USAGE, sentence: target.fault };
  const log = await readLog(options.get("log"));
  if (!log.ok) return { exitCode: EXIT_USAGE, sentence: log.fault };
  const [sidecar, ...listings] = await Promise.all([
    tellSidecar(target.value),
    ...LISTINGS.map(async (listing): Promise<Part> => ({
      name: `ip-${listing.name}.txt`,
      ...await list(listing),
    })),
  ]);
  const parts = [...sidecar.parts, ...listings, log.value];
  const kept = listings.flatMap(({ text }) => ownersIn(text));
  return await showText(pack(target.value, parts, [...sidecar.owners, ...kept]));
}

function pack(
  target: Target,
  parts: readonly Part[],
  owners: readonly string[],
): Uint8Array {
  const encoder = new TextEncoder();
  const readme = { name: "README.txt", text: describeBundle(target, parts) };
  const files = [readme, ...parts.map(toFile)].map(({ name, text }): ArchivedFile => ({
    name: `${FOLDER}/${name}`,
    content: encoder.encode(hideOwners(text, owners)),
  }));
  return packTar(files, Date.now() / 1000);
}

function toFile({ fault, name, text }: Part): Pick<Part, "name" | "text"> {
  return { name, text: fault === undefined ? text : `${text}${fault}\n` };
}

function describeBundle({ authority }: Target, parts: readonly Part[]): string {
  const missing = parts.flatMap(({ fault, name }) =>
    fault === undefined ? [] : [`  ${name}: ${fault}`]
  );
  return [
    `Made by quilt-sidecar ${SIDECAR_VERSION} on Deno ${Deno.version.deno} at ` +
    `${new Date().toISOString()}, for the sidecar on ${authority}.`,
    "",
    "It does not contain the owners of addresses. It contains addresses, names of " +
    "devices and MAC addresses: read it before you publish it.",
    "",
    ...missing.length === 0 ? ["Nothing is missing."] : ["Missing:", ...missing],
    "",
  ].join("\n");
}

/** What the sidecar tells, or why it does not. */
async function tellSidecar(target: Target): Promise<{
  readonly parts: readonly Part[];
  readonly owners: readonly string[];
}> {
  using sidecar = connectSidecar(target, DEADLINE_MS);
  const [status, addresses] = await Promise.all([
    fetchStatus(sidecar),
    sidecar.reader.listAddresses(),
  ]);
  const owners = addresses.ok
    ? addresses.value.addresses.map(({ owner }) => owner)
    : [];
  if (status.ok) return { parts: describeSidecar(status.value), owners };
  const fault = await explainFault(target, status.fault, DEADLINE_MS);
  const parts = ["status.txt", "options.txt"].map((name) => ({
    name,
    text: "",
    fault,
  }));
  return { parts, owners };
}

function describeSidecar(status: NodeStatus): readonly Part[] {
  const view: StatusView = {
    isSought: () => true,
    isVerbose: true,
    hasMap: true,
    terminal: PLAIN,
    nowMs: Date.now(),
  };
  const { activity } = status;
  return [
    { name: "status.txt", text: `${formatStatus(status, view)}\n`, fault: undefined },
    { name: "status.json", text: `${statusJson(status, view)}\n`, fault: undefined },
    {
      name: "options.txt",
      text: activity?.options.map((option) => `${option}\n`).join("") ?? "",
      fault: activity === null ? "The sidecar is too old to report them" : undefined,
    },
  ];
}

/** The last lines of the log. */
async function readLog(path: string | undefined): Promise<Result<Part, string>> {
  const name = "log.txt";
  if (path === undefined) {
    return ok({ name, text: "", fault: "No log was given; give one with --log" });
  }
  const opened = await openText(path);
  if (!opened.ok) return opened;
  const last: string[] = [];
  try {
    for await (const lines of lineBatches(opened.value)) {
      last.push(...lines);
      last.splice(0, last.length - LOG_LINES);
    }
  } catch (cause) {
    return err(describeUnread(path, cause));
  }
  return ok({ name, text: last.map((line) => `${line}\n`).join(""), fault: undefined });
}
