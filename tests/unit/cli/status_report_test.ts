import assert from "node:assert/strict";
import {
  formatStatus,
  type NodeStatus,
  statusJson,
} from "../../../src/cli/status_report.ts";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";

const UNCONFIGURED: NodeStatus = {
  network: { subnet: "", gateway: "", cluster_cidr: "10.42.0.0/16", revision: 0 },
  refusal: "",
  allocated: 0,
  free: 0,
  routes: [],
};

const INSTALLED: Route = {
  destination: "10.42.2.0/24",
  device: "vxlan100",
  state: "ROUTE_STATE_INSTALLED",
  reason: "",
  since: { seconds: 1_700_000_000, nanos: 123_000_000 },
  confirmed: true,
};

const PENDING: Route = {
  ...INSTALLED,
  destination: "10.42.113.0/24",
  device: "wg0",
  state: "ROUTE_STATE_PENDING",
  reason: "Interface 'wg0' is down",
};

const STATUS: NodeStatus = {
  network: {
    subnet: "10.42.1.0/24",
    gateway: "10.42.1.1",
    cluster_cidr: "10.42.0.0/16",
    revision: 7,
  },
  refusal: "",
  allocated: 12,
  free: 241,
  routes: [
    INSTALLED,
    { ...INSTALLED, destination: "10.42.13.0/24", confirmed: false },
    PENDING,
    { ...PENDING, destination: "10.42.114.0/24", confirmed: false },
  ],
};

Deno.test("formatStatus reports a node without a subnet, and prints no table", () => {
  assert.deepEqual(formatStatus(UNCONFIGURED).split("\n"), [
    "Node subnet   not configured: no ConfigureNodeSubnet since the sidecar's start",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     0 allocated, 0 free",
    "Routes        0 installed, 0 pending; 0 unconfirmed",
  ]);
});

Deno.test("formatStatus and statusJson report the reason of a refused ConfigureNodeSubnet", () => {
  const refusal = "Permission denied: \u202e…";
  const shown = (status: NodeStatus) => formatStatus(status).split("\n")[0];
  const said = String.raw`last ConfigureNodeSubnet refused: Permission denied: \u202e`;
  assert.equal(
    shown({ ...UNCONFIGURED, refusal }),
    `Node subnet   not configured; ${said}…`,
  );
  assert.equal(
    shown({ ...STATUS, refusal }),
    `Node subnet   10.42.1.0/24, gateway 10.42.1.1; ${said}…`,
  );
  const json = JSON.parse(statusJson({ ...STATUS, refusal }));
  assert.equal(json.node_network.refusal, refusal);
});

Deno.test("formatStatus prints a row for every route, with its note", () => {
  assert.deepEqual(formatStatus(STATUS).split("\n"), [
    "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     12 allocated, 241 free",
    "Routes        2 installed, 2 pending; 2 unconfirmed",
    "",
    "DESTINATION     DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z",
    "10.42.13.0/24   vxlan100  installed  2023-11-14T22:13:20.123Z  unconfirmed",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z  Interface 'wg0' is down",
    "10.42.114.0/24  wg0       pending    2023-11-14T22:13:20.123Z  unconfirmed; Interface 'wg0' is down",
  ]);
});

Deno.test("statusJson is one line of JSON with the same content", () => {
  const line = statusJson({ ...STATUS, routes: [INSTALLED, PENDING] });
  assert.equal(line.includes("\n"), false);
  const since = "2023-11-14T22:13:20.123Z";
  assert.deepEqual(JSON.parse(line), {
    node_network: { ...STATUS.network, refusal: "" },
    addresses: { allocated: 12, free: 241 },
    route_counts: { installed: 1, pending: 1, unconfirmed: 0 },
    routes: [
      { ...INSTALLED, state: "installed", since },
      { ...PENDING, state: "pending", since },
    ],
  });
});

Deno.test("formatStatus prints 200,000 routes", () => {
  const routes = Array.from({ length: 200_000 }, () => INSTALLED);
  assert.equal(formatStatus({ ...STATUS, routes }).split("\n").length, 200_006);
});

Deno.test("formatStatus and statusJson escape invisible characters of a reason", () => {
  const reason = "Interface 'wg\u202e0\n' is down";
  const odd: NodeStatus = { ...STATUS, routes: [{ ...PENDING, reason }] };
  const text = formatStatus(odd);
  assert.ok(text.endsWith(String.raw`Interface 'wg\u202e0\u000a' is down`), text);
  const json = statusJson(odd);
  assert.doesNotMatch(json, /[^ -~]/);
  assert.equal(JSON.parse(json).routes[0].reason, reason);
});

Deno.test("formatStatus throws for a route whose state or time is not set", () => {
  const unset = [
    { ...INSTALLED, state: "ROUTE_STATE_UNSPECIFIED" } as const,
    { ...INSTALLED, since: null },
  ];
  for (const route of unset) {
    for (const format of [formatStatus, statusJson]) {
      assert.throws(() => format({ ...STATUS, routes: [route] }), TypeError);
    }
  }
});
