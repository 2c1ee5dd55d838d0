/**
 * What `doctor` checks of the set-up: Deno, `ip`, the capability, the port, the options.
 * Pure functions from facts to findings.
 */
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Severity } from "../diagnose/finding.ts";
import {
  type IpProgram,
  type LocalDiagnosis,
  OLDEST_IPROUTE2,
} from "../doctor_node.ts";
import { addressFromNumber, addressToNumber, firstAddress } from "../ipam/address.ts";
import { parseCidr } from "../ipam/cidr.ts";
import { listFew } from "../shared/quote.ts";
import { refuseDenoVersion, TESTED_DENO_VERSION } from "../shared/versions.ts";
import { type BoundAddress, formatListenAddress } from "../transport/listen_address.ts";
import { describeUse } from "../transport/listen_error.ts";
import type { PolicyOptionName } from "./options.ts";
import type { PolicyOptions } from "./policy_options.ts";
import type { SidecarAnswer, Untold } from "./sidecar_answer.ts";

/** What the checks decide upon. */
export interface SetupFacts {
  /** As in `Deno.version.deno`. */
  readonly deno: string;
  readonly ip: IpProgram;
  /** Where the sidecar was asked. */
  readonly address: BoundAddress;
  readonly sidecar: SidecarAnswer;
  /** What this process saw by itself; undefined if it had no need to look, or no `ip`. */
  readonly local: LocalDiagnosis | undefined;
  readonly options: PolicyOptions;
  /** Which of the options stand on the command line. */
  readonly given: ReadonlySet<PolicyOptionName>;
  /** Why no peer was asked although that was wanted; undefined: peers were asked. */
  readonly notProbed: string | undefined;
}

/** Every id, worst first: the order in which findings are shown. */
export const SETUP_IDS = [
  "deno-version",
  "ip-missing",
  "ip-foreign",
  "kernel-unread",
  "port-taken",
  "sidecar-hangs",
  "no-sidecar",
  "sidecar-busy",
  "sidecar-tls",
  "not-permitted",
  "sidecar-old",
  "ip-old",
  "capability",
  "manifest-drift",
  "not-probed",
] as const;

/** One thing that is wrong with the set-up. */
export interface SetupFinding {
  /** Stable: scripts may rely on it. */
  readonly id: typeof SETUP_IDS[number];
  readonly severity: Severity;
  /** One sentence without a full stop, as are those of the data path. */
  readonly found: string;
  /** What it means for traffic or for the calls of the agent. */
  readonly meaning: string;
  /** Shell commands that end it; empty if no command can. */
  readonly remedy: readonly string[];
}

/** All findings about the set-up, in the order of {@linkcode SETUP_IDS}. */
export function setupFindings(facts: SetupFacts): readonly SetupFinding[] {
  return [
    checkDeno(facts),
    checkIp(facts),
    checkKernel(facts),
    checkSidecar(facts),
    checkCapability(facts),
    checkOptions(facts),
    checkProbe(facts),
  ].flatMap((finding) => finding ?? [])
    .toSorted((one, other) => SETUP_IDS.indexOf(one.id) - SETUP_IDS.indexOf(other.id));
}

/** What is wrong here and now is no fault of a sidecar that runs: it has its own. */
function severityBeside({ kind }: SidecarAnswer): Severity {
  return kind === "told" ? "warning" : "critical";
}

function checkDeno({ deno, sidecar }: SetupFacts): SetupFinding | undefined {
  const refusal = refuseDenoVersion(deno);
  if (refusal === undefined) return undefined;
  return {
    id: "deno-version",
    severity: severityBeside(sidecar),
    found: refusal,
    meaning: describeRefusal(sidecar),
    remedy: [`npx -y deno@${TESTED_DENO_VERSION} task doctor`],
  };
}

function describeRefusal({ kind }: SidecarAnswer): string {
  switch (kind) {
    case "told":
      return "The sidecar that answers runs on another one; the next that is started on " +
        "this one refuses to start";
    case "unasked":
      return "A sidecar refuses to start on it, and one that runs on another one could " +
        "not be asked";
    default:
      return "A sidecar refuses to start on it, and each call of the mesh agent fails";
  }
}

