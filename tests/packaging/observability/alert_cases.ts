/** For each alert, series with which it fires, and similar ones with which it does not. */
import { QUILT_RUNTIME } from "../../../src/api/proto_registry.ts";

/** Series as promtool writes them, with a value a minute: `0+1x5` counts from 0 to 5. */
export type Series = Readonly<Record<string, string>>;

/** An alert that fires, and does not. */
export interface AlertCase {
  readonly alert: string;
  readonly severity: "critical" | "warning";
  /** When it is asked for, after the first value. */
  readonly at: `${number}m`;
  readonly fires: Series;
  /** The labels of the alert besides its severity. */
  readonly labels: Readonly<Record<string, string>>;
  /** `$value` as the annotations show it; empty: none of them does. */
  readonly value: string;
  readonly quiet: Series;
}

const NODE = { instance: "node1" };
const UP = 'up{job="quilt-sidecar",instance="node1"}';
const METHOD = (QUILT_RUNTIME["InjectRoute"]?.path ?? "").slice(1);

/** The name of a series of node1, e.g. `quilt_routes{instance="node1",…}`. */
function seriesOf(metric: string, labels: Readonly<Record<string, string>>): string {
  const all = Object.entries({ ...NODE, ...labels })
    .map(([label, value]) => `${label}="${value}"`);
  return `${metric}{${all.join()}}`;
}

function findings(finding: string, severity: string): string {
  const labels = { quilt_finding: finding, quilt_severity: severity };
  return seriesOf("quilt_findings", labels);
}

function calls(outcome: string): string {
  const labels = { rpc_method: METHOD, quilt_outcome: outcome };
  return seriesOf("rpc_server_call_duration_seconds_count", labels);
}

function routes(state: string): string {
  return seriesOf("quilt_routes", { quilt_state: state });
}

function addresses(state: string): string {
  return seriesOf("quilt_addresses", { quilt_state: state });
}

/** Buckets of durations, 10 each minute, all of which lie between two bounds. */
function durations(
  metric: string,
  labels: Readonly<Record<string, string>>,
  [above, upTo]: readonly [above: string, upTo: string],
): Series {
  const bucket = (le: string): string =>
    seriesOf(`${metric}_bucket`, { ...labels, le });
  return {
    [bucket(above)]: "0x30",
    [bucket(upTo)]: "0+10x30",
    [bucket("+Inf")]: "0+10x30",
  };
}

const EXCHANGES = "quilt_dataplane_exchange_duration_seconds";
const CALLS = "rpc_server_call_duration_seconds";

