import assert from "node:assert/strict";
import type { KernelEvent } from "../../../src/dataplane/dataplane.ts";
import { Disturbances } from "../../../src/diagnose/disturbances.ts";
import { ourRoute, TABLE_MAIN } from "../../../src/routing/kernel_route.ts";
import { cidr, device } from "../../support/fixtures.ts";

const TO = cidr("10.42.2.0/24");
const VXLAN = device("vxlan100");

function event(
  change: Partial<Extract<KernelEvent, { readonly kind: "route" }>>,
): KernelEvent {
  return {
    kind: "route",
    deleted: true,
    destination: TO,
    table: TABLE_MAIN,
    protocol: 142,
    device: VXLAN,
    plain: true,
    ...change,
  };
}

Deno.test("Disturbances finds a route that another process deletes again and again, and how often", () => {
  const disturbances = new Disturbances((destination) => destination === TO);
  for (const at of [0, 5_000, 10_000]) {
    assert.deepEqual(disturbances.contended(at), []);
    assert.ok(disturbances.onKernelEvent(event({}), at));
    // Our repair is none.
    assert.ok(!disturbances.onKernelEvent(event({ deleted: false }), at + 1));
  }
  assert.deepEqual(disturbances.contended(10_001), [
    { destination: TO, repairs: 3, protocol: undefined, everyMs: 5_000 },
  ]);
  assert.deepEqual(disturbances.contended(60_001), []);
});

Deno.test("Disturbances knows the protocol of who replaces a route", () => {
  const disturbances = new Disturbances(() => true);
  for (const at of [0, 10, 20, 30]) {
    disturbances.onKernelEvent(event({ deleted: false, protocol: 4 }), at);
  }
  assert.deepEqual(disturbances.contended(40), [
    { destination: TO, repairs: 4, protocol: 4, everyMs: 10 },
  ]);
});

Deno.test("Disturbances leaves out what this process deletes, other tables, and routes that nobody wants", () => {
  const disturbances = new Disturbances((destination) => destination === TO);
  for (const at of [0, 1, 2, 3, 4]) {
    disturbances.noteOwn({
      kind: "delete-route",
      route: ourRoute({ destination: TO, device: VXLAN }),
    });
    assert.ok(!disturbances.onKernelEvent(event({}), at));
    assert.ok(!disturbances.onKernelEvent(event({ table: 142 }), at));
    const other = event({ destination: cidr("10.42.3.0/24") });
    assert.ok(!disturbances.onKernelEvent(other, at));
    assert.ok(!disturbances.onKernelEvent({ kind: "rule" }, at));
  }
  assert.deepEqual(disturbances.contended(5), []);
});
