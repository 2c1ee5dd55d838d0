import assert from "node:assert/strict";
import fc from "fast-check";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";
import type { OptionName } from "../../../src/cli/options.ts";
import { readRouteFilter } from "../../../src/cli/route_filter.ts";

/** Routes through two devices, of either state. */
const ROUTES: readonly Route[] = [
  route("10.42.2.0/24", "vxlan100", "ROUTE_STATE_INSTALLED", true),
  route("10.42.3.0/24", "vxlan100", "ROUTE_STATE_PENDING", true),
  route("10.42.16.0/24", "wg0", "ROUTE_STATE_INSTALLED", false),
  route("10.42.17.0/24", "wg0", "ROUTE_STATE_PENDING", false),
];

function route(
  destination: string,
  device: string,
  state: Route["state"],
  confirmed: boolean,
): Route {
  const since = { seconds: 1_700_000_000, nanos: 0 };
  return { destination, device, state, reason: "", since, confirmed, findings: [] };
}

type Options = Partial<Record<OptionName, string>>;

function read(options: Options) {
  const given: [OptionName, string][] = [];
  for (
    const name of ["pending", "unconfirmed", "device", "destination", "json"] as const
  ) {
    const value = options[name];
    if (value !== undefined) given.push([name, value]);
  }
  return readRouteFilter(new Map(given));
}

function left(options: Options, routes = ROUTES): readonly string[] {
  const filter = read(options);
  assert.ok(filter.ok);
  return routes.filter(filter.value).map(({ destination }) => destination);
}

const [TWO, THREE, SIXTEEN, SEVENTEEN] = ROUTES.map(({ destination }) => destination);

Deno.test("a route filter leaves all routes if no option of it is given", () => {
  assert.deepEqual(left({}), [TWO, THREE, SIXTEEN, SEVENTEEN]);
  assert.deepEqual(left({ json: "" }), [TWO, THREE, SIXTEEN, SEVENTEEN]);
});

Deno.test("a route filter leaves the routes that meet all of its options", () => {
  assert.deepEqual(left({ pending: "" }), [THREE, SEVENTEEN]);
  assert.deepEqual(left({ unconfirmed: "" }), [SIXTEEN, SEVENTEEN]);
  assert.deepEqual(left({ device: "wg0" }), [SIXTEEN, SEVENTEEN]);
  assert.deepEqual(left({ device: "wg" }), []);
  assert.deepEqual(left({ pending: "", unconfirmed: "" }), [SEVENTEEN]);
  assert.deepEqual(left({ pending: "", device: "vxlan100" }), [THREE]);
  assert.deepEqual(left({ unconfirmed: "", destination: "10.42.16.9" }), [SIXTEEN]);
});

Deno.test("--destination takes an address within a destination, or a prefix around or within some", () => {
  const cases: readonly (readonly [string, readonly (string | undefined)[]])[] = [
    ["10.42.3.0", [THREE]],
    ["10.42.3.255", [THREE]],
    ["10.42.4.0", []],
    ["10.42.3.0/24", [THREE]],
    ["10.42.3.128/25", [THREE]],
    ["10.42.0.0/20", [TWO, THREE]],
    ["10.42.16.0/20", [SIXTEEN, SEVENTEEN]],
    ["0.0.0.0/0", [TWO, THREE, SIXTEEN, SEVENTEEN]],
    ["10.43.0.0/16", []],
  ];
  for (const [destination, expected] of cases) {
    assert.deepEqual(left({ destination }), expected, destination);
  }
});

Deno.test("--destination refuses anything else, with an example", () => {
  for (const text of ["", "10.42.3", "10.42.3.1/24", "10.42.3.0/33", "::1", "web\n"]) {
    const filter = read({ destination: text });
    assert.deepEqual(filter, {
      ok: false,
      fault:
        `Invalid --destination ${JSON.stringify(text)}; use an IPv4 address such ` +
        "as 10.42.2.7 or a prefix such as 10.42.0.0/20",
    });
  }
});

/** Whether two prefixes share their leading bits, by text. */
function shareBits(one: string, other: string): boolean {
  const [ours, theirs] = [one, other].map((prefix) => {
    const [quad = "", length = "32"] = prefix.split("/");
    const bits = quad.split(".")
      .map((octet) => Number(octet).toString(2).padStart(8, "0")).join("");
    return bits.slice(0, Number(length));
  });
  return ours?.startsWith(theirs ?? "") === true ||
    theirs?.startsWith(ours ?? "") === true;
}

Deno.test("--destination leaves exactly the routes whose leading bits are those of the prefix", () => {
  const somePrefix = fc.tuple(fc.nat({ max: 255 }), fc.integer({ min: 0, max: 24 }))
    .map(([octet, length]) => {
      const number = (0x0a2a0000 + octet * 256) / 2 ** (32 - length);
      const network = Math.floor(number) * 2 ** (32 - length);
      const quad = [24, 16, 8, 0].map((shift) => (network >>> shift) & 255).join(".");
      return `${quad}/${length}`;
    });
  fc.assert(fc.property(somePrefix, (destination) => {
    const expected = ROUTES.filter((each) => shareBits(each.destination, destination));
    assert.deepEqual(
      left({ destination }),
      expected.map(({ destination }) => destination),
    );
  }));
});
