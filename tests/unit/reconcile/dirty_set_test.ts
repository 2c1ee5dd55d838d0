import assert from "node:assert/strict";
import { DesiredState } from "../../../src/reconcile/desired_state.ts";
import { DirtySet } from "../../../src/reconcile/dirty_set.ts";
import { INSTALLED } from "../../../src/reconcile/outcome.ts";
import { cidr, device } from "../../support/fixtures.ts";

const ONE = cidr("10.42.1.0/24");
const OTHER = cidr("10.42.2.0/24");
const EVENT = { cause: "event", sinceMs: 1 } as const;
const LINK = { cause: "link", sinceMs: 2 } as const;
const CALL = { cause: "call", sinceMs: 3 } as const;

/** A desired state with a route through each of two devices. */
function desiredRoutes(): DesiredState {
  const desired = new DesiredState();
  for (const [destination, name] of [[ONE, "vxlan100"], [OTHER, "wg0"]] as const) {
    const route = { destination, device: device(name) };
    desired.put({ route, persisted: true, status: INSTALLED });
  }
  return desired;
}

Deno.test("DirtySet keeps the first mark of a prefix until it is taken", () => {
  const dirty = new DirtySet();
  dirty.mark(ONE, EVENT);
  dirty.mark(ONE, CALL);
  dirty.mark(OTHER, CALL);
  assert.deepEqual([...dirty.prefixes], [ONE, OTHER]);
  assert.deepEqual([...dirty.take((prefix) => prefix === ONE)], [[ONE, EVENT]]);
  assert.deepEqual([...dirty.prefixes], [OTHER]);
  dirty.mark(ONE, LINK);
  assert.deepEqual([...dirty.take(() => true)], [[OTHER, CALL], [ONE, LINK]]);
  assert.deepEqual([...dirty.take(() => true)], []);
});

Deno.test("DirtySet marks the routes of a device as the device was marked first, and no others", () => {
  const dirty = new DirtySet();
  dirty.markDevices([device("vxlan100")], LINK);
  dirty.markDevices([device("vxlan100")], { cause: "link", sinceMs: 9 });
  assert.equal(dirty.unresolved, true);
  dirty.resolveDevices(desiredRoutes());
  assert.equal(dirty.unresolved, false);
  assert.deepEqual([...dirty.take(() => true)], [[ONE, LINK]]);
});

Deno.test("DirtySet leaves the mark of a route that was marked before its device", () => {
  const dirty = new DirtySet();
  dirty.mark(ONE, EVENT);
  dirty.markDevices([device("vxlan100")], LINK);
  dirty.resolveDevices(desiredRoutes());
  assert.deepEqual([...dirty.take(() => true)], [[ONE, EVENT]]);
});

Deno.test("DirtySet takes the records that should exist, with their first marks, and drops the others", () => {
  const dirty = new DirtySet();
  dirty.markRecord(ONE, EVENT);
  dirty.markRecord(ONE, CALL);
  dirty.markRecord(OTHER, CALL);
  assert.deepEqual([...dirty.takeRecords((prefix) => prefix === ONE)], [[ONE, EVENT]]);
  assert.equal(dirty.unresolved, false);
  assert.deepEqual([...dirty.takeRecords(() => true)], []);
});
