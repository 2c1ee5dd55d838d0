import assert from "node:assert/strict";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";
import { formatRoutes, type RoutesJson, routesJson } from "../../../src/cli/routes.ts";
import { routeTable } from "../../../src/cli/route_table.ts";
import { PLAIN, SCREEN, type Terminal } from "../../../src/cli/terminal.ts";
import { shapeOf } from "./json_shape.ts";

const INSTALLED: Route = {
  destination: "10.42.2.0/24",
  device: "vxlan100",
  state: "ROUTE_STATE_INSTALLED",
  reason: "",
  since: { seconds: 1_700_000_000, nanos: 123_000_000 },
  confirmed: true,
  findings: [],
};

const PENDING: Route = {
  ...INSTALLED,
  destination: "10.42.113.0/24",
  device: "wg0",
  state: "ROUTE_STATE_PENDING",
  reason: "Interface 'wg0' is down",
};

const UNCONFIRMED: Route = { ...INSTALLED, confirmed: false };

/** A terminal of so many columns, without colours. */
function terminal(columns: number): Terminal {
  return { ...SCREEN, columns, hasControl: true, hasColour: false, hasUnicode: true };
}

function lines(routes: readonly Route[], of: Terminal): readonly string[] {
  const { head, rows } = routeTable(routes, of);
  return [head, ...rows.flat()];
}

Deno.test("routeTable has a route on each line where there is room, or nobody who needs it", () => {
  const expected = [
    "DESTINATION     DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z  Interface 'wg0' is down",
  ];
  assert.deepEqual(lines([INSTALLED, PENDING], PLAIN), expected);
  assert.deepEqual(lines([INSTALLED, PENDING], terminal(86)), expected);
});

Deno.test("routeTable sets a note that has no room beside its route under it", () => {
  assert.deepEqual(lines([INSTALLED, PENDING], terminal(85)), [
    "DESTINATION     DEVICE    STATE      SINCE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z",
    "                Interface 'wg0' is down",
  ]);
  assert.deepEqual(lines([UNCONFIRMED, PENDING], terminal(80)), [
    "DESTINATION     DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z  unconfirmed",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z",
    "                Interface 'wg0' is down",
  ]);
});

Deno.test("routeTable aligns device names by what a terminal shows of them", () => {
  const routes = [{ ...INSTALLED, device: "网卡" }, {
    ...INSTALLED,
    device: "a\u202eb",
  }];
  assert.deepEqual(lines(routes, PLAIN), [
    "DESTINATION   DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24  网卡      installed  2023-11-14T22:13:20.123Z",
    String.raw`10.42.2.0/24  a\u202eb  installed  2023-11-14T22:13:20.123Z`,
  ]);
});

Deno.test("routeTable colours states without moving columns", () => {
  const coloured = lines([INSTALLED, PENDING], { ...PLAIN, hasColour: true });
  assert.deepEqual(coloured.slice(1), [
    "10.42.2.0/24    vxlan100  \u001b[32minstalled\u001b[39m  2023-11-14T22:13:20.123Z",
    "10.42.113.0/24  wg0       \u001b[33mpending\u001b[39m    2023-11-14T22:13:20.123Z  " +
    "Interface 'wg0' is down",
  ]);
});

Deno.test("formatRoutes says whether no route is wanted, or none matches", () => {
  assert.equal(formatRoutes([], false, PLAIN), "No route is requested");
  assert.equal(formatRoutes([], true, PLAIN), "No route matches");
  assert.deepEqual(
    formatRoutes([INSTALLED], true, PLAIN).split("\n"),
    lines([INSTALLED], PLAIN),
  );
});

Deno.test("routesJson is one line of the shape of RoutesJson, version 1", () => {
  const line = routesJson([{ ...PENDING, findings: ["device-down"] }, UNCONFIRMED]);
  assert.equal(line.includes("\n"), false);
  const printed: RoutesJson = JSON.parse(line);
  const since = "2023-11-14T22:13:20.123Z";
  assert.deepEqual(printed, {
    version: 1,
    routes: [
      { ...PENDING, state: "pending", since, findings: ["device-down"] },
      { ...UNCONFIRMED, state: "installed", since },
    ],
  });
  const route = {
    destination: "string",
    device: "string",
    state: "string",
    reason: "string",
    since: "string",
    confirmed: "boolean",
  };
  assert.deepEqual(shapeOf(printed), {
    version: "number",
    routes: [{ ...route, findings: ["string"] }, { ...route, findings: [] }],
  });
  assert.equal(routesJson([]), '{"version":1,"routes":[]}');
});

Deno.test("routesJson escapes what a terminal would not show", () => {
  const line = routesJson([{ ...PENDING, reason: "a\u202eb\u009b" }]);
  assert.match(line, /^[ -~]*$/);
  const { routes: [route] }: RoutesJson = JSON.parse(line);
  assert.equal(route?.reason, "a\u202eb\u009b");
});
