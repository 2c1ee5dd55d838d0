import assert from "node:assert/strict";
import { classify } from "../../../../src/dataplane/iproute2/errors.ts";
import type { FailureKind } from "../../../../src/dataplane/dataplane.ts";

/** What iproute2 6.1 writes, as it was seen on Linux 6.18. */
const SEEN: readonly (readonly [text: string, kind: FailureKind])[] = [
  ["RTNETLINK answers: File exists", "exists"],
  ["RTNETLINK answers: No such process", "absent"],
  ['Cannot find device "vxlan100"', "no-device"],
  ['Device "vxlan100" does not exist.', "no-device"],
  ["RTNETLINK answers: No such device", "no-device"],
  ["Error: Device for nexthop is not up.", "link-down"],
  ["RTNETLINK answers: Network is down", "link-down"],
  ["RTNETLINK answers: Operation not permitted", "not-permitted"],
  ["RTNETLINK answers: Network is unreachable", "unreachable"],
  ["Error: ipv4: FIB table does not exist.", "no-table"],
  ["Error: ipv4: FIB table does not exist.\nDump terminated", "no-table"],
  // Answers to a look-up that met a route of type unreachable, prohibit or blackhole.
  ["RTNETLINK answers: No route to host", "other"],
  ["RTNETLINK answers: Permission denied", "other"],
  ["RTNETLINK answers: Invalid argument", "other"],
  ["Error: Invalid prefix for given prefix length.", "other"],
  ["", "other"],
];

for (const [text, kind] of SEEN) {
  Deno.test(`${JSON.stringify(text)} is a failure of the kind ${kind}`, () => {
    assert.deepEqual(classify(`${text}\n`), { kind, words: text });
  });
}