/** In the order of the rules. */
export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: "QuiltSidecarDown",
    severity: "critical",
    at: "4m",
    fires: { [UP]: "1 0x9" },
    labels: { ...NODE, job: "quilt-sidecar" },
    value: "",
    // A restart.
    quiet: { [UP]: "1 0 1x9" },
  },
  {
    alert: "QuiltSidecarAbsent",
    severity: "critical",
    at: "6m",
    fires: {},
    labels: { job: "quilt-sidecar" },
    value: "",
    quiet: { [UP]: "0x9" },
  },
  {
    alert: "QuiltTrafficStopped",
    severity: "critical",
    at: "3m",
    fires: { [findings("device-down", "critical")]: "0 1x9" },
    labels: { ...NODE, quilt_finding: "device-down" },
    value: "",
    quiet: {
      // Its series ends with the finding.
      [findings("device-down", "critical")]: "0 1 stale",
      [findings("rp-filter", "warning")]: "1x9",
    },
  },
  {
    alert: "QuiltTrafficAtRisk",
    severity: "warning",
    at: "17m",
    fires: { [findings("rp-filter", "warning")]: "0 1x20" },
    labels: { ...NODE, quilt_finding: "rp-filter" },
    value: "",
    quiet: { [findings("rp-filter", "warning")]: "0 1x10 0x10" },
  },
  {
    alert: "QuiltRoutesNotInstalled",
    severity: "warning",
    at: "7m",
    fires: { [routes("waiting")]: "0 3x9", [routes("installed")]: "12x10" },
    labels: { ...NODE, quilt_state: "waiting" },
    value: "3",
    quiet: { [routes("waiting")]: "0 3x3 0x9", [routes("installed")]: "12x10" },
  },
  {
    alert: "QuiltRepairsFail",
    severity: "warning",
    at: "15m",
    fires: {
      [seriesOf("quilt_repairs_total", { quilt_outcome: "failed" })]: "0+1x9 9x20",
      [seriesOf("quilt_repairs_total", { quilt_outcome: "lost" })]: "0x9 0+1x20",
    },
    labels: NODE,
    value: "",
    quiet: {
      [seriesOf("quilt_repairs_total", { quilt_outcome: "failed" })]: "0 0 0 0 1x20",
      [seriesOf("quilt_repairs_total", { quilt_outcome: "changed" })]: "0+9x20",
    },
  },
  {
    alert: "QuiltContention",
    severity: "warning",
    at: "22m",
    fires: {
      [seriesOf("quilt_contention_total", { quilt_contention: "route" })]: "0x19 1x9",
    },
    labels: { ...NODE, quilt_contention: "route" },
    value: "",
    // It was long ago.
    quiet: {
      [seriesOf("quilt_contention_total", { quilt_contention: "route" })]: "1 2x29",
    },
  },
  {
    alert: "QuiltIpLost",
    severity: "warning",
    at: "15m",
    fires: {
      [seriesOf("quilt_dataplane_ip_starts_total", { quilt_reason: "lost" })]:
        "1x5 2 3 4x12",
    },
    labels: NODE,
    value: "",
    quiet: {
      [seriesOf("quilt_dataplane_ip_starts_total", { quilt_reason: "lost" })]:
        "1x5 2x14",
      [seriesOf("quilt_dataplane_ip_starts_total", { quilt_reason: "rotation" })]:
        "1+1x20",
    },
  },
  {
    alert: "QuiltExchangeSlow",
    severity: "warning",
    at: "15m",
    fires: durations(EXCHANGES, { quilt_exchange: "batch" }, ["0.25", "0.5"]),
    labels: NODE,
    value: "",
    quiet: {
      ...durations(EXCHANGES, { quilt_exchange: "batch" }, ["0.0025", "0.005"]),
      // A walk over a large table.
      ...durations(EXCHANGES, { quilt_exchange: "dump" }, ["0.25", "0.5"]),
    },
  },
  {
    alert: "QuiltCallsSlow",
    severity: "warning",
    at: "15m",
    fires: durations(CALLS, { rpc_method: METHOD }, ["0.5", "1"]),
    labels: { ...NODE, rpc_method: METHOD },
    value: "",
    quiet: {
      ...durations(CALLS, { rpc_method: METHOD }, ["0.001", "0.0025"]),
      // It waits for peers that are silent.
      ...durations(CALLS, {
        rpc_method: "quilt.sidecar.v1.DataPathService/ProbePeers",
      }, ["2.5", "5"]),
    },
  },
  {
    alert: "QuiltResyncFails",
    severity: "warning",
    at: "8m",
    fires: {
      [
        seriesOf("quilt_resync_duration_seconds_count", { quilt_outcome: "failed" })
      ]: "1+1x9",
    },
    labels: NODE,
    value: "",
    quiet: {
      [
        seriesOf("quilt_resync_duration_seconds_count", { quilt_outcome: "failed" })
      ]: "1 2x9",
      [
        seriesOf("quilt_resync_duration_seconds_count", {
          quilt_outcome: "succeeded",
        })
      ]: "1+2x9",
    },
  },
  ...["Audit", "Log"].map((stream): AlertCase => ({
    alert: `Quilt${stream}LinesLost`,
    severity: stream === "Audit" ? "critical" : "warning",
    at: "20m",
    fires: {
      [lines(stream, "lost")]: "0x15 4x9",
      [lines(stream, "written")]: "0+5x25",
    },
    labels: NODE,
    value: "",
    quiet: {
      // Long ago, and before Prometheus looked.
      [lines(stream, "lost")]: "4x25",
      [lines(stream, "written")]: "0+5x25",
    },
  })),
  {
    alert: "QuiltAddressesLow",
    severity: "warning",
    at: "7m",
    fires: { [addresses("free")]: "30 20x9", [addresses("used")]: "223 233x9" },
    labels: NODE,
    value: "",
    quiet: { [addresses("free")]: "30x9", [addresses("used")]: "223x9" },
  },
  {
    alert: "QuiltAddressesUsedUp",
    severity: "critical",
    at: "3m",
    fires: { [addresses("free")]: "1 0x9", [addresses("used")]: "252 253x9" },
    labels: NODE,
    value: "",
    quiet: { [addresses("free")]: "1x9", [addresses("used")]: "252x9" },
  },
  {
    alert: "QuiltConnectionsRefused",
    severity: "warning",
    at: "12m",
    fires: {
      [seriesOf("quilt_connections_refused_total", { quilt_reason: "handshake" })]:
        "0+12x20",
    },
    labels: { ...NODE, quilt_reason: "handshake" },
    value: "",
    quiet: {
      [seriesOf("quilt_connections_refused_total", { quilt_reason: "handshake" })]:
        "0+5x20",
    },
  },
  {
    alert: "QuiltCallsFail",
    severity: "warning",
    at: "12m",
    fires: { [calls("success")]: "0+9x20", [calls("error")]: "0+1x20" },
    labels: { ...NODE, rpc_method: METHOD },
    value: "10%",
    quiet: { [calls("success")]: "0+99x20", [calls("error")]: "0+1x20" },
  },
  {
    alert: "QuiltCallsRefused",
    severity: "warning",
    at: "22m",
    fires: { [calls("refused")]: "0+12x30" },
    labels: { ...NODE, rpc_method: METHOD },
    value: "",
    quiet: { [calls("refused")]: "0 0 0 0 1x9 4x30", [calls("success")]: "0+9x30" },
  },
];

