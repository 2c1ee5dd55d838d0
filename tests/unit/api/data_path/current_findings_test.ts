import assert from "node:assert/strict";
import { CurrentFindings } from "../../../../src/api/data_path/current_findings.ts";
import type { Route } from "../../../../src/routing/route.ts";
import { finding, MemoryDataPath } from "../memory_data_path.ts";
import { cidr, device } from "../outcomes.ts";

function route(destination: string, via: string): Route {
  return { destination: cidr(destination), device: device(via) };
}

const FIRST = route("10.42.2.0/24", "vxlan100");
const SECOND = route("10.42.3.0/24", "vxlan100");
const OTHER = route("10.42.4.0/24", "wg0");

/** Findings that a test publishes. */
function open() {
  const dataPath = new MemoryDataPath();
  return { dataPath, findings: new CurrentFindings(dataPath) };
}

Deno.test("CurrentFindings gives a route the ids about its destination and its device, worst first and each once", () => {
  const { dataPath, findings } = open();
  dataPath.publish([
    finding("forwarding-off", "critical"),
    finding("bridge-port", "critical", { device: "vxlan100" }),
    finding("route-shadowed", "critical", { destination: "10.42.2.0/24" }),
    finding("mtu-too-large", "warning", { device: "vxlan100" }),
    finding("mtu-too-large", "warning", { destination: "10.42.2.0/24" }),
  ]);
  assert.deepEqual(findings.ofRoute(FIRST), [
    "bridge-port",
    "route-shadowed",
    "mtu-too-large",
  ]);
  assert.deepEqual(findings.ofRoute(SECOND), ["bridge-port", "mtu-too-large"]);
  assert.deepEqual(findings.ofRoute(OTHER), []);
  assert.deepEqual(findings.ofNode.map(({ id }) => id), ["forwarding-off"]);
});

Deno.test("CurrentFindings is SERVING if no finding is critical, and NOT_SERVING until the kernel could be read once", () => {
  const { dataPath, findings } = open();
  const statuses = [findings.status()];
  const publish = (...[found, fault]: Parameters<MemoryDataPath["publish"]>) => {
    dataPath.publish(found, fault);
    statuses.push(findings.status());
  };
  publish([], "ip was lost");
  publish([finding("missing-routes", "warning", { device: "vxlan100" })]);
  publish([finding("device-down", "critical", { device: "vxlan100" })]);
  publish([]);
  publish([], "ip was lost");
  assert.deepEqual(statuses, [
    "NOT_SERVING",
    "NOT_SERVING",
    "SERVING",
    "NOT_SERVING",
    "SERVING",
    "SERVING",
  ]);
});

Deno.test("CurrentFindings.watch tells the routes whose findings have changed from the others", () => {
  const { dataPath, findings } = open();
  const changed: (readonly boolean[])[] = [];
  const unwatch = findings.watch((isChanged) =>
    changed.push([FIRST, SECOND, OTHER].map(isChanged))
  );
  const down = finding("device-down", "critical", { device: "vxlan100" });
  dataPath.publish([down]);
  dataPath.publish([{ ...down, found: "Other words" }]);
  dataPath.publish([
    down,
    finding("route-shadowed", "critical", { destination: "10.42.2.0/24" }),
  ]);
  dataPath.publish([]);
  unwatch();
  dataPath.publish([down]);
  assert.deepEqual(changed, [
    [true, true, false],
    [false, false, false],
    [true, false, false],
    [true, true, false],
  ]);
});
