import assert from "node:assert/strict";
import type { DesiredRoute } from "../../../src/reconcile/desired_state.ts";
import {
  type Repair,
  repairMessages,
  statusMessages,
} from "../../../src/reconcile/repair_messages.ts";
import { cidr, device } from "../../support/fixtures.ts";

/** The route to 10.42.N.0/24, which waits for its device. */
function waiting(n: number, name: string): DesiredRoute {
  return {
    route: { destination: cidr(`10.42.${n}.0/24`), device: device(name) },
    persisted: true,
    status: { kind: "waiting", reason: "down" },
  };
}

/** That such a route was installed. */
function installed(n: number, name: string): Repair {
  const before = waiting(n, name);
  const outcome = { kind: "added", ifindex: 2, replaced: [] } as const;
  return { kind: "route", prefix: before.route.destination, before, outcome };
}

Deno.test("repairMessages names the destination and the device of a route that was repaired", () => {
  assert.deepEqual(repairMessages([installed(2, "vxlan100")]), [{
    level: "info",
    message: "Installed 1 pending route via vxlan100: 10.42.2.0/24",
    fields: { destination: "10.42.2.0/24", device: "vxlan100" },
  }]);
});

Deno.test("repairMessages names the device alone of several routes that share a line", () => {
  const repairs = [2, 3, 4, 5].map((n) => installed(n, "vxlan100"));
  assert.deepEqual(repairMessages(repairs), [{
    level: "info",
    message: "Installed 4 pending routes via vxlan100: 10.42.2.0/24, 10.42.3.0/24, " +
      "10.42.4.0/24 and 1 more",
    fields: { destination: undefined, device: "vxlan100" },
  }]);
});

Deno.test("repairMessages names no device for a line about several", () => {
  const repairs = ["vxlan100", "vxlan200"].map((name): Repair => ({
    kind: "route",
    prefix: cidr("10.42.2.0/24"),
    before: { ...waiting(2, name), status: { kind: "installed" } },
    outcome: { kind: "added", ifindex: 2, replaced: [] },
  }));
  const [line] = repairMessages(repairs);
  assert.match(line?.message ?? "", /^Repaired 2 routes that /);
  assert.deepEqual(line?.fields, { destination: undefined, device: undefined });
});

Deno.test("repairMessages names the destination alone of a record that was written again", () => {
  const prefix = cidr("10.42.2.0/24");
  const [line] = repairMessages([
    { kind: "record", prefix, outcome: { kind: "written" } },
  ]);
  assert.deepEqual(line?.fields, { destination: prefix, device: undefined });
});

Deno.test("statusMessages names the destination and the device of a route that waits", () => {
  assert.deepEqual(statusMessages([waiting(2, "vxlan100")]), [{
    level: "warn",
    message: "1 route is pending (Interface 'vxlan100' is down): 10.42.2.0/24",
    fields: { destination: "10.42.2.0/24", device: "vxlan100" },
  }]);
});