function checkIp({ ip, sidecar }: SetupFacts): SetupFinding | undefined {
  const meaning = sidecar.kind === "told"
    ? "The sidecar that answers has another ip; the next that is started with this PATH " +
      "cannot start"
    : "A sidecar cannot start with this PATH, and nothing of the kernel could be checked";
  const severity = severityBeside(sidecar);
  switch (ip.kind) {
    case "missing":
      return { id: "ip-missing", severity, found: upper(ip.why), meaning, remedy: [] };
    case "foreign":
      return { id: "ip-foreign", severity, found: upper(ip.why), meaning, remedy: [] };
    case "iproute2":
      if (!ip.isOld) return undefined;
      return {
        id: "ip-old",
        severity: "warning",
        found:
          `ip is of iproute2 ${ip.version}, and ${OLDEST_IPROUTE2} is the oldest ` +
          "that is tested",
        meaning: "What it prints may be read wrongly: calls may fail, and faults be " +
          "missed; install a newer iproute2",
        remedy: [],
      };
    default:
      return ip satisfies never;
  }
}

function upper(sentence: string): string {
  return sentence.startsWith("ip ")
    ? sentence
    : sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}

function checkKernel({ local, sidecar }: SetupFacts): SetupFinding | undefined {
  const shared = { id: "kernel-unread", severity: "critical", remedy: [] } as const;
  if (sidecar.kind === "told") {
    const { fault } = sidecar.diagnosis;
    if (fault === "") return undefined;
    return {
      ...shared,
      found: `The sidecar cannot read the kernel: ${fault}`,
      meaning:
        "Nobody knows whether traffic flows, and no route that gets lost comes " +
        "back; the other findings are those of before",
    };
  }
  if (local?.kind !== "unread") return undefined;
  return {
    ...shared,
    found: `The kernel cannot be read: ${local.why}`,
    meaning: "Nobody knows whether traffic flows, and a sidecar cannot start",
  };
}

function checkSidecar(
  { address, local, sidecar }: SetupFacts,
): SetupFinding | undefined {
  if (sidecar.kind === "told" || sidecar.kind === "unasked") return undefined;
  const alone = local?.kind === "diagnosed"
    ? "the other findings are what ip alone shows"
    : "nothing else could be checked";
  return describeSidecar(sidecar, address, local, alone);
}

function describeSidecar(
  { kind, remedy, sentence }: Untold,
  address: BoundAddress,
  local: LocalDiagnosis | undefined,
  alone: string,
): SetupFinding {
  const authority = formatListenAddress(address);
  switch (kind) {
    case "absent":
      return {
        id: "no-sidecar",
        ...describeAbsence(local),
        found: sentence,
        // A second sidecar beside one that listens elsewhere would undo its work.
        remedy: [
          "pgrep -af 'main.ts serve' || " +
          `npx -y deno@${TESTED_DENO_VERSION} task serve`,
        ],
      };
    case "hangs":
      return {
        id: "sidecar-hangs",
        severity: "critical",
        found: `${sentence}, although its connections are accepted`,
        meaning: "Each call of the mesh agent fails after its deadline; " +
          `${describeUse(address)}; ${alone}`,
        remedy: [],
      };
    case "foreign":
      return {
        id: "port-taken",
        severity: "critical",
        found: `${sentence}; what listens there is no sidecar`,
        meaning: "A sidecar cannot listen there, and the calls of the mesh agent go " +
          `elsewhere; ${describeUse(address)}; ${alone}`,
        remedy: [],
      };
    case "busy":
      return {
        id: "sidecar-busy",
        severity: "warning",
        found: `${sentence}, although GET /healthz is answered`,
        meaning:
          "It starts or stops, or has more to do than it can; run doctor again; " +
          alone,
        remedy: [],
      };
    case "tls":
      return {
        id: "sidecar-tls",
        severity: "warning",
        found: sentence,
        meaning: `To ask it, ${remedy}; ${alone}`,
        remedy: [],
      };
    case "not-permitted":
      return {
        id: "not-permitted",
        severity: "warning",
        found: sentence,
        meaning: `To ask it, ${remedy}; ${alone}`,
        remedy: [],
      };
    case "old":
      return {
        id: "sidecar-old",
        severity: "warning",
        found: `The sidecar on ${authority} is older than this doctor: it knows no ` +
          "findings",
        meaning: `It serves all the same; ${alone}`,
        remedy: [],
      };
    default:
      return kind satisfies never;
  }
}

