import { escapeInvisible } from "../shared/quote.ts";
import type { Timestamp } from "../api/gen/google/protobuf/Timestamp.ts";
import type { Finding } from "../api/gen/quilt/sidecar/v1/Finding.ts";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { required } from "./grpc_client.ts";

/** What the sidecar tells of the data path. */
export type DataPathReport =
  | { readonly kind: "told"; readonly diagnosis: ListFindingsResponse }
  /** `why` is empty for a sidecar that is too old to tell it. */
  | { readonly kind: "not-told"; readonly why: string };

/** The status of a node, as its sidecar reports it. */
export interface NodeStatus {
  readonly network: NodeNetwork;
  /** Why the last ConfigureNodeSubnet was refused; empty if it was not refused. */
  readonly refusal: string;
  /** How many addresses are allocated. */
  readonly allocated: number;
  /** How many addresses can still be allocated. */
  readonly free: number;
  /** In ascending order of destination. */
  readonly routes: readonly Route[];
  readonly dataPath: DataPathReport;
}

/** Formats the status for people: the findings, a summary and a table of all routes. */
export function formatStatus(
  { allocated, dataPath, free, network, refusal, routes }: NodeStatus,
): string {
  const { installed, pending, unconfirmed } = countRoutes(routes);
  const withFindings = routes.filter(({ findings }) => findings.length > 0).length;
  const summary = align([
    ["Data path", describeDataPath(dataPath)],
    ["Node subnet", describeSubnet(network, refusal)],
    ["Cluster CIDR", network.cluster_cidr],
    ["Addresses", `${allocated} allocated, ${free} free`],
    [
      "Routes",
      `${installed} installed, ${pending} pending; ${unconfirmed} unconfirmed` +
      (withFindings === 0 ? "" : `; ${withFindings} with findings`),
    ],
  ]);
  const table = align([
    ["DESTINATION", "DEVICE", "STATE", "SINCE", "NOTE"],
    ...routes.map(toRow),
  ]);
  const findings = findingsOf(dataPath).flatMap(describeFinding);
  return [...findings, ...summary, ...(routes.length === 0 ? [] : ["", ...table])].join(
    "\n",
  );
}

/** Formats the status as one JSON document; README.md explains its fields. */
export function statusJson(
  { allocated, dataPath, free, network, refusal, routes }: NodeStatus,
): string {
  return escapeInvisible(JSON.stringify({
    node_network: { ...network, refusal },
    addresses: { allocated, free },
    route_counts: countRoutes(routes),
    routes: routes.map((route) => ({
      destination: route.destination,
      device: route.device,
      state: stateOf(route),
      reason: route.reason,
      since: toIso(route.since),
      confirmed: route.confirmed,
      findings: route.findings,
    })),
    data_path: {
      told: dataPath.kind === "told",
      ...countFindings(dataPath),
      diagnosed_at: dataPath.kind === "told"
        ? toIso(dataPath.diagnosis.diagnosed_at)
        : "",
      fault: dataPath.kind === "told" ? dataPath.diagnosis.fault : dataPath.why,
    },
    findings: findingsOf(dataPath).map((finding) => ({
      id: finding.id,
      severity: severityOf(finding),
      device: finding.device,
      destination: finding.destination,
      found: finding.found,
      meaning: finding.meaning,
      remedy: finding.remedy,
      since: toIso(finding.since),
    })),
  }));
}

function findingsOf(dataPath: DataPathReport): readonly Finding[] {
  return dataPath.kind === "told" ? dataPath.diagnosis.findings : [];
}

function countFindings(
  dataPath: DataPathReport,
): Readonly<Record<"critical" | "warnings", number>> {
  const findings = findingsOf(dataPath);
  const critical = findings.filter((each) => severityOf(each) === "critical").length;
  return { critical, warnings: findings.length - critical };
}

function describeDataPath(dataPath: DataPathReport): string {
  switch (dataPath.kind) {
    case "told": {
      const { fault } = dataPath.diagnosis;
      const counted = describeCounts(countFindings(dataPath));
      if (fault === "") return counted;
      const known = findingsOf(dataPath).length === 0
        ? "not known"
        : `${counted}; not current`;
      return `${known}, because the kernel could not be read: ${fault}`;
    }
    case "not-told":
      return dataPath.why === ""
        ? "not told by this sidecar"
        : `not told by this sidecar: ${dataPath.why}`;
    default:
      return dataPath satisfies never;
  }
}

function describeCounts(
  { critical, warnings }: ReturnType<typeof countFindings>,
): string {
  const counted = [
    critical === 0 ? [] : [`${critical} critical`],
    warnings === 0 ? [] : [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`],
  ].flat();
  return counted.length === 0 ? "no findings" : counted.join(", ");
}

/** The commands of the remedy stand on lines of their own, so that they can be pasted. */
function describeFinding(finding: Finding): readonly string[] {
  const { found, id, meaning, remedy, since } = finding;
  const head = `${severityOf(finding).toUpperCase()} ${subjectOf(finding)}: ${found}`;
  return [
    `${head} (${id} since ${toIso(since)})`,
    `  ${meaning}`,
    ...remedy.map((command) => `    ${command}`),
    "",
  ].map(escapeInvisible);
}

function subjectOf({ destination, device }: Finding): string {
  return device || destination || "this node";
}

function severityOf({ severity }: Finding): "critical" | "warning" {
  switch (severity) {
    case "FINDING_SEVERITY_CRITICAL":
      return "critical";
    case "FINDING_SEVERITY_WARNING":
      return "warning";
    default:
      // Unspecified, which is never sent, or a severity of a newer sidecar.
      throw new TypeError(`Cannot show severity ${severity}`);
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

function countRoutes(
  routes: readonly Route[],
): Readonly<Record<"installed" | "pending" | "unconfirmed", number>> {
  const pending = routes.filter((route) => stateOf(route) === "pending").length;
  const unconfirmed = routes.filter(({ confirmed }) => !confirmed).length;
  return { installed: routes.length - pending, pending, unconfirmed };
}

function toRow(route: Route): readonly string[] {
  const { confirmed, destination, device, findings, reason, since } = route;
  const notes = [findings.join(", "), confirmed ? "" : "unconfirmed", reason]
    .filter((note) => note !== "");
  return [destination, device, stateOf(route), toIso(since), notes.join("; ")];
}

function stateOf({ state }: Route): "installed" | "pending" {
  switch (state) {
    case "ROUTE_STATE_INSTALLED":
      return "installed";
    case "ROUTE_STATE_PENDING":
      return "pending";
    default:
      // Unspecified, which is never sent, or a state of a newer sidecar.
      throw new TypeError(`Cannot show route state ${state}`);
  }
}

function toIso(since: Timestamp | null): string {
  const { nanos, seconds } = required(since, "since");
  return new Date(seconds * 1000 + nanos / 1e6).toISOString();
}

/**
 * Aligns the cells of a table in columns, two spaces apart. The reason of a route may
 * contain any character, because it may be a message of `ip`.
 */
function align(texts: readonly (readonly string[])[]): readonly string[] {
  const rows = texts.map((cells) => cells.map(escapeInvisible));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, cell.length));
  }
  return rows.map((row) =>
    row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd()
  );
}
