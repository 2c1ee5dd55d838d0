import { status as grpcStatus } from "@grpc/grpc-js";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import { ok, type Result } from "../shared/result.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { DEADLINE_MS, runClient } from "./client_command.ts";
import { type CallFault, reasonOf, type SidecarConnection } from "./grpc_client.ts";
import { EXIT_USAGE } from "./exit.ts";
import { watchPicture } from "./live_picture.ts";
import { FILTER_OPTIONS } from "./options.ts";
import { showText } from "./output.ts";
import { required } from "./required.ts";
import { readRouteFilter } from "./route_filter.ts";
import {
  type DataPathReport,
  formatStatus,
  type NodeStatus,
  statusJson,
  type StatusView,
} from "./status_report.ts";
import { standardTerminal } from "./terminal.ts";

/** Milliseconds between two pictures of `--watch`. */
const PICTURE_MS = 1_000;

/** Runs the command `status`. */
export async function status(line: CommandLine): Promise<CommandEnd> {
  const { options } = line;
  const filter = readRouteFilter(options);
  if (!filter.ok) return { exitCode: EXIT_USAGE, sentence: filter.fault };
  const isFiltered = FILTER_OPTIONS.some((name) => options.has(name));
  const view = (): StatusView => ({
    isSought: filter.value,
    isVerbose: options.has("verbose") || isFiltered,
    mustFit: options.has("watch"),
    hasMap: options.has("map"),
    terminal: standardTerminal(),
    nowMs: Date.now(),
  });
  const format = (report: NodeStatus): string =>
    options.has("json")
      ? statusJson(report, { isSought: filter.value })
      : formatStatus(report, view());
  if (options.has("watch")) {
    return await watchPicture("status", line, async (sidecar) => {
      const report = await fetchStatus(sidecar);
      return report.ok ? ok(format(report.value)) : report;
    }, PICTURE_MS);
  }
  return await runClient({
    name: "status",
    ask: fetchStatus,
    show: (report) => showText(format(report)),
  }, line);
}

/** Asks for everything that `status` shows. */
export async function fetchStatus(
  { reader }: SidecarConnection,
): Promise<Result<NodeStatus, CallFault>> {
  const [network, addresses, routes, findings] = await Promise.all([
    reader.getNodeNetwork(),
    reader.listAddresses(),
    reader.listRoutes(),
    reader.listFindings(),
  ]);
  if (!network.ok) return network;
  if (!addresses.ok) return addresses;
  if (!routes.ok) return routes;
  const { addresses: allocated, free } = addresses.value;
  return ok({
    network: required(network.value.node_network, "node_network"),
    refusal: network.value.refusal,
    activity: network.value.sidecar,
    allocated: allocated.length,
    free,
    routes: routes.value.routes,
    dataPath: toDataPath(findings),
  });
}

/** Without the findings, what else there is to show is worth showing. */
function toDataPath(answer: Result<ListFindingsResponse, CallFault>): DataPathReport {
  if (answer.ok) return { kind: "reported", diagnosis: answer.value };
  const { fault } = answer;
  return {
    kind: "not-reported",
    why: fault.code === grpcStatus.UNIMPLEMENTED ? "" : reasonOf(fault, DEADLINE_MS),
  };
}
