import type { PolicyRule } from "../../dataplane/data_path.ts";
import { addressAfter, firstAddress } from "../../ipam/address.ts";
import { contains, hostPrefix, type Ipv4Cidr, overlap } from "../../ipam/cidr.ts";
import { parseInterfaceName } from "../../routing/interface_name.ts";
import { OUR_PROTOCOL, TABLE_MAIN, UNICAST } from "../../routing/kernel_route.ts";
import { listFew, quote } from "../../shared/quote.ts";
import type { Facts, ForwardLookup, WantedRoute } from "../facts.ts";
import { isInCluster } from "../facts/addresses.ts";
import { containerBridges } from "../facts/containers.ts";
import { overlayNames } from "../facts/overlay.ts";
import { settingsOf } from "../facts/settings.ts";
import { type Finding, nameOf, type Subject } from "../finding.ts";
import { deleteAddress } from "../remedies/lines.ts";
import { shadowedDestinations } from "./shadowed_routes.ts";

/**
 * Rules that keep packets from the routes of the main table, and look-ups that go astray.
 *
 * The effect of a rule depends on a table that was not read: VPNs, cloud networks and
 * other CNIs have rules in front of the main table that never concern the overlay. So the
 * kernel's own look-ups decide. A rule is blamed if they go wrong; without one that could
 * tell, a rule is reported only if it names the overlay.
 */
export function ruleChecks(facts: Facts): readonly Finding[] {
  const { astray, right } = sortLookups(facts);
  if (right.length === 0 && leadsNowhereToMain(facts)) {
    return [...stateTable(facts), mainNotNamed()];
  }
  const { blamed, unexplained } = blame(facts, astray);
  return [
    ...stateTable(facts),
    ...bypassing(facts, blamed, right),
    ...elsewhere(facts, unexplained),
  ];
}

const [TABLE_LOCAL, TABLE_DEFAULT] = [255, 253];

/** The table of our records, which no rule may name. */
const STATE_TABLE = OUR_PROTOCOL;

/** A wanted route is there, but a container's packet takes another way. */
interface Astray {
  readonly lookup: ForwardLookup;
  readonly wanted: WantedRoute;
}

/** The look-ups of wanted routes that are there. */
function sortLookups(facts: Facts): {
  /** Those that take the way of their route. */
  readonly right: readonly ForwardLookup[];
  /** Those that do not, without another check that says why. */
  readonly astray: readonly Astray[];
} {
  const asked = new Set(facts.forwarded.map(({ destination }) => destination));
  const wantedFor = new Map(
    facts.wanted.filter(({ destination }) => asked.has(destination))
      .map((wanted) => [wanted.destination, wanted]),
  );
  const right: ForwardLookup[] = [];
  const wrong: Astray[] = [];
  for (const lookup of facts.forwarded) {
    const wanted = wantedFor.get(lookup.destination);
    if (wanted === undefined || !wanted.installed) continue;
    const { result } = lookup;
    if (result.kind === "through" && result.device === wanted.device) {
      right.push(lookup);
    } else wrong.push({ lookup, wanted });
  }
  return {
    right,
    astray: wrong.length === 0 ? [] : wrong.filter(isUnexplained(facts)),
  };
}

/** Whether neither a device, nor a setting, nor a route of the main table is the reason. */
function isUnexplained(facts: Facts): (astray: Astray) => boolean {
  const shadowed = shadowedDestinations(facts);
  const present = new Set(
    facts.routes.filter(({ type }) => type === UNICAST)
      .map(({ destination, device }) => `${destination} ${device}`),
  );
  return ({ lookup, wanted: { destination, device } }) =>
    facts.links.get(device)?.carrier === true &&
    settingsOf(facts, lookup.from)?.forwarding !== false &&
    present.has(`${destination} ${device}`) && !shadowed.has(destination);
}

// Blame.

interface Blame {
  /** Each rule with the look-ups that it misleads. */
  readonly blamed: ReadonlyMap<PolicyRule, readonly Astray[]>;
  readonly unexplained: readonly Astray[];
}

