import assert from "node:assert/strict";
import fc from "fast-check";
import type { RouteOutcome } from "../../../src/api/gen/quilt/sidecar/v1/RouteOutcome.ts";
import { differenceOf, formatDifference } from "../../../src/cli/sync_difference.ts";
import type { FileRoute } from "../../../src/cli/sync_file.ts";

function outcome(
  destination: string,
  kind: RouteOutcome["kind"],
  detail = "",
): RouteOutcome {
  return { destination, kind, detail };
}

function route(octet: number, device = "vxlan100"): FileRoute {
  return { destination: `10.42.${octet}.0/24`, device };
}

Deno.test("sync shows what is added, removed, moved, restored and refused, one line each", () => {
  const before = [route(2), route(3), route(4, "vxlan200"), route(5), route(6)];
  const after = [route(1), route(3), route(4), route(5), route(7, "wg0"), route(8)];
  assert.deepEqual(
    formatDifference(differenceOf(before, after, [
      outcome("10.42.1.0/24", "ROUTE_OUTCOME_KIND_ADDED"),
      outcome("10.42.2.0/24", "ROUTE_OUTCOME_KIND_REMOVED"),
      outcome("10.42.3.0/24", "ROUTE_OUTCOME_KIND_UNCHANGED"),
      outcome("10.42.4.0/24", "ROUTE_OUTCOME_KIND_ADDED"),
      outcome("10.42.5.0/24", "ROUTE_OUTCOME_KIND_ADDED"),
      outcome("10.42.6.0/24", "ROUTE_OUTCOME_KIND_REFUSED", "Not permitted"),
      outcome("10.42.7.0/24", "ROUTE_OUTCOME_KIND_PENDING", "wg0 not found"),
      outcome("10.42.8.0/24", "ROUTE_OUTCOME_KIND_REFUSED", "Connected\u202e"),
    ])),
    [
      "+ 10.42.1.0/24  dev vxlan100",
      "- 10.42.2.0/24  dev vxlan100",
      "~ 10.42.4.0/24  dev vxlan100  was vxlan200",
      "+ 10.42.5.0/24  dev vxlan100  the kernel does not have it",
      "! 10.42.6.0/24  dev vxlan100  Not permitted",
      "+ 10.42.7.0/24  dev wg0       wg0 not found",
      "! 10.42.8.0/24  dev vxlan100  Connected\\u202e",
    ],
  );
});

Deno.test("sync shows as many changes as there is room for, and counts the rest", () => {
  const routes = Array.from({ length: 43 }, (_, at) => route(at));
  const outcomes = routes.map(({ destination }) =>
    outcome(destination, "ROUTE_OUTCOME_KIND_ADDED")
  );
  const changes = differenceOf([], routes, outcomes);
  const lines = formatDifference(changes, 20);
  assert.deepEqual([lines.length, lines.at(-1)], [21, "and 23 more"]);
  assert.equal(formatDifference(changes, 43).length, 43);
  assert.equal(formatDifference(changes).length, 43);
});

const anyRoutes = fc.uniqueArray(
  fc.record({
    octet: fc.nat({ max: 12 }),
    device: fc.constantFrom("vxlan100", "vxlan200", "wg0"),
  }),
  { selector: ({ octet }) => octet },
).map((routes) => routes.map(({ device, octet }) => route(octet, device)));

/** Applies the shown lines to the old routes, as a person would. */
function apply(
  before: readonly FileRoute[],
  lines: readonly string[],
): ReadonlyMap<string, string> {
  const devices = new Map(
    before.map(({ destination, device }) => [destination, device]),
  );
  for (const line of lines) {
    const [, sign, destination = "", device = ""] =
      /^([-+~]) (\S+) +dev (\S+)/.exec(line) ?? [];
    if (sign === "-") assert.ok(devices.delete(destination), line);
    else {
      assert.equal(devices.has(destination), sign === "~", line);
      assert.notEqual(devices.get(destination), device, line);
      devices.set(destination, device);
    }
  }
  return devices;
}

Deno.test("the difference that sync shows makes the old routes those of the file, and each of its lines changes something", () => {
  fc.assert(fc.property(anyRoutes, anyRoutes, fc.boolean(), (before, after, waits) => {
    const all = new Set([...before, ...after].map(({ destination }) => destination));
    const had = new Map(before.map(({ destination, device }) => [destination, device]));
    const wanted = new Map(
      after.map(({ destination, device }) => [destination, device]),
    );
    const outcomes = [...all].toSorted().map((destination) => {
      const device = wanted.get(destination);
      if (device === undefined) {
        return outcome(destination, "ROUTE_OUTCOME_KIND_REMOVED");
      }
      // A route through a device that is not there is pending before and after.
      if (waits && device === "wg0") {
        return outcome(destination, "ROUTE_OUTCOME_KIND_PENDING", "wg0 not found");
      }
      return outcome(
        destination,
        had.get(destination) === device
          ? "ROUTE_OUTCOME_KIND_UNCHANGED"
          : "ROUTE_OUTCOME_KIND_ADDED",
      );
    });
    const lines = formatDifference(differenceOf(before, after, outcomes));
    assert.deepEqual(apply(before, lines), wanted);
  }));
});
