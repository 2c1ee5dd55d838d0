/** Random scenarios: the state before the first start, and the steps after it. */
import fc from "fast-check";
import type { OverlayState } from "./overlay.ts";

/** One step of a scenario. */
export type Step =
  | { readonly kind: "inject"; readonly to: string; readonly device: string }
  | { readonly kind: "remove" | "configure"; readonly to: string }
  | { readonly kind: "link"; readonly state: OverlayState }
  | { readonly kind: "restart"; readonly signal: "SIGKILL" | "SIGTERM" }
  /** Another tool removes all our routes from the main table. */
  | { readonly kind: "flush" }
  /** Waits until the kernel has what is expected. */
  | { readonly kind: "settle" };

/** The state before the first start, and the steps after it. */
export interface Scenario {
  /** Arguments of `ip route add`; one that conflicts with the others is left out. */
  readonly routes: readonly string[];
  /** Whether 10.42.6.0/24 is a connected subnet, on quilt0. */
  readonly connected: boolean;
  readonly link: OverlayState;
  readonly steps: readonly Step[];
}

const DESTINATIONS = [1, 2, 3, 4, 5, 6].map((peer) => `10.42.${peer}.0/24`);

/** Destinations that no client may request, and that hide or cover the others. */
const ELSEWHERE = [
  "default",
  "10.42.0.0/16",
  "10.42.2.0/25",
  "10.42.3.7/32",
  "10.42.200.0/24",
  "198.51.100.0/24",
];

const destination = fc.constantFrom(...DESTINATIONS);
const link = fc.constantFrom<OverlayState[]>("up", "up", "down", "missing");

const foreignRoute = fc.tuple(
  fc.constantFrom("", "", "", "", "blackhole", "unreachable"),
  fc.oneof(destination, destination, fc.constantFrom(...ELSEWHERE)),
  fc.constantFrom("dev other", "dev vxlan100", "via 192.0.2.77 dev other onlink"),
  fc.constantFrom("boot", "static", "186", "99"),
  fc.constantFrom("", "", "metric 50", "metric 100"),
  fc.constantFrom("main", "main", "main", "77"),
).map(([type, to, through, protocol, metric, table]) =>
  [type, to, type === "" ? through : "", "proto", protocol, metric, "table", table]
    .join(" ")
);

/** Foreign entries, or invalid ones under our protocol number. */
const inOurTable = fc.tuple(
  fc.constantFrom("blackhole", "throw", "prohibit"),
  destination,
  fc.constantFrom("proto static", "proto 142 metric 9"),
).map(([type, to, rest]) => `${type} ${to} table 142 ${rest}`);

const ourNumberElsewhere = destination.map((to) =>
  `${to} dev other proto 142 table 77`
);

/** Our routes, from an earlier process that left no record; never the connected one. */
const ourRoutes = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...DESTINATIONS.slice(0, 5)),
    fc.constantFrom("vxlan100", "other"),
    fc.constantFrom("", "metric 50"),
  ),
  { maxLength: 3, selector: ([to]) => to },
).map((all) =>
  all.map(([to, device, metric]) => `${to} dev ${device} proto 142 ${metric}`)
);

const device = fc.constantFrom("vxlan100", "vxlan100", "vxlan100", "other", "nowhere");
const inject = fc.tuple(destination, device)
  .map(([to, device]): Step => ({ kind: "inject", to, device }));
const remove = destination.map((to): Step => ({ kind: "remove", to }));
const configure = destination.map((to): Step => ({ kind: "configure", to }));
const setLink = link.map((state): Step => ({ kind: "link", state }));
const restart = fc.constantFrom<Step[]>(
  { kind: "restart", signal: "SIGKILL" },
  { kind: "restart", signal: "SIGTERM" },
);
const flush = fc.constant<Step>({ kind: "flush" });
const settle = fc.constant<Step>({ kind: "settle" });

const step = fc.oneof(
  { weight: 8, arbitrary: inject },
  { weight: 5, arbitrary: remove },
  { weight: 1, arbitrary: configure },
  { weight: 3, arbitrary: setLink },
  { weight: 1, arbitrary: restart },
  { weight: 1, arbitrary: flush },
  { weight: 2, arbitrary: settle },
);

/** Any scenario; fast-check shrinks it to fewer steps. */
export const scenario: fc.Arbitrary<Scenario> = fc.record({
  routes: fc.tuple(
    ourRoutes,
    fc.array(foreignRoute, { maxLength: 12 }),
    fc.array(fc.oneof(inOurTable, ourNumberElsewhere), { maxLength: 4 }),
  ).map((kinds) => kinds.flat()),
  connected: fc.boolean(),
  link,
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: "max" }),
});
