import { diagnoseAlone, identifyIp, type LocalDiagnosis } from "../doctor_node.ts";
import type { Finding } from "../diagnose/finding.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { refuseDenoVersion } from "../shared/versions.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import {
  type CheckedBy,
  doctorJson,
  type DoctorReport,
  exitCodeOf,
  formatDoctor,
  type GroupedFinding,
  groupOf,
} from "./doctor_report.ts";
import { EXIT_USAGE } from "./exit.ts";
import { type ShownFinding, toShown } from "./finding_report.ts";
import { POLICY_OPTIONS } from "./options.ts";
import { showText } from "./output.ts";
import { peerFindings, type ShownPeer, toShownPeer } from "./peer_findings.ts";
import { type PolicyOptions, readPolicyOptions } from "./policy_options.ts";
import { type SetupFacts, setupFindings } from "./setup_checks.ts";
import type { SidecarAnswer } from "./sidecar_answer.ts";
import { readTarget, type Target } from "./target.ts";
import { standardTerminal } from "./terminal.ts";

/** The command line of `doctor`. */
interface DoctorOptions extends PolicyOptions {
  readonly target: Target;
  readonly probe: boolean;
  readonly given: SetupFacts["given"];
}

/** Runs the command `doctor`. */
export async function doctor({ options }: CommandLine): Promise<CommandEnd> {
  const target = await readTarget("doctor", options);
  if (!target.ok) return { exitCode: EXIT_USAGE, sentence: target.fault };
  const policy = readPolicyOptions(options);
  if (!policy.ok) return { exitCode: EXIT_USAGE, sentence: policy.fault };
  const report = await examine({
    ...policy.value,
    target: target.value,
    probe: options.has("probe"),
    given: new Set(POLICY_OPTIONS.filter((name) => options.has(name))),
  });
  const text = options.has("json")
    ? doctorJson(report)
    : formatDoctor(report, standardTerminal());
  return await showText(text, exitCodeOf(report));
}

async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { gatewayIndex, given, policy, target } = options;
  const { address, authority } = target;
  const client = await loadClient();
  const [ip, sidecar] = await Promise.all([
    identifyIp(),
    client?.askSidecar(target) ?? { kind: "unasked" } as const,
  ]);
  const local = sidecar.kind !== "reported" && ip.kind === "iproute2"
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
    authority,
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

/** Undefined on a Deno that cannot load the client: the version check reports it. */
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
  { probe, target }: DoctorOptions,
  { kind }: SidecarAnswer,
  client: Client | undefined,
): Promise<Result<readonly ShownPeer[] | undefined, string>> {
  if (!probe) return ok(undefined);
  if (kind !== "reported" || client === undefined) {
    return err("only a running sidecar can probe peers");
  }
  const peers = await client.probePeers(target);
  return peers.ok ? ok(peers.value.map(toShownPeer)) : peers;
}

function checkedBy(
  { kind }: SidecarAnswer,
  local: LocalDiagnosis | undefined,
): CheckedBy {
  if (kind === "reported") return "sidecar";
  return local?.kind === "diagnosed" ? "ip" : "nobody";
}

function dataPathFindings(
  sidecar: SidecarAnswer,
  local: LocalDiagnosis | undefined,
  peers: readonly ShownPeer[],
): readonly GroupedFinding[] {
  const reported = sidecar.kind === "reported"
    ? sidecar.diagnosis.findings.map(toShown)
    : [];
  const seen = local?.kind === "diagnosed" ? local.findings.map(toShownLocal) : [];
  // A sidecar that probes all the time has reported it already, and since when.
  const probed = peerFindings(peers).filter(({ destination, id }) =>
    !reported.some((each) => each.id === id && each.destination === destination)
  );
  return [...reported, ...seen, ...probed].map((finding) => ({
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
