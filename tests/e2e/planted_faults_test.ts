/**
 * @long
 */
import assert from "node:assert/strict";
import { partOf } from "../support/suite.ts";
import { makeMesh, testFault } from "./faulty_mesh.ts";
import { findingMessages } from "./host.ts";
import { needsGrpcurl, PLANTED_FAULTS } from "./planted_faults.ts";

Deno.test("a healthy pair of hosts is silent", async () => {
  await using mesh = await makeMesh();
  // On a slow machine a second passes before the first route is asked for: until then
  // the host has more peers than routes, and says so.
  const warnings = findingMessages(mesh.sidecar).filter((line) =>
    line.startsWith("WARN") && !line.startsWith("WARN: missing-routes ")
  );
  assert.deepEqual(warnings, []);
});

const withoutGrpcurl = PLANTED_FAULTS.filter((fault) => !needsGrpcurl(fault));

for (const fault of partOf(withoutGrpcurl, 4)) {
  Deno.test(`status, log and doctor name ${fault.id} within 3 s, and its remedy ends it: ${fault.title}`, () =>
    testFault(fault));
}
