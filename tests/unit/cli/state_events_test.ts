import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { Finding } from "../../../src/api/gen/quilt/sidecar/v1/Finding.ts";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";
import type { SidecarUpdate } from "../../../src/cli/follow_sidecar.ts";
import {
  describeEvent,
  type EventJson,
  eventJson,
  type StateEvent,
  StateEvents,
} from "../../../src/cli/state_events.ts";
import { PLAIN } from "../../../src/cli/terminal.ts";
import { findingMessage } from "../api/memory_data_path.ts";
import { shapeOf } from "./json_shape.ts";

const INSTALLED: Route = {
  destination: "10.42.2.0/24",
  device: "vxlan100",
  state: "ROUTE_STATE_INSTALLED",
  reason: "",
  since: { seconds: 1_700_000_000, nanos: 0 },
  confirmed: true,
  findings: [],
};

const PENDING: Route = {
  ...INSTALLED,
  state: "ROUTE_STATE_PENDING",
  reason: "Interface 'vxlan100' is down",
};

const OTHER: Route = { ...INSTALLED, destination: "10.42.3.0/24" };

function allRoutes(...routes: Route[]): SidecarUpdate {
  return { kind: "routes", message: { complete: true, routes, removed: [] } };
}

function changedRoutes(routes: Route[], removed: string[] = []): SidecarUpdate {
  return { kind: "routes", message: { complete: false, routes, removed } };
}

function findings(...found: Finding[]): SidecarUpdate {
  return {
    kind: "findings",
    message: { findings: found, diagnosed_at: INSTALLED.since, fault: "" },
  };
}

function network(subnet: string, gateway: string): SidecarUpdate {
  const cluster_cidr = "10.42.0.0/16";
  const node_network = { subnet, gateway, cluster_cidr, revision: 1 };
  return { kind: "network", message: { node_network } };
}

const LOST: SidecarUpdate = {
  kind: "lost",
  fault: { code: status.UNAVAILABLE, details: "It stops", isAnswer: true },
};

const DOWN = findingMessage("device-down", "critical", { device: "vxlan100" });
const SHADOWED = findingMessage("route-shadowed", "critical", {
  destination: "10.42.2.0/24",
});

function startEvents(): StateEvents {
  return new StateEvents(({ details }) => details);
}

/** What happens from this state on: a node with a subnet, two routes and a finding. */
function happened(...updates: readonly SidecarUpdate[]): readonly StateEvent[] {
  const events = startEvents();
  events.take(network("10.42.1.0/24", "10.42.1.1"));
  events.take(allRoutes(INSTALLED, OTHER));
  events.take(findings(SHADOWED));
  return updates.flatMap((each) => events.take(each));
}

function routeEvent(
  destination: string,
  state: "installed" | "pending" | "repaired" | "gone",
  reason = "",
): StateEvent {
  return { kind: "route", destination, device: "vxlan100", state, reason };
}

Deno.test("what there is at the beginning has not happened, only that the sidecar answers", () => {
  const events = startEvents();
  assert.equal(events.hasAnswered, false);
  assert.deepEqual(events.take(findings(DOWN)), []);
  assert.deepEqual(events.take(allRoutes(INSTALLED, PENDING)), []);
  assert.equal(events.hasAnswered, false, "not all of it is known");
  const answers = { kind: "sidecar", state: "answers", reason: "" };
  assert.deepEqual(events.take(network("10.42.1.0/24", "10.42.1.1")), [answers]);
  assert.equal(events.hasAnswered, true);
});

Deno.test("a sidecar that is lost before all is known has not answered", () => {
  const events = startEvents();
  assert.deepEqual(events.take(network("", "")), []);
  assert.deepEqual(events.take(LOST), []);
  assert.equal(events.hasAnswered, false);
});