/**
 * Without a sidecar packets flow on, so that it is a warning: a restart looks the same.
 * Where a route is missing as well, nobody puts it back.
 */
function describeAbsence(
  local: LocalDiagnosis | undefined,
): Pick<SetupFinding, "meaning" | "severity"> {
  const elsewhere = "one that listens elsewhere is asked with --grpc-addr";
  const missing = local?.kind === "diagnosed" ? local.missing : [];
  if (missing.length > 0) {
    return {
      severity: "critical",
      meaning: `No packet gets to ${listFew(missing)}: the main table does not have ` +
        "what was asked for, and only a sidecar puts it back; each call of the mesh " +
        `agent fails as well; ${elsewhere}`,
    };
  }
  return {
    severity: "warning",
    meaning: "What flows now flows on, but each call of the mesh agent fails, and no " +
      `route that gets lost comes back; ${elsewhere}`,
  };
}

/** Of a sidecar that runs the capability is known to itself alone: no-permission. */
function checkCapability({ local, sidecar }: SetupFacts): SetupFinding | undefined {
  if (sidecar.kind !== "absent" || local?.kind !== "diagnosed" || local.permitted) {
    return undefined;
  }
  return {
    id: "capability",
    severity: "warning",
    found: "This process has no CAP_NET_ADMIN",
    meaning:
      "A sidecar that is started in the same way can change no route: each call " +
      "of the mesh agent would be refused (README, Privileges)",
    remedy: [],
  };
}

/** The manifest's options cannot be read from here: only those given are compared. */
function checkOptions(facts: SetupFacts): SetupFinding | undefined {
  const { local, sidecar } = facts;
  const shared = { id: "manifest-drift", severity: "warning", remedy: [] } as const;
  if (sidecar.kind !== "told") {
    if (local?.kind !== "diagnosed" || local.outside === undefined) return undefined;
    return {
      ...shared,
      found: local.outside,
      meaning: "A sidecar with these options lets them be; give doctor the " +
        "--cluster-cidr and --node-prefix that the sidecar has",
    };
  }
  const differences = sidecar.network === undefined
    ? []
    : differencesOf(sidecar.network, facts);
  if (differences.length === 0) return undefined;
  return {
    ...shared,
    found: `The sidecar was started with other options: ${differences.join(", ")}`,
    meaning:
      "It refuses subnets and destinations that the cluster has, or takes some " +
      "that it has not",
  };
}

function differencesOf(
  { cluster_cidr: clusterCidr, gateway, subnet }: NodeNetwork,
  { given, options: { gatewayIndex, policy } }: SetupFacts,
): readonly string[] {
  const differs = (flag: PolicyOptionName, has: string, wanted: string) =>
    given.has(flag) && has !== wanted ? [`${has} and not ${wanted} (--${flag})`] : [];
  const node = parseCidr(subnet);
  const ofNode = !node.ok ? [] : [
    ...differs("node-prefix", `/${subnet.split("/")[1]}`, `/${policy.nodePrefix}`),
    ...differs(
      "gateway-index",
      gateway,
      addressFromNumber(addressToNumber(firstAddress(node.value)) + gatewayIndex),
    ),
  ];
  return [...differs("cluster-cidr", clusterCidr, policy.clusterCidr), ...ofNode];
}

function checkProbe({ notProbed }: SetupFacts): SetupFinding | undefined {
  if (notProbed === undefined) return undefined;
  return {
    id: "not-probed",
    severity: "warning",
    found: `No peer was asked: ${notProbed}`,
    meaning: "Whether the peers answer through the overlay is not known",
    remedy: [],
  };
}