function blame(facts: Facts, astray: readonly Astray[]): Blame {
  const candidates = aheadOfMain(facts);
  const blamed = new Map<PolicyRule, Astray[]>();
  const unexplained: Astray[] = [];
  for (const one of astray) {
    const rules = isOtherwiseCaused(facts, one) ? [] : mostLikely(
      facts,
      candidates.filter((rule) => matches(facts, rule, one.lookup)),
    );
    if (rules.length === 0) unexplained.push(one);
    for (const rule of rules) {
      const misled = blamed.get(rule);
      if (misled === undefined) blamed.set(rule, [one]);
      else misled.push(one);
    }
  }
  return { blamed, unexplained };
}

/** An own address is looked up before any such rule, and a VRF has a table of its own. */
function isOtherwiseCaused(facts: Facts, { lookup }: Astray): boolean {
  return lookup.result.kind === "local" || vrfOf(facts, lookup) !== undefined ||
    hasStateTable(facts, lookup);
}

/**
 * A rule that names the overlay before one that takes every packet, and both before one
 * that also asks for a mark, a port or a user: a look-up is of an unmarked packet.
 */
function mostLikely(
  facts: Facts,
  rules: readonly PolicyRule[],
): readonly PolicyRule[] {
  const broad = rules.filter(({ isNarrower }) => !isNarrower);
  const explicit = broad.filter((rule) => namesOverlay(facts, rule));
  return [explicit, broad, rules].find(({ length }) => length > 0) ?? [];
}

/** The rules that are tried before the main table and do not lead there. */
function aheadOfMain(facts: Facts): readonly PolicyRule[] {
  return untilMain(facts.rules).filter(({ table }) =>
    table !== TABLE_LOCAL && table !== TABLE_MAIN && table !== TABLE_DEFAULT &&
    table !== STATE_TABLE
  );
}

/** Rules are listed in the order in which the kernel tries them. */
function untilMain(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const at = rules.findIndex((rule) =>
    rule.table === TABLE_MAIN && !rule.isNarrower && rule.source === undefined &&
    rule.destination === undefined && rule.iif === undefined
  );
  return at < 0 ? rules : rules.slice(0, at);
}

/** Whether a rule can give a look-up its result, if it is about unmarked packets. */
function matches(facts: Facts, rule: PolicyRule, lookup: ForwardLookup): boolean {
  const { destination, iif, source, table } = rule;
  return (table !== undefined || lookup.result.kind === "refused") &&
    (iif === undefined || iif === lookup.from) &&
    (destination === undefined || overlap(destination, lookup.destination)) &&
    (source === undefined || overlap(source, containersOf(facts)));
}

/** The addresses of this node's containers, as far as known. */
function containersOf({ own, policy }: Facts): Ipv4Cidr {
  return own?.subnet ?? policy.clusterCidr;
}

/** Whether a rule was written for addresses or devices of the overlay. */
function namesOverlay(facts: Facts, { destination, iif, source }: PolicyRule): boolean {
  const { clusterCidr } = facts.policy;
  const isInside = (prefix: Ipv4Cidr | undefined) =>
    prefix !== undefined && contains(clusterCidr, prefix);
  return isInside(source) || isInside(destination) ||
    (iif !== undefined &&
      [...overlayNames(facts), ...containerBridges(facts).map(({ name }) => name)]
        .some((name) => name === iif));
}

// Rules that bypass the main table.

function bypassing(
  facts: Facts,
  blamed: Blame["blamed"],
  right: readonly ForwardLookup[],
): readonly Finding[] {
  const suspected = aheadOfMain(facts).filter((rule) =>
    !blamed.has(rule) && !rule.isNarrower && namesOverlay(facts, rule) &&
    concernsRoutes(facts, rule) && !isShielded(facts, rule) &&
    !right.some((lookup) => isProof(facts, rule, lookup))
  );
  const bySubject = Map.groupBy(
    [...blamed.keys(), ...suspected],
    (rule) => nameOf(subjectOf(facts, rule)),
  );
  return [...bySubject.values()].flatMap((rules) => {
    const [first] = rules;
    if (first === undefined) return [];
    const misled = rules.flatMap((rule) => blamed.get(rule) ?? []);
    return [bypass(rules, subjectOf(facts, first), misled)];
  });
}

