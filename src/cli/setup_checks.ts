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
import type { NotReported, SidecarAnswer } from "./sidecar_answer.ts";

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
  return kind === "reported" ? "warning" : "critical";
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
    case "reported":
      return "The running sidecar uses another version; a sidecar that is started with " +
        "this one refuses to start";
    case "unasked":
      return "A sidecar refuses to start with it, and doctor could not ask a sidecar " +
        "that runs with another version";
    default:
      return "A sidecar refuses to start with it, and each call of the agent fails";
  }
}

function checkIp({ ip, sidecar }: SetupFacts): SetupFinding | undefined {
  const meaning = sidecar.kind === "reported"
    ? "The running sidecar uses another ip; a sidecar that is started with this PATH " +
      "cannot start"
    : "A sidecar cannot start with this PATH, and doctor could not check the kernel";
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
        found: `ip is of iproute2 ${ip.version}; the oldest tested version is ` +
          OLDEST_IPROUTE2,
        meaning: "The sidecar may misread its output, so calls may fail and findings " +
          "may be missing; install a newer iproute2",
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
  if (sidecar.kind === "reported") {
    const { fault } = sidecar.diagnosis;
    if (fault === "") return undefined;
    return {
      ...shared,
      found: `The sidecar cannot read the kernel: ${fault}`,
      meaning:
        "It is not known whether traffic flows, and the sidecar cannot repair routes; " +
        "the other findings are from before",
    };
  }
  if (local?.kind !== "unread") return undefined;
  return {
    ...shared,
    found: `The kernel cannot be read: ${local.why}`,
    meaning: "It is not known whether traffic flows, and a sidecar cannot start",
  };
}

function checkSidecar(
  { address, local, sidecar }: SetupFacts,
): SetupFinding | undefined {
  if (sidecar.kind === "reported" || sidecar.kind === "unasked") return undefined;
  const alone = local?.kind === "diagnosed"
    ? "the other findings are from ip alone"
    : "doctor could check nothing else";
  return describeSidecar(sidecar, address, local, alone);
}

function describeSidecar(
  { kind, remedy, sentence }: NotReported,
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
        found: `${sentence}, but it accepts connections`,
        meaning: "Each call of the agent fails after its deadline; " +
          `${describeUse(address)}; ${alone}`,
        remedy: [],
      };
    case "foreign":
      return {
        id: "port-taken",
        severity: "critical",
        found: `${sentence}; the process that listens there is not a sidecar`,
        meaning: "A sidecar cannot listen there, and another process receives the " +
          `calls of the agent; ${describeUse(address)}; ${alone}`,
        remedy: [],
      };
    case "busy":
      return {
        id: "sidecar-busy",
        severity: "warning",
        found: `${sentence}, but it answers GET /healthz`,
        meaning: "It is starting, stopping or overloaded; run doctor again; " +
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
        found: `The sidecar on ${authority} is older than this doctor and reports no ` +
          "findings",
        meaning: `It serves the agent; ${alone}`,
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
  const elsewhere = "if a sidecar listens on another address, give --grpc-addr";
  const missing = local?.kind === "diagnosed" ? local.missing : [];
  if (missing.length > 0) {
    return {
      severity: "critical",
      meaning: `No packet reaches ${listFew(missing)}: the main table does not have ` +
        "the requested route, and only a sidecar restores it; each call of the agent " +
        `fails; ${elsewhere}`,
    };
  }
  return {
    severity: "warning",
    meaning:
      "The routes stay and packets flow, but each call of the agent fails, and " +
      `no lost route is restored; ${elsewhere}`,
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
      "A sidecar that is started in the same way cannot change routes, and refuses " +
      "each call of the agent (docs/security.md, Privileges)",
    remedy: [],
  };
}

/** The manifest's options cannot be read from here: only those given are compared. */
function checkOptions(facts: SetupFacts): SetupFinding | undefined {
  const { local, sidecar } = facts;
  const shared = { id: "manifest-drift", severity: "warning", remedy: [] } as const;
  if (sidecar.kind !== "reported") {
    if (local?.kind !== "diagnosed" || local.outside === undefined) return undefined;
    return {
      ...shared,
      found: local.outside,
      meaning: "A sidecar with these options ignores them; give doctor the " +
        "--cluster-cidr and --node-prefix of the sidecar",
    };
  }
  const differences = sidecar.network === undefined
    ? []
    : differencesOf(sidecar.network, facts);
  if (differences.length === 0) return undefined;
  return {
    ...shared,
    found: `The sidecar has other options: ${differences.join(", ")}`,
    meaning:
      "It refuses subnets and destinations of the cluster, or accepts some that are " +
      "not of the cluster",
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
    found: `No peer was probed: ${notProbed}`,
    meaning: "It is not known whether the peers answer through the overlay",
    remedy: [],
  };
}
