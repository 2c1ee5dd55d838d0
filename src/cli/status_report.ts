import { countOf, escapeInvisible } from "../shared/quote.ts";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import type { SidecarActivity } from "../api/gen/quilt/sidecar/v1/SidecarActivity.ts";
import { drawMap } from "./cluster_map.ts";
import { briefLists, heightOf } from "./brief_lists.ts";
import { wrap } from "./display_width.ts";
import {
  align,
  countFindings,
  describeCounts,
  describeFinding,
  type FindingCounts,
  type ShownFinding,
  toIso,
  toShown,
} from "./finding_report.ts";
import {
  NO_ROUTE_MATCHES,
  type RouteJson,
  routeJson,
  routeTable,
  stateOf,
} from "./route_table.ts";
import { SCREEN, type Terminal } from "./terminal.ts";

/** What the sidecar tells of the data path. */
export type DataPathReport =
  | { readonly kind: "reported"; readonly diagnosis: ListFindingsResponse }
  /** `why` is empty for a sidecar that is too old to tell it. */
  | { readonly kind: "not-reported"; readonly why: string };

/** The status of a node, as its sidecar reports it. */
export interface NodeStatus {
  readonly network: NodeNetwork;
  /** Why the last ConfigureNodeSubnet was refused; empty if it was not refused. */
  readonly refusal: string;
  /** Null for a sidecar that is too old to tell it. */
  readonly activity: SidecarActivity | null;
  /** How many addresses are allocated. */
  readonly allocated: number;
  /** How many addresses can still be allocated. */
  readonly free: number;
  /** In ascending order of destination. */
  readonly routes: readonly Route[];
  readonly dataPath: DataPathReport;
}

/** What of a status is shown, and how. */
export interface StatusView {
  /** Which routes are listed; all of them are counted. */
  readonly isSought: (route: Route) => boolean;
  /** Lists every finding and every sought route, however many there are. */
  readonly isVerbose: boolean;
  /**
   * Whether nobody can scroll: then it is brief whenever the screen is too small.
   * @default false
   */
  readonly mustFit?: boolean;
  readonly hasMap: boolean;
  readonly terminal: Terminal;
  /** As `Date.now()`. */
  readonly nowMs: number;
}

/** More are a flood: then the status is brief. */
const FEW_ROUTES = 16;

/**
 * Formats the status for people: the findings, a summary, the map, and routes.
 *
 * If it is brief it fits on one screen: only the worst findings and the routes that want
 * attention are shown, as many as there is room for, and the others are counted.
 */
export function formatStatus(status: NodeStatus, view: StatusView): string {
  const { hasMap, isSought, isVerbose, mustFit = false, nowMs, terminal } = view;
  const map = hasMap ? mapOf(status, terminal) : [];
  const summarize = (isHidden: boolean): readonly string[] => [
    ...align(summaryOf(status, nowMs, isHidden))
      .flatMap((line) => wrap(line, terminal.columns, SUMMARY_INDENT)),
    ...map,
  ];
  const findings = findingsOf(status.dataPath);
  const blocks = findings.map((each) => describeFinding(each, { terminal }));
  const sought = status.routes.filter(isSought);
  const summary = summarize(false);
  const room = screenOf(terminal) - heightOf(summary, terminal);
  if (isVerbose || sought.length <= FEW_ROUTES) {
    const all = listAll(sought, status.routes.length, terminal);
    const isTooHigh = heightOf([...blocks.flat(), ...all], terminal) > room;
    if (isVerbose || !mustFit || !isTooHigh) {
      return [...blocks.flat(), ...summary, ...all].join("\n");
    }
  }
  const { worst, troubled } = briefLists({ blocks, findings, sought }, room, terminal);
  return [...worst, ...summarize(worst.length === 0), ...troubled].join("\n");
}

/** The lines that a screen has room for above the next prompt. */
function screenOf({ rows }: Terminal): number {
  return (rows === Infinity ? SCREEN.rows : rows) - 1;
}

/** The columns before the values of the summary, as its longest label needs. */
const SUMMARY_INDENT = 14;

function mapOf(
  { dataPath, network, routes }: NodeStatus,
  terminal: Terminal,
): readonly string[] {
  const findings = dataPath.kind === "reported" ? dataPath.diagnosis.findings : [];
  const map = drawMap({ network, routes, findings }, terminal);
  return map.length === 0 ? [] : ["", ...map];
}