function bypass(
  rules: readonly PolicyRule[],
  subject: Subject,
  misled: readonly Astray[],
): Finding {
  const [rule, verb] = rules.length === 1 ? ["Rule", "is"] : ["Rules", "are"];
  const destinations = [...new Set(misled.map(({ wanted }) => wanted.destination))];
  return {
    id: "rule-bypasses-main",
    severity: misled.length > 0 ? "critical" : "warning",
    subject,
    found: `${rule} ${listFew(rules.map(describe))} ${verb} tried before the rule of ` +
      "the main table",
    meaning: destinations.length > 0
      ? `Packets of containers to ${listFew(destinations)} do not enter the overlay`
      : "Packets that match do not enter the overlay if the table of the rule has a " +
        "route for them, for example a default route",
    remedy: rules.map(deletion),
  };
}

/** Whether a route of ours or a packet for our containers can match. */
function concernsRoutes({ own, wanted }: Facts, rule: PolicyRule): boolean {
  return [rule.source, rule.destination].every((prefix) =>
    prefix === undefined || (own !== undefined && overlap(prefix, own.subnet)) ||
    wanted.some(({ destination }) => overlap(prefix, destination))
  );
}

/** Whether a look-up that goes right would have gone wrong by this rule. */
function isProof(facts: Facts, rule: PolicyRule, lookup: ForwardLookup): boolean {
  const { destination, iif, source } = rule;
  return (iif === undefined || iif === lookup.from) &&
    (destination === undefined || contains(destination, lookup.destination)) &&
    (source === undefined || contains(source, containersOf(facts)));
}

/** Whether an earlier rule takes all that matches in the overlay to the main table. */
function isShielded({ policy, rules }: Facts, rule: PolicyRule): boolean {
  const covers = (outer: Ipv4Cidr | undefined, inner: Ipv4Cidr | undefined) =>
    outer === undefined || contains(outer, policy.clusterCidr) ||
    (inner !== undefined && contains(outer, inner));
  return rules.slice(0, rules.indexOf(rule)).some((earlier) =>
    earlier.table === TABLE_MAIN && !earlier.isNarrower &&
    (earlier.iif === undefined || earlier.iif === rule.iif) &&
    covers(earlier.source, rule.source) && covers(earlier.destination, rule.destination)
  );
}

/** The one wanted destination that a rule is about, or else the node. */
function subjectOf({ wanted }: Facts, { destination }: PolicyRule): Subject {
  if (destination === undefined) return { kind: "node" };
  const [only, ...others] = wanted.filter((route) =>
    overlap(route.destination, destination)
  );
  return only === undefined || others.length > 0
    ? { kind: "node" }
    : { kind: "destination", destination: only.destination };
}

/** As ip-rule(8) writes it. */
function describe(rule: PolicyRule): string {
  return [
    `${rule.priority}:`,
    `from ${rule.source ?? "all"}`,
    ...(rule.destination === undefined ? [] : [`to ${rule.destination}`]),
    ...(rule.iif === undefined ? [] : [`iif ${shown(rule.iif)}`]),
    ...(rule.isNarrower ? ["…"] : []),
    rule.table === undefined ? "without a table" : `lookup ${rule.table}`,
  ].join(" ");
}

/** The kernel accepts names that no shell or terminal should see. */
function shown(name: string): string {
  return parseInterfaceName(name).ok ? name : quote(name);
}

/** Deletes a rule by all that is known of it; what is left out matches anything. */
function deletion(rule: PolicyRule): string {
  const iif = rule.iif === undefined ? undefined : parseInterfaceName(rule.iif);
  return [
    `ip rule del priority ${rule.priority}`,
    ...(rule.source === undefined ? [] : [`from ${rule.source}`]),
    ...(rule.destination === undefined ? [] : [`to ${rule.destination}`]),
    ...(iif?.ok === true ? [`iif ${iif.value}`] : []),
    ...(rule.table === undefined ? [] : [`lookup ${rule.table}`]),
  ].join(" ");
}

// Rules that name the table of our records.

function stateTable(facts: Facts): readonly Finding[] {
  const rules = facts.rules.filter(({ table }) => table === STATE_TABLE);
  if (rules.length === 0) return [];
  const ahead = new Set(untilMain(facts.rules));
  const isFirst = rules.some((rule) => ahead.has(rule) && !rule.isNarrower);
  const [noun, verb] = rules.length === 1 ? ["Rule", "leads"] : ["Rules", "lead"];
  return [{
    id: "rule-names-state-table",
    severity: isFirst ? "critical" : "warning",
    subject: { kind: "node" },
    found: `${noun} ${listFew(rules.map(describe))} ${verb} into table ` +
      `${STATE_TABLE}, which holds the sidecar's records`,
    meaning:
      "The kernel drops packets for which table 142 has a record, because records " +
      "are blackhole, unreachable and prohibit routes",
    remedy: rules.map(deletion),
  }];
}

