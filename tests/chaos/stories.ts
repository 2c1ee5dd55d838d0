/** What may be found at a start and happen afterwards, at random. */
import fc from "fast-check";
import type { OverlayState } from "./overlay.ts";

/** One thing that happens. */
export type Step =
  | { readonly kind: "inject"; readonly to: string; readonly device: string }
  | { readonly kind: "remove" | "configure"; readonly to: string }
  | { readonly kind: "link"; readonly state: OverlayState }
  | { readonly kind: "restart"; readonly signal: "SIGKILL" | "SIGTERM" }
  /** Another tool takes all routes of ours out of the main table. */
  | { readonly kind: "flush" }
  /** Nothing more until all is as it should be. */
  | { readonly kind: "settle" };

/** What the first start finds, and what happens then. */
export interface Story {
  /** Words for `ip route add`; where one does not fit beside the others it is left out. */
  readonly routes: readonly string[];
  /** Whether 10.42.6.0/24 is a connected subnet, on quilt0. */
  readonly connected: boolean;
  readonly link: OverlayState;
  readonly steps: readonly Step[];
}

const DESTINATIONS = [1, 2, 3, 4, 5, 6].map((peer) => `10.42.${peer}.0/24`);

/** What nobody may ask for, and what hides or covers the destinations. */
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

const somebodyElses = fc.tuple(
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

/** Somebody else's, or nonsense under our protocol number. */
const inOurTable = fc.tuple(
  fc.constantFrom("blackhole", "throw", "prohibit"),
  destination,
  fc.constantFrom("proto static", "proto 142 metric 9"),
).map(([type, to, rest]) => `${type} ${to} table 142 ${rest}`);

const ourNumberElsewhere = destination.map((to) =>
  `${to} dev other proto 142 table 77`
);

/** Ours, from an earlier life that left no memory of it; a connected one never is. */
const ours = fc.uniqueArray(
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
const turn = link.map((state): Step => ({ kind: "link", state }));
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
  { weight: 3, arbitrary: turn },
  { weight: 1, arbitrary: restart },
  { weight: 1, arbitrary: flush },
  { weight: 2, arbitrary: settle },
);

/** Any story; a simpler one is shorter. */
export const story: fc.Arbitrary<Story> = fc.record({
  routes: fc.tuple(
    ours,
    fc.array(somebodyElses, { maxLength: 12 }),
    fc.array(fc.oneof(inOurTable, ourNumberElsewhere), { maxLength: 4 }),
  ).map((kinds) => kinds.flat()),
  connected: fc.boolean(),
  link,
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: "max" }),
});