Deno.test("a route comes, waits, moves to another device and goes", () => {
  const moved = { ...PENDING, device: "wg0", reason: "Interface 'wg0' is down" };
  const third = { ...INSTALLED, destination: "10.42.4.0/24" };
  const elsewhere = { ...INSTALLED, device: "wg0" };
  assert.deepEqual(
    happened(
      changedRoutes([third]),
      changedRoutes([elsewhere]),
      changedRoutes([PENDING]),
      changedRoutes([moved]),
      changedRoutes([{ ...moved, reason: "Interface 'wg0' not found" }]),
      changedRoutes([INSTALLED], ["10.42.3.0/24", "10.42.99.0/24"]),
    ),
    [
      routeEvent("10.42.4.0/24", "installed"),
      { ...routeEvent("10.42.2.0/24", "installed"), device: "wg0" },
      routeEvent("10.42.2.0/24", "pending", PENDING.reason),
      {
        ...routeEvent("10.42.2.0/24", "pending", "Interface 'wg0' is down"),
        device: "wg0",
      },
      {
        ...routeEvent("10.42.2.0/24", "pending", "Interface 'wg0' not found"),
        device: "wg0",
      },
      routeEvent("10.42.3.0/24", "gone"),
      routeEvent("10.42.2.0/24", "installed"),
    ],
  );
});

Deno.test("a route that only is confirmed, or has other findings, has not changed", () => {
  const same = [
    { ...INSTALLED, confirmed: false },
    { ...INSTALLED, findings: ["device-down"] },
  ];
  assert.deepEqual(happened(...same.map((route) => changedRoutes([route]))), []);
});

Deno.test("a route that the kernel had lost is repaired, and one that another process tells of is not", () => {
  const back = { ...INSTALLED, since: { seconds: 1_700_000_060, nanos: 0 } };
  assert.deepEqual(happened(changedRoutes([back]), changedRoutes([back])), [
    routeEvent("10.42.2.0/24", "repaired"),
  ]);
  assert.deepEqual(happened(allRoutes(back, OTHER)), []);
});

Deno.test("findings begin and end, each once, whatever else changes in them", () => {
  const { since: _, ...fields } = {
    ...DOWN,
    severity: "critical",
    found: "Found device-down",
  };
  const [begun, ended] = (["begun", "ended"] as const).map((state) => ({
    kind: "finding",
    state,
    ...fields,
  }));
  const again = { ...DOWN, found: "vxlan100 is down, but 2 routes are wanted" };
  const [first, second, ...rest] = happened(
    findings(SHADOWED, DOWN),
    findings(SHADOWED, again),
    findings(SHADOWED),
    findings(SHADOWED),
  );
  assert.deepEqual(first, begun);
  assert.deepEqual(second, { ...ended, found: again.found });
  assert.deepEqual(rest, []);
});

Deno.test("the node gets another subnet", () => {
  assert.deepEqual(
    happened(
      network("10.42.1.0/24", "10.42.1.1"),
      network("10.42.7.0/24", "10.42.7.1"),
      network("", ""),
    ),
    [
      { kind: "network", subnet: "10.42.7.0/24", gateway: "10.42.7.1" },
      { kind: "network", subnet: "", gateway: "" },
    ],
  );
});

Deno.test("a sidecar is lost once and answers once, and what changed meanwhile has happened", () => {
  assert.deepEqual(
    happened(LOST, LOST, allRoutes(PENDING), findings(), LOST),
    [
      { kind: "sidecar", state: "lost", reason: "It stops" },
      { kind: "sidecar", state: "answers", reason: "" },
      routeEvent("10.42.3.0/24", "gone"),
      routeEvent("10.42.2.0/24", "pending", PENDING.reason),
      {
        kind: "finding",
        state: "ended",
        id: "route-shadowed",
        severity: "critical",
        device: "",
        destination: "10.42.2.0/24",
        found: "Found route-shadowed",
        meaning: "It means critical",
        remedy: ["end route-shadowed", "and that is all"],
      },
      { kind: "sidecar", state: "lost", reason: "It stops" },
    ],
  );
});

const TIME = new Date(Date.UTC(2026, 10, 29, 11, 16, 24, 130));

