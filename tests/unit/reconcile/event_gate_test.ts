import assert from "node:assert/strict";
import type { KernelEvent } from "../../../src/dataplane/dataplane.ts";
import { EventGate } from "../../../src/reconcile/event_gate.ts";
import { device } from "../../support/fixtures.ts";

const link: KernelEvent = { kind: "link", ifindex: 7, device: device("vxlan100") };
const down: KernelEvent = { kind: "monitor-down", why: "ip monitor ended" };
const up: KernelEvent = { kind: "monitor-up" };

function openGate(): {
  readonly gate: EventGate;
  readonly passed: readonly KernelEvent[];
} {
  const passed: KernelEvent[] = [];
  return { gate: new EventGate((event) => passed.push(event)), passed };
}

Deno.test("EventGate passes nothing before the restore", () => {
  const { gate, passed } = openGate();
  for (const event of [link, down, up]) gate.pass(event);
  gate.restore();
  gate.serve();
  assert.deepEqual(passed, []);
});

Deno.test("EventGate passes links and routes during the restore, and events of the monitor only once calls are served", () => {
  const { gate, passed } = openGate();
  gate.restore();
  gate.pass(down);
  gate.pass(link);
  assert.deepEqual(passed, [link]);
  gate.serve();
  assert.deepEqual(passed, [link, down]);
  assert.ok(gate.serving);
});

Deno.test("EventGate passes the last of the monitor's events of the restore", () => {
  const { gate, passed } = openGate();
  gate.restore();
  gate.pass(down);
  gate.pass(up);
  gate.serve();
  assert.deepEqual(passed, [up]);
  gate.pass(down);
  assert.deepEqual(passed, [up, down]);
});
