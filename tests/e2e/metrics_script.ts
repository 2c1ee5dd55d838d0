/** What a mesh agent does once, and by how much each metric differs after it. */
import assert from "node:assert/strict";
import { changesBetween, type Sample, seriesKey } from "../support/exposition.ts";
import { done, type Host, refused, routesTo } from "./host.ts";
import { until } from "../support/wait.ts";

/** Configures, injects three routes, is refused one, removes one, and one is repaired. */
export async function runScript({ client, namespace }: Host): Promise<void> {
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  for (const destination of ["10.42.2.0/24", "10.42.3.0/24", "10.42.4.0/24"]) {
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  }
  assert.deepEqual(
    await client.injectRoute("10.43.0.0/24", "vxlan100"),
    refused("Destination 10.43.0.0/24 must be within cluster CIDR 10.42.0.0/16"),
  );
  assert.deepEqual(await client.removeRoute("10.42.4.0/24"), done);
  await namespace.ip("route delete 10.42.3.0/24");
  await until(async () => (await routesTo(namespace, "10.42.3.0/24")).length === 1, {
    what: "the repaired route",
  });
}

function calls(rpc: string, outcome: string, count: number): Sample {
  return {
    name: "rpc_server_call_duration_seconds_count",
    labels: {
      rpc_system_name: "grpc",
      rpc_method: `quilt.QuiltRuntime/${rpc}`,
      rpc_status_code: "OK",
      quilt_outcome: outcome,
    },
    value: count,
  };
}

function operations(kind: string, count: number): Sample {
  return {
    name: "quilt_dataplane_operations_total",
    labels: { quilt_operation: kind, quilt_outcome: "done" },
    value: count,
  };
}

/** By how much the series differ; of those that the script decides, all others do not. */
const EXPECTED: readonly Sample[] = [
  calls("ConfigureNodeSubnet", "success", 1),
  calls("InjectRoute", "success", 3),
  calls("InjectRoute", "refused", 1),
  calls("RemoveRoute", "success", 1),
  // The subnet and three routes with their records, and the repair.
  operations("put-entry", 4),
  operations("add-route", 4),
  operations("delete-entry", 1),
  operations("delete-route", 1),
  {
    name: "quilt_audit_lines_total",
    labels: { quilt_result: "written" },
    value: 10,
  },
  {
    name: "quilt_repairs_total",
    labels: { quilt_cause: "event", quilt_outcome: "changed" },
    value: 1,
  },
  {
    name: "quilt_repair_duration_seconds_count",
    labels: { quilt_cause: "event" },
    value: 1,
  },
  { name: "quilt_routes", labels: { quilt_state: "installed" }, value: 2 },
  { name: "quilt_addresses", labels: { quilt_state: "free" }, value: 253 },
];

/** Operations that read are the diagnosis' as well, which looks when it wants. */
const MUTATIONS = /^(?:add|create|delete|probe|put|replace)-/;

/** Durations, and what the sidecar does by itself, have no value that a test could know. */
function isDecidedByScript({ labels, name }: Sample): boolean {
  if (/_bucket$|_sum$/.test(name)) return false;
  if (/^quilt_(?:dataplane_(?:queue|exchange)|findings|log_lines|resync)/.test(name)) {
    return false;
  }
  return name !== "quilt_dataplane_operations_total" ||
    MUTATIONS.test(labels["quilt_operation"] ?? "");
}

/**
 * Runs the script, and waits until the metrics differ by exactly what it does.
 *
 * @param read the series as they are now
 */
export async function assertScriptShows(
  host: Host,
  read: () => Promise<readonly Sample[]>,
): Promise<void> {
  const before = await read();
  await runScript(host);
  const expected = textOf(EXPECTED);
  let changes = "";
  // Records and repairs are counted after the kernel has them.
  await until(async () => {
    const after = await read();
    changes = textOf(changesBetween(before, after).filter(isDecidedByScript));
    return changes === expected;
  }, { what: "the changes" }).catch(() => {});
  assert.equal(changes, expected);
}

function textOf(samples: readonly Sample[]): string {
  return samples.map((sample) => `${seriesKey(sample)} ${sample.value}`).toSorted()
    .join("\n");
}
