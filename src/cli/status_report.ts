import { escapeInvisible } from "../shared/quote.ts";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import {
  align,
  countFindings,
  describeCounts,
  describeFinding,
  type ShownFinding,
  toIso,
  toShown,
} from "./finding_report.ts";

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
  const findings = findingsOf(dataPath).flatMap((each) => describeFinding(each));
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
      ...countFindings(findingsOf(dataPath)),
      diagnosed_at: dataPath.kind === "told"
        ? toIso(dataPath.diagnosis.diagnosed_at)
        : "",
      fault: dataPath.kind === "told" ? dataPath.diagnosis.fault : dataPath.why,
    },
    findings: findingsOf(dataPath),
  }));
}

function findingsOf(dataPath: DataPathReport): readonly ShownFinding[] {
  return dataPath.kind === "told" ? dataPath.diagnosis.findings.map(toShown) : [];
}

function describeDataPath(dataPath: DataPathReport): string {
  switch (dataPath.kind) {
    case "told": {
      const { fault } = dataPath.diagnosis;
      const findings = findingsOf(dataPath);
      const counted = describeCounts(countFindings(findings));
      if (fault === "") return counted;
      const known = findings.length === 0 ? "not known" : `${counted}; not current`;
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
