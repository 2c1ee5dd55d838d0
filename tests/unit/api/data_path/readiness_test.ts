import assert from "node:assert/strict";
import { CurrentFindings } from "../../../../src/api/data_path/current_findings.ts";
import { readinessOf } from "../../../../src/api/data_path/readiness.ts";
import { finding, MemoryDataPath } from "../memory_data_path.ts";

Deno.test("readinessOf is SERVING only if the sidecar serves and no finding is critical, and names each reason once", () => {
  const dataPath = new MemoryDataPath();
  const findings = new CurrentFindings(dataPath);
  const none = { status: "NOT_SERVING", reasons: ["not-diagnosed"] };
  assert.deepEqual(readinessOf("SERVING", findings), none);
  dataPath.publish([finding("missing-routes", "warning", { device: "vxlan100" })]);
  assert.deepEqual(readinessOf("SERVING", findings), {
    status: "SERVING",
    reasons: [],
  });
  assert.deepEqual(readinessOf("NOT_SERVING", findings), {
    status: "NOT_SERVING",
    reasons: ["sidecar-not-serving"],
  });
  dataPath.publish([
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("device-down", "critical", { device: "wg0" }),
    finding("forwarding-off", "critical"),
    finding("missing-routes", "warning", { device: "vxlan100" }),
  ]);
  assert.deepEqual(readinessOf("SERVING", findings), {
    status: "NOT_SERVING",
    reasons: ["device-down", "forwarding-off"],
  });
  assert.deepEqual(readinessOf("NOT_SERVING", findings).reasons, [
    "sidecar-not-serving",
    "device-down",
    "forwarding-off",
  ]);
});
