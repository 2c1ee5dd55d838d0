import { FINDING_IDS } from "../diagnose/finding.ts";
import type { IpProgram } from "../doctor_node.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { wrap } from "./display_width.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_WARNINGS } from "./exit.ts";
import {
  align,
  countFindings,
  describeCounts,
  describeFinding,
  type FindingCounts,
  type ShownFinding,
} from "./finding_report.ts";
import type { ShownAddress, ShownPeer } from "./peer_findings.ts";
import { SETUP_IDS } from "./setup_checks.ts";
import { styled } from "./style.ts";
import { PLAIN, type Terminal } from "./terminal.ts";

/** What a finding is about. */
export const GROUPS = ["set-up", "node", "devices", "destinations"] as const;

/** One of {@linkcode GROUPS}. */
export type Group = typeof GROUPS[number];

/** A finding of `doctor`, with the fields of its JSON. */
export interface GroupedFinding extends ShownFinding {
  readonly group: Group;
}

/** Who has made the checks of the node, its devices and destinations. */
export type CheckedBy = "sidecar" | "ip" | "nobody";

/** Everything that `doctor` found out. */
export interface DoctorReport {
  /** Where the sidecar was asked, e.g. `127.0.0.1:50051`. */
  readonly authority: string;
  readonly checkedBy: CheckedBy;
  /** The version of Deno. */
  readonly deno: string;
  readonly ip: IpProgram;
  readonly findings: readonly GroupedFinding[];
  /** Undefined if none were asked. */
  readonly peers: readonly ShownPeer[] | undefined;
}

/** The group of a finding that is not about the set-up. */
export function groupOf({ destination, device }: ShownFinding): Group {
  if (device !== "") return "devices";
  return destination === "" ? "node" : "destinations";
}

/** 0: nothing was found, 1: something stops traffic, 3: warnings only. */
export function exitCodeOf({ findings }: DoctorReport): number {
  const { critical, warnings } = countFindings(findings);
  if (critical > 0) return EXIT_FAILURE;
  return warnings > 0 ? EXIT_WARNINGS : EXIT_OK;
}

/**
 * Formats the report for people: the groups with findings, the worst first, then a summary,
 * and a table of the peers if they were asked.
 */
export function formatDoctor(
  report: DoctorReport,
  terminal: Terminal = PLAIN,
): string {
  const grouped = Map.groupBy(sorted(report.findings), ({ group }) => group);
  // In the order in which their worst findings come.
  const found = [...grouped].flatMap(([group, findings]) => [
    styled(terminal, "strong", TITLES[group]),
    ...findings.flatMap((each) =>
      describeFinding(each, {
        subject: group === "set-up" ? group : undefined,
        terminal,
      })
    ),
  ]);
  const summary = align(summaryOf(report))
    .flatMap((line) => wrap(line, terminal.columns, SUMMARY_INDENT));
  return [...found, ...summary, ...peerTable(report.peers ?? [], terminal)].join("\n");
}

/** The columns before the values of the summary, as its longest label needs. */
const SUMMARY_INDENT = 14;

const TITLES: Readonly<Record<Group, string>> = {
  "set-up": "Set-up",
  "node": "Node",
  "devices": "Devices",
  "destinations": "Destinations",
};

/** Ids that none of the lists has come last: a newer sidecar reported them. */
const ORDER: readonly string[] = [...SETUP_IDS, ...FINDING_IDS];

function sorted(findings: readonly GroupedFinding[]): readonly GroupedFinding[] {
  const rank = ({ severity }: GroupedFinding) => severity === "critical" ? 0 : 1;
  const place = ({ id }: GroupedFinding) =>
    ORDER.includes(id) ? ORDER.indexOf(id) : ORDER.length;
  const subject = ({ destination, device }: GroupedFinding) => device || destination;
  return findings.toSorted((one, other) =>
    rank(one) - rank(other) || place(one) - place(other) ||
    subject(one).localeCompare(subject(other), "en", { numeric: true })
  );
}

