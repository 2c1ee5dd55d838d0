import { diagnoseAlone, identifyIp, type LocalDiagnosis } from "../doctor_node.ts";
import type { Finding } from "../diagnose/finding.ts";
import { writeAll, writeLine } from "../observability/buffered_line_writer.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { refuseDenoVersion } from "../shared/versions.ts";
import {
  type BoundAddress,
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../transport/listen_address.ts";
import { describeGrant, isGranted } from "../transport/listen_error.ts";
import { readTargetAddress, TARGET_HELP } from "./connection_flags.ts";
import {
  type CheckedBy,
  doctorJson,
  type DoctorReport,
  exitCodeOf,
  formatDoctor,
  type GroupedFinding,
  groupOf,
} from "./doctor_report.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { type ShownFinding, toShown } from "./finding_report.ts";
import { type ParsedFlags, parseFlags } from "./flags.ts";
import { peerFindings, type ShownPeer, toShownPeer } from "./peer_findings.ts";
import {
  POLICY_FLAGS,
  POLICY_HELP,
  type PolicyOptions,
  readPolicyOptions,
} from "./policy_flags.ts";
import { type SetupFacts, setupFindings } from "./setup_checks.ts";
import type { SidecarAnswer } from "./sidecar_answer.ts";

/** The text of `doctor --help`. */
export const DOCTOR_HELP = `Usage: doctor [options]

Says what stops traffic and what is wrong with the set-up, the worst first, each finding
with what it means and the commands that end it. The sidecar tells what it found; if none
answers, doctor looks by itself, and changes nothing. Exits with 0 if nothing was found,
with 1 if something stops traffic, with 2 if the options are wrong, with 3 if there are
warnings only.

${TARGET_HELP}
  --probe                   have the sidecar ask each peer through the overlay, which
                            takes some seconds if one is silent
  --json                    print one JSON document; README.md explains its fields
${POLICY_HELP}
                            These three are those of serve. Without a sidecar that
                            answers they are needed; with one, those that are given are
                            compared with its own
  --help                    this text`;

const FLAGS = {
  "grpc-addr": { type: "string" },
  "probe": { type: "boolean" },
  "json": { type: "boolean" },
  ...POLICY_FLAGS,
  "help": { type: "boolean" },
} as const;

type Flags = ParsedFlags<keyof typeof FLAGS>;

/** The command line of `doctor`. */
interface DoctorOptions extends PolicyOptions {
  readonly address: BoundAddress;
  readonly probe: boolean;
  readonly given: SetupFacts["given"];
}

/**
 * Runs the command `doctor`.
 *
 * @param args the arguments behind `doctor`
 * @returns 0, 1 or 3 by what was found; 1 also if the report could not be written; 2 for
 * wrong options
 */
export async function doctor(args: readonly string[]): Promise<number> {
  const flags = parseFlags("doctor", FLAGS, args);
  if (!flags.ok) return await refuse(flags.fault);
  if (flags.value.has("help")) {
    await writeLine(Deno.stdout, DOCTOR_HELP);
    return EXIT_OK;
  }
  const options = readOptions(flags.value);
  if (!options.ok) return await refuse(options.fault);
  const report = await examine(options.value);
  const format = flags.value.has("json") ? doctorJson : formatDoctor;
  const written = await writeAll(Deno.stdout, `${format(report)}\n`);
  return written ? exitCodeOf(report) : EXIT_FAILURE;
}

async function refuse(fault: string): Promise<number> {
  await writeLine(Deno.stderr, escapeInvisible(fault));
  return EXIT_USAGE;
}

function readOptions(flags: Flags): Result<DoctorOptions, string> {
  const address = readTargetAddress(flags.get("grpc-addr"));
  if (!address.ok) return address;
  if (!isGranted(address.value)) {
    const defaultIsGranted = isGranted(DEFAULT_LISTEN_ADDRESS);
    const reason = describeGrant(address.value, defaultIsGranted, "doctor");
    return err(`Cannot ask ${formatListenAddress(address.value)}: ${reason}`);
  }
  const policy = readPolicyOptions((name) => flags.get(name));
  if (!policy.ok) return policy;
  return ok({
    ...policy.value,
    address: address.value,
    probe: flags.has("probe"),
    given: new Set(POLICY_NAMES.filter((name) => flags.has(name))),
  });
}

const POLICY_NAMES = [
  "cluster-cidr",
  "node-prefix",
  "gateway-index",
] as const satisfies readonly (keyof typeof POLICY_FLAGS)[];

async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { address, gatewayIndex, given, policy } = options;
  const client = await loadClient();
  const [ip, sidecar] = await Promise.all([
    identifyIp(),
    client?.askSidecar(address) ?? { kind: "unasked" } as const,
  ]);
  const local = sidecar.kind !== "told" && ip.kind === "iproute2"
    ? await diagnoseAlone({ policy, gatewayIndex, target: { address, tls: undefined } })
    : undefined;
  const probed = await probe(options, sidecar, client);
  const setup = setupFindings({
    deno: Deno.version.deno,
    ip,
    address,
    sidecar,
    local,
    options: { policy, gatewayIndex },
    given,
    notProbed: probed.ok ? undefined : probed.fault,
  });
  const peers = probed.ok ? probed.value : undefined;
  return {
    authority: formatListenAddress(address),
    checkedBy: checkedBy(sidecar, local),
    deno: Deno.version.deno,
    ip,
    findings: [
      ...setup.map((finding): GroupedFinding => ({
        ...finding,
        group: "set-up",
        device: "",
        destination: "",
        since: "",
      })),
      ...dataPathFindings(sidecar, local, peers ?? []),
    ],
    peers,
  };
}