function summaryOf(
  status: NodeStatus,
  nowMs: number,
  isHidden: boolean,
): readonly (readonly string[])[] {
  const { activity, allocated, dataPath, free, network, refusal, routes } = status;
  const { installed, pending, unconfirmed } = countRoutes(routes);
  const withFindings = routes.filter(({ findings }) => findings.length > 0).length;
  const hint = isHidden && findingsOf(dataPath).length > 0 ? "; doctor shows them" : "";
  return [
    ["Data path", `${describeDataPath(dataPath)}${hint}`],
    ["Node subnet", describeSubnet(network, refusal)],
    ["Cluster CIDR", network.cluster_cidr],
    ["Addresses", `${allocated} allocated, ${free} free`],
    [
      "Routes",
      `${installed} installed, ${pending} pending; ${unconfirmed} unconfirmed` +
      (withFindings === 0 ? "" : `; ${withFindings} with findings`),
    ],
    ...activity === null ? [] : describeActivity(activity, nowMs),
  ];
}

function describeActivity(
  activity: SidecarActivity,
  nowMs: number,
): readonly (readonly string[])[] {
  const { last_failure, last_failure_at, repairs, started_at, version } = activity;
  const upMs = Math.max(0, nowMs - Date.parse(toIso(started_at)));
  const failure = last_failure === ""
    ? []
    : [["Last failure", `${toIso(last_failure_at)} ${last_failure}`]];
  return [
    [
      "Sidecar",
      `${version}, up ${describeDuration(upMs)}, ${countOf(repairs, "repair")} ` +
      "since its start",
    ],
    ...failure,
    ...describeLosses(activity),
  ];
}

/** Nothing, as it should be, unless lines of the trail or of the log were lost. */
function describeLosses(
  { audit_lost, audit_written, log_lost }: SidecarActivity,
): readonly (readonly string[])[] {
  const trail = audit_lost === 0 ? [] : [[
    "Audit trail",
    `${audit_lost} of ${countOf(audit_lost + audit_written, "record")} lost; ` +
    "see docs/audit.md",
  ]];
  const log = log_lost === 0 ? [] : [["Log", `${countOf(log_lost, "line")} lost`]];
  return [...trail, ...log];
}

/** `3 d 4 h`, `4 h 5 min`, `5 min 6 s` or `6 s`. */
export function describeDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

function listAll(
  sought: readonly Route[],
  all: number,
  terminal: Terminal,
): readonly string[] {
  if (sought.length === 0) return all === 0 ? [] : ["", NO_ROUTE_MATCHES];
  const { head, rows } = routeTable(sought, terminal);
  return ["", head, ...rows.flat()];
}

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** What `status --json` prints, one document on one line. */
export interface StatusJson {
  /** Of this shape: a field may be added to it, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  readonly node_network: {
    /** Such as `10.42.1.0/24`; empty until ConfigureNodeSubnet has succeeded. */
    readonly subnet: string;
    /** Empty as long as `subnet` is. */
    readonly gateway: string;
    readonly cluster_cidr: string;
    /** Grows with each change of the subnet; 0 as long as `subnet` is empty. */
    readonly revision: number;
    /** Why the last ConfigureNodeSubnet was refused; empty if it was not. */
    readonly refusal: string;
  };
  readonly addresses: {
    /** How many are allocated. */
    readonly allocated: number;
    /** How many can still be allocated. */
    readonly free: number;
  };
  /** Of all routes, whatever the filters list. */
  readonly route_counts: RouteCounts;
  /** Those that the filters list, in ascending order of destination. */
  readonly routes: readonly RouteJson[];
  readonly data_path: FindingCounts & {
    /** False if the sidecar is too old to tell findings, or did not in time. */
    readonly reported: boolean;
    /** When the findings were current: RFC 3339 in UTC; empty if none are reported. */
    readonly diagnosed_at: string;
    /** Why the findings are not current, or not reported; otherwise empty. */
    readonly fault: string;
  };
  /** The worst first. */
  readonly findings: readonly ShownFinding[];
  /** Null for a sidecar that is too old to tell it. */
  readonly sidecar: {
    /** That of the sidecar, by Semantic Versioning 2.0.0. */
    readonly version: string;
    /** When its process began: RFC 3339 in UTC. */
    readonly started_at: string;
    /** Routes and records that it wrote or deleted because the kernel differed. */
    readonly repairs: number;
    /** What failed last and why, a sentence; empty if nothing did. */
    readonly last_failure: string;
    /** When that was: RFC 3339 in UTC; empty if nothing failed. */
    readonly last_failure_at: string;
  } | null;
  /** Null for a sidecar that is too old to tell it. */
  readonly audit: {
    /** The SHA-256 of the record that was written last: 64 hexadecimal digits. */
    readonly head: string;
    /** How many records were written, those that stand for lost ones not counted. */
    readonly written: number;
    /** How many records were lost. */
    readonly lost: number;
  } | null;
  /** Null for a sidecar that is too old to tell it. */
  readonly log: {
    /** How many lines were lost. */
    readonly lost: number;
  } | null;
}