/** One event of each kind and state. */
const EVENTS: readonly StateEvent[] = [
  { kind: "sidecar", state: "answers", reason: "" },
  { kind: "network", subnet: "10.42.7.0/24", gateway: "10.42.7.1" },
  { kind: "network", subnet: "", gateway: "" },
  routeEvent("10.42.2.0/24", "installed"),
  routeEvent("10.42.2.0/24", "pending", "Interface 'vxlan100' is down"),
  routeEvent("10.42.2.0/24", "gone"),
  ...happened(
    findings(SHADOWED, DOWN, findingMessage("rp-filter", "warning")),
    findings(),
  ),
  { kind: "sidecar", state: "lost", reason: "It stops\n" },
];

Deno.test("describeEvent is one line with its time", () => {
  assert.deepEqual(EVENTS.map((event) => describeEvent(event, TIME, PLAIN)), [
    "2026-11-29T11:16:24.130Z sidecar  answers",
    "2026-11-29T11:16:24.130Z network  10.42.7.0/24, gateway 10.42.7.1",
    "2026-11-29T11:16:24.130Z network  no subnet is configured",
    "2026-11-29T11:16:24.130Z route    10.42.2.0/24 dev vxlan100 installed",
    "2026-11-29T11:16:24.130Z route    10.42.2.0/24 dev vxlan100 pending: " +
    "Interface 'vxlan100' is down",
    "2026-11-29T11:16:24.130Z route    10.42.2.0/24 dev vxlan100 gone",
    "2026-11-29T11:16:24.130Z finding  CRITICAL vxlan100: Found device-down (device-down)",
    "2026-11-29T11:16:24.130Z finding  WARNING this node: Found rp-filter (rp-filter)",
    "2026-11-29T11:16:24.130Z finding  ENDED 10.42.2.0/24: route-shadowed",
    "2026-11-29T11:16:24.130Z finding  ENDED vxlan100: device-down",
    "2026-11-29T11:16:24.130Z finding  ENDED this node: rp-filter",
    String.raw`2026-11-29T11:16:24.130Z sidecar  does not answer: It stops\u000a`,
  ]);
});

Deno.test("describeEvent colours the word that tells what happened", () => {
  const coloured = EVENTS.map((event) =>
    describeEvent(event, TIME, { ...PLAIN, hasColour: true })
  );
  const time = "\u001b[2m2026-11-29T11:16:24.130Z\u001b[22m";
  assert.deepEqual(coloured.slice(3, 7), [
    `${time} route    10.42.2.0/24 dev vxlan100 \u001b[32minstalled\u001b[39m`,
    `${time} route    10.42.2.0/24 dev vxlan100 \u001b[33mpending\u001b[39m: ` +
    "Interface 'vxlan100' is down",
    `${time} route    10.42.2.0/24 dev vxlan100 \u001b[2mgone\u001b[22m`,
    `${time} finding  \u001b[31mCRITICAL\u001b[39m vxlan100: Found device-down ` +
    "(device-down)",
  ]);
});

Deno.test("eventJson is one line of the shape of EventJson, version 1, for each kind", () => {
  const lines = EVENTS.map((event) => eventJson(event, TIME));
  for (const line of lines) assert.match(line, /^[ -~]*$/);
  const printed: readonly EventJson[] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    printed,
    EVENTS.map((event) => ({
      version: 1,
      time: "2026-11-29T11:16:24.130Z",
      ...event,
    })),
  );
  const shapes = new Map(printed.map((event) => [event.kind, shapeOf(event)]));
  const always = { version: "number", time: "string", kind: "string" };
  assert.deepEqual(Object.fromEntries(shapes), {
    sidecar: { ...always, state: "string", reason: "string" },
    network: { ...always, subnet: "string", gateway: "string" },
    route: {
      ...always,
      destination: "string",
      device: "string",
      state: "string",
      reason: "string",
    },
    finding: {
      ...always,
      state: "string",
      id: "string",
      severity: "string",
      device: "string",
      destination: "string",
      found: "string",
      meaning: "string",
      remedy: ["string"],
    },
  });
});