function hasStateTable({ rules }: Facts, { result }: ForwardLookup): boolean {
  return result.kind === "refused" &&
    untilMain(rules).some(({ isNarrower, table }) =>
      table === STATE_TABLE && !isNarrower
    );
}

// No rule for the main table.

/** Of a kernel without policy routing `ip` shows no rule at all. */
function leadsNowhereToMain({ rules, wanted }: Facts): boolean {
  return wanted.length > 0 && rules.length > 0 &&
    rules.every(({ table }) => table !== TABLE_MAIN);
}

function mainNotNamed(): Finding {
  return {
    id: "rule-bypasses-main",
    severity: "critical",
    subject: { kind: "node" },
    found: "No rule leads into the main table, expected 32766: from all lookup main",
    meaning: "The kernel uses no route to another node",
    remedy: ["ip rule add priority 32766 lookup main"],
  };
}

// What nothing else explains.

function elsewhere(
  facts: Facts,
  unexplained: readonly Astray[],
): readonly Finding[] {
  const vrfs = new Map(unexplained.flatMap(({ lookup }) => {
    const vrf = vrfOf(facts, lookup);
    return vrf === undefined ? [] : [[lookup.from, vrf]] as const;
  }));
  // Two bridges may go astray to the same destination.
  const byDestination = new Map(
    unexplained.filter(({ lookup }) =>
      vrfOf(facts, lookup) === undefined && !hasStateTable(facts, lookup)
    ).map((one) => [one.wanted.destination, one]),
  );
  return [
    ...[...vrfs].map(([device, vrf]): Finding => ({
      id: "forwarded-elsewhere",
      severity: "critical",
      subject: { kind: "device", device },
      found: `${device} is a port of the VRF ${vrf}, expected none`,
      meaning:
        `Packets that come in through ${device} are routed by the table of ${vrf}, ` +
        "which has no route of the overlay",
      remedy: [`ip link set dev ${device} nomaster`],
    })),
    ...[...byDestination.values()].map((one) => sentElsewhere(facts, one)),
  ];
}

function sentElsewhere(facts: Facts, { lookup, wanted }: Astray): Finding {
  const { destination, device } = wanted;
  const addresses = lookup.result.kind === "local"
    ? facts.addresses.filter(({ address }) =>
      contains(destination, hostPrefix(address))
    )
    : [];
  return {
    id: "forwarded-elsewhere",
    severity: "critical",
    subject: { kind: "destination", destination },
    found:
      `A packet from ${lookup.from} to ${destination} ${wayOf(lookup)}, expected ` +
      `through ${device}`,
    meaning: `Packets of containers to ${destination} do not enter the overlay`,
    remedy: addresses.length > 0
      ? addresses.map(deleteAddress)
      // Only a look: it shows the way and its table.
      : [lookAt(facts, lookup)],
  };
}

function wayOf({ result }: ForwardLookup): string {
  switch (result.kind) {
    case "through":
      return `goes through ${result.device}`;
    case "local":
      return "stays on this node, which has an address in that subnet";
    case "refused":
      return `is refused (${result.why})`;
    default:
      return result satisfies never;
  }
}

function vrfOf({ links }: Facts, { from }: ForwardLookup): string | undefined {
  const master = links.get(from)?.master;
  const type = master === undefined ? undefined : links.get(master)?.type;
  return type?.kind === "other" && type.name === "vrf" ? master : undefined;
}

/** The look-up of a container's packet, for a container that need not exist. */
function lookAt(facts: Facts, { destination, from }: ForwardLookup): string {
  const bridge = facts.addresses.find(({ address, device }) =>
    device === from && isInCluster(facts, address)
  );
  const address = addressAfter(firstAddress(destination), 1);
  return bridge === undefined
    ? `ip route get ${address}`
    : `ip route get ${address} from ${addressAfter(bridge.address, 1)} iif ${from}`;
}