function lines(stream: string, result: string): string {
  const metric = `quilt_${stream.toLowerCase()}_lines_total`;
  return seriesOf(metric, { quilt_result: result });
}

/**
 * An hour of a node with nothing wrong: a start, a few addresses, an `ip` that was lost
 * once, a route that another process has changed, a call that was refused.
 */
export const ORDINARY_HOUR: Series = {
  [UP]: "1x20 0 1x40",
  [routes("installed")]: "0 12x60",
  [routes("waiting")]: "0x10 1 0x50",
  [routes("error")]: "0x60",
  [routes("unverified")]: "12 0x60",
  [findings("device-down", "critical")]: "_x30 1 stale",
  [addresses("free")]: "253 200x60",
  [addresses("used")]: "0 53x60",
  [seriesOf("quilt_repairs_total", { quilt_outcome: "changed" })]: "0x29 1x30",
  [seriesOf("quilt_repairs_total", { quilt_outcome: "failed" })]: "0x29 1x30",
  [seriesOf("quilt_dataplane_ip_starts_total", { quilt_reason: "first" })]: "1x60",
  [seriesOf("quilt_dataplane_ip_starts_total", { quilt_reason: "lost" })]: "0x29 1x30",
  [
    seriesOf("quilt_resync_duration_seconds_count", { quilt_outcome: "succeeded" })
  ]: "1+2x60",
  [calls("success")]: "1+24x20 1+24x40",
  [calls("refused")]: "0x29 1x30",
  [calls("error")]: "0x29 1x30",
  ...durations(CALLS, { rpc_method: METHOD }, ["0.001", "0.0025"]),
  ...durations(EXCHANGES, { quilt_exchange: "batch" }, ["0.0005", "0.001"]),
  [lines("Audit", "written")]: "1+3x60",
  [lines("Audit", "lost")]: "0x60",
  [lines("Log", "written")]: "1+3x60",
  [lines("Log", "lost")]: "0x60",
  [seriesOf("quilt_connections_refused_total", { quilt_reason: "not-http" })]:
    "0x29 1x30",
};
