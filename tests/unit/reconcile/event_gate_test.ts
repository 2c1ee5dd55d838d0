import assert from "node:assert/strict";
import type { KernelEvent } from "../../../src/dataplane/dataplane.ts";
import { EventGate } from "../../../src/reconcile/event_gate.ts";
import { device } from "../../support/fixtures.ts";

const link: KernelEvent = { kind: "link", ifindex: 7, device: device("vxlan100") };
const deaf: KernelEvent = { kind: "monitor-down", why: "ip monitor ended" };
const listening: KernelEvent = { kind: "monitor-up" };

function listen(): {
  readonly hearing: EventGate;
  readonly heard: readonly KernelEvent[];
} {
  const heard: KernelEvent[] = [];
  return { hearing: new EventGate((event) => heard.push(event)), heard };
}

Deno.test("before it looks at the kernel a node hears nothing", () => {
  const { hearing, heard } = listen();
  for (const event of [link, deaf, listening]) hearing.hear(event);
  hearing.adopt();
  hearing.serve();
  assert.deepEqual(heard, []);
});

Deno.test("a node that adopts hears of links and routes, and of the monitor only once it serves", () => {
  const { hearing, heard } = listen();
  hearing.adopt();
  hearing.hear(deaf);
  hearing.hear(link);
  assert.deepEqual(heard, [link]);
  hearing.serve();
  assert.deepEqual(heard, [link, deaf]);
  assert.ok(hearing.serving);
});

Deno.test("of the monitor's news during the start the last counts", () => {
  const { hearing, heard } = listen();
  hearing.adopt();
  hearing.hear(deaf);
  hearing.hear(listening);
  hearing.serve();
  assert.deepEqual(heard, [listening]);
  hearing.hear(deaf);
  assert.deepEqual(heard, [listening, deaf]);
});