/** How many routes there are of each kind. */
export interface RouteCounts {
  /** The kernel has them. */
  readonly installed: number;
  /** The kernel does not have them. */
  readonly pending: number;
  /** The mesh agent has not requested them since its last start. */
  readonly unconfirmed: number;
}

/** Formats the status as one JSON document, a {@linkcode StatusJson}. */
export function statusJson(
  status: NodeStatus,
  { isSought }: Pick<StatusView, "isSought">,
): string {
  const { activity, allocated, dataPath, free, network, refusal, routes } = status;
  const { cluster_cidr, gateway, revision, subnet } = network;
  const findings = findingsOf(dataPath);
  const isReported = dataPath.kind === "reported";
  const document: StatusJson = {
    version: JSON_VERSION,
    node_network: { subnet, gateway, cluster_cidr, revision, refusal },
    addresses: { allocated, free },
    route_counts: countRoutes(routes),
    routes: routes.filter(isSought).map(routeJson),
    data_path: {
      reported: isReported,
      ...countFindings(findings),
      diagnosed_at: isReported ? toIso(dataPath.diagnosis.diagnosed_at) : "",
      fault: isReported ? dataPath.diagnosis.fault : dataPath.why,
    },
    findings,
    sidecar: activity === null ? null : activityJson(activity),
    ...outputsJson(activity),
  };
  return escapeInvisible(JSON.stringify(document));
}

function activityJson(activity: SidecarActivity): StatusJson["sidecar"] {
  const { last_failure, last_failure_at, repairs, started_at, version } = activity;
  return {
    version,
    started_at: toIso(started_at),
    repairs,
    last_failure,
    last_failure_at: last_failure === "" ? "" : toIso(last_failure_at),
  };
}

/** A sidecar that tells of its trail always has a head. */
function outputsJson(
  activity: SidecarActivity | null,
): Pick<StatusJson, "audit" | "log"> {
  if (activity === null || activity.audit_head === "") {
    return { audit: null, log: null };
  }
  const { audit_head: head, audit_lost, audit_written: written, log_lost } = activity;
  return { audit: { head, written, lost: audit_lost }, log: { lost: log_lost } };
}

function findingsOf(dataPath: DataPathReport): readonly ShownFinding[] {
  return dataPath.kind === "reported" ? dataPath.diagnosis.findings.map(toShown) : [];
}

function describeDataPath(dataPath: DataPathReport): string {
  switch (dataPath.kind) {
    case "reported": {
      const { fault } = dataPath.diagnosis;
      const findings = findingsOf(dataPath);
      const counted = describeCounts(countFindings(findings));
      if (fault === "") return counted;
      const known = findings.length === 0 ? "not known" : `${counted}; not current`;
      return `${known}, because the kernel could not be read: ${fault}`;
    }
    case "not-reported":
      return dataPath.why === ""
        ? "not known: this sidecar is too old to report findings"
        : `not known: ${dataPath.why}`;
    default:
      return dataPath satisfies never;
  }
}

function describeSubnet(
  { gateway, subnet }: NodeNetwork,
  refusal: string,
): string {
  const configured = subnet === "" ? "not configured" : `${subnet}, gateway ${gateway}`;
  if (refusal !== "") {
    return `${configured}; last ConfigureNodeSubnet refused: ${refusal}`;
  }
  // The sidecar does not know what an earlier process of it answered.
  return subnet === ""
    ? `${configured}: no ConfigureNodeSubnet since the sidecar's start`
    : configured;
}

function countRoutes(routes: readonly Route[]): RouteCounts {
  const pending = routes.filter((route) => stateOf(route) === "pending").length;
  const unconfirmed = routes.filter(({ confirmed }) => !confirmed).length;
  return { installed: routes.length - pending, pending, unconfirmed };
}