type Client = Pick<typeof import("./sidecar_answer.ts"), "askSidecar" | "probePeers">;

/** Undefined on a Deno that is refused and cannot even load the client: that is told. */
async function loadClient(): Promise<Client | undefined> {
  try {
    return await import("./sidecar_answer.ts");
  } catch (cause) {
    if (refuseDenoVersion(Deno.version.deno) === undefined) throw cause;
    return undefined;
  }
}

/** @returns the peers, undefined if nobody wanted to know, or why none was asked */
async function probe(
  { address, probe }: DoctorOptions,
  { kind }: SidecarAnswer,
  client: Client | undefined,
): Promise<Result<readonly ShownPeer[] | undefined, string>> {
  if (!probe) return ok(undefined);
  if (kind !== "told" || client === undefined) {
    return err("only a sidecar that answers can ask one");
  }
  const peers = await client.probePeers(address);
  return peers.ok ? ok(peers.value.map(toShownPeer)) : peers;
}

function checkedBy(
  { kind }: SidecarAnswer,
  local: LocalDiagnosis | undefined,
): CheckedBy {
  if (kind === "told") return "sidecar";
  return local?.kind === "diagnosed" ? "ip" : "nobody";
}

function dataPathFindings(
  sidecar: SidecarAnswer,
  local: LocalDiagnosis | undefined,
  peers: readonly ShownPeer[],
): readonly GroupedFinding[] {
  const told = sidecar.kind === "told" ? sidecar.diagnosis.findings.map(toShown) : [];
  const seen = local?.kind === "diagnosed" ? local.findings.map(toShownLocal) : [];
  // A sidecar that probes all the time has told it already, and since when.
  const probed = peerFindings(peers).filter(({ destination, id }) =>
    !told.some((each) => each.id === id && each.destination === destination)
  );
  return [...told, ...seen, ...probed].map((finding) => ({
    ...finding,
    group: groupOf(finding),
  }));
}

function toShownLocal(finding: Finding): ShownFinding {
  const { found, id, meaning, remedy, severity, subject } = finding;
  return {
    id,
    severity,
    device: subject.kind === "device" ? subject.device : "",
    destination: subject.kind === "destination" ? subject.destination : "",
    found,
    meaning,
    remedy,
    since: "",
  };
}