function summaryOf(report: DoctorReport): readonly (readonly string[])[] {
  const { authority, checkedBy, deno, findings, peers } = report;
  const groups = GROUPS.map((group) => {
    const own = findings.filter((finding) => finding.group === group);
    const isChecked = group === "set-up" || checkedBy !== "nobody" || own.length > 0;
    return [
      TITLES[group],
      isChecked ? describeCounts(countFindings(own)) : "not checked",
    ];
  });
  return [
    ...groups,
    ...peers === undefined ? [] : [["Peers", describePeers(peers)]],
    ["Checked by", describeChecked(checkedBy, authority)],
    ["Deno", deno],
    ["ip", describeIp(report.ip)],
  ];
}

function describePeers(peers: readonly ShownPeer[]): string {
  const counts = (["answered", "silent", "known", "failed"] as const)
    .map((state) => {
      const count = peers.filter(({ gateway }) => gateway.state === state).length;
      return { state, count };
    })
    .filter(({ count }) => count > 0)
    .map(({ count, state }) => `${count} ${state}`);
  return counts.length === 0 ? "no peers" : counts.join(", ");
}

function describeChecked(checkedBy: CheckedBy, authority: string): string {
  const unreported = `no sidecar on ${authority} reported findings`;
  switch (checkedBy) {
    case "sidecar":
      return `the sidecar on ${authority}`;
    case "ip":
      return `ip alone: ${unreported}`;
    case "nobody":
      return `nobody: ${unreported}, and ip cannot be used`;
    default:
      return checkedBy satisfies never;
  }
}

function describeIp(ip: IpProgram): string {
  switch (ip.kind) {
    case "iproute2":
      return `iproute2 ${ip.version}`;
    case "missing":
      return "not found";
    case "foreign":
      return "not the ip of iproute2";
    default:
      return ip satisfies never;
  }
}

/** The columns that a destination takes at most, and those that keep it apart. */
const PEER_INDENT = 20;

function peerTable(
  peers: readonly ShownPeer[],
  { columns }: Terminal,
): readonly string[] {
  if (peers.length === 0) return [];
  const table = align([
    ["DESTINATION", "DEVICE", "GATEWAY", "BEHIND IT"],
    ...peers.map(({ destination, device, gateway, proxied }) => [
      destination,
      device,
      describeAddress(gateway),
      describeAddress(proxied),
    ]),
  ]);
  return ["", ...table.flatMap((line) => wrap(line, columns, PEER_INDENT))];
}

function describeAddress(shown: ShownAddress): string {
  const { address, answered_after_ms: ms, reason, state } = shown;
  switch (state) {
    case "answered":
      return `${address} after ${ms} ms`;
    case "silent":
      return `${address} silent`;
    case "known":
      return `${address} known, not probed`;
    case "failed":
      return `${address} failed: ${reason}`;
    default:
      return state satisfies never;
  }
}

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** What `doctor --json` prints, one document on one line. */
export interface DoctorJson {
  /** Of this shape: a field may be added to it, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  readonly sidecar: {
    /** Where it was asked, such as `127.0.0.1:50051` or `unix:///run/x.sock`. */
    readonly address: string;
    /** Whether it reported its findings. */
    readonly answers: boolean;
  };
  /** Who has made the checks of the node, its devices and destinations. */
  readonly checked_by: CheckedBy;
  readonly versions: {
    readonly deno: string;
    /** Empty if there is no `ip` of iproute2. */
    readonly iproute2: string;
  };
  readonly counts: FindingCounts;
  /** The worst first. */
  readonly findings: readonly GroupedFinding[];
  /** Those that `--probe` had asked; otherwise none. */
  readonly peers: readonly ShownPeer[];
}

/** Formats the report as one JSON document, a {@linkcode DoctorJson}. */
export function doctorJson(report: DoctorReport): string {
  const { authority, checkedBy, deno, findings, ip, peers } = report;
  const document: DoctorJson = {
    version: JSON_VERSION,
    sidecar: { address: authority, answers: checkedBy === "sidecar" },
    checked_by: checkedBy,
    versions: { deno, iproute2: ip.kind === "iproute2" ? ip.version : "" },
    counts: countFindings(findings),
    findings: sorted(findings).map((finding) => ({
      group: finding.group,
      id: finding.id,
      severity: finding.severity,
      device: finding.device,
      destination: finding.destination,
      found: finding.found,
      meaning: finding.meaning,
      remedy: finding.remedy,
      since: finding.since,
    })),
    peers: peers ?? [],
  };
  return escapeInvisible(JSON.stringify(document));
}
