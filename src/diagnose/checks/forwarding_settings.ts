import type { Link, Netconf } from "../../dataplane/data_path.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";
import { addressedDevices } from "../facts/addresses.ts";
import { containerBridges } from "../facts/containers.ts";
import { overlayNames, routedOverlays, usesArp, vxlanOf } from "../facts/overlay.ts";
import { settingsOf } from "../facts/settings.ts";
import type { Finding } from "../finding.ts";
import { setSysctl } from "../remedies/lines.ts";

/** The settings of `net.ipv4.conf` that let packets through. */
export function forwardingSettingsChecks(facts: Facts): readonly Finding[] {
  return [...forwarding(facts), ...proxyArp(facts), ...reversePathFilter(facts)];
}

/**
 * The kernel asks only the device that a packet came in through. `conf.all.forwarding`
 * decides nothing by itself: a change of it changes all devices.
 */
function forwarding(facts: Facts): readonly Finding[] {
  // Nothing keeps a client from wanting a route through a bridge of containers.
  const carriers = new Set([...routedOverlays(facts), ...containerBridges(facts)]);
  const devices = [...carriers].map(({ name }) => name)
    .filter((name) => settingsOf(facts, name) !== undefined);
  const off = devices.filter((name) => settingsOf(facts, name)?.forwarding === false);
  const isWanted = devices.length > 0 || facts.wanted.length > 0;
  const ofAll = settingsOf(facts, undefined);
  if (isWanted && ofAll?.forwarding === false && off.length === devices.length) {
    return [{
      id: "forwarding-off",
      severity: "critical",
      subject: { kind: "node" },
      found: "net.ipv4.ip_forward is 0, expected 1",
      meaning: "The kernel drops every packet between the containers and other nodes",
      remedy: ["sysctl -w net.ipv4.ip_forward=1"],
    }];
  }
  return off.map((device) => ({
    id: "device-forwarding-off",
    severity: "critical",
    subject: { kind: "device", device },
    found: `Forwarding is off on ${device}, expected on`,
    meaning:
      `The kernel drops every packet that comes in through ${device} for another ` +
      "device, so containers reach no other node",
    remedy: [setSysctl(device, "forwarding", 1)],
  }));
}

function proxyArp(facts: Facts): readonly Finding[] {
  if (settingsOf(facts, undefined)?.proxyArp === true) return [];
  return routedOverlays(facts)
    .filter((link) =>
      link.up && usesArp(link) && settingsOf(facts, link.name)?.proxyArp === false
    )
    .map(({ name: device }) => ({
      id: "proxy-arp-off",
      severity: "critical",
      subject: { kind: "device", device },
      found: `proxy_arp is off on ${device}, expected on`,
      meaning: `${device} does not answer the ARP requests of other nodes for this ` +
        "node's containers, so no packet reaches them",
      remedy: [setSysctl(device, "proxy_arp", 1)],
    }));
}

/**
 * A peer asks by ARP from its host's address, which is routed through the underlay: the
 * filter drops the request, and no packet follows. On a device without an IPv4 address
 * the loose filter drops what the strict one drops (`fib_validate_source`).
 */
function reversePathFilter(facts: Facts): readonly Finding[] {
  const overlays = routedOverlays(facts).filter(({ up }) => up);
  const addressed = addressedDevices(facts);
  return [
    ...overlays.flatMap((link) =>
      addressed.has(link.name)
        ? strictOnOverlay(facts, link)
        : onBareOverlay(facts, link)
    ),
    ...strictOnUnderlay(facts, overlays.filter(({ name }) => !addressed.has(name))),
  ];
}

/** On an overlay's device without an IPv4 address. */
function onBareOverlay(facts: Facts, link: Link): readonly Finding[] {
  const device = link.name;
  const { ofAll, ofDevice, value } = filterOf(facts, device);
  if (value === "off") return [];
  const asksByArp = usesArp(link);
  return [{
    id: "rp-filter",
    severity: asksByArp ? "critical" : "warning",
    subject: { kind: "device", device },
    found:
      `rp_filter is ${NUMBER[value]} (${value}) on ${device}, expected 0, because ` +
      `${device} has no IPv4 address`,
    meaning: asksByArp
      ? "The kernel drops the ARP requests of other nodes, which come from their " +
        "hosts' addresses, so no packet reaches this node's containers"
      : HOSTS_DROPPED,
    remedy: [
      ...(ofAll === "off" ? [] : offForAll(facts, ofAll)),
      ...(ofDevice === "off" ? [] : [setSysctl(device, "rp_filter", 0)]),
    ],
  }];
}

const HOSTS_DROPPED =
  "The kernel drops packets that other nodes' hosts send through the " +
  "overlay from the addresses of their underlay, ARP requests included";

/** The kernel takes the maximum of both, so the others get as their own what all had. */
function offForAll(
  facts: Facts,
  ofAll: Exclude<RpFilter, "off">,
): readonly string[] {
  const overlays = new Set(routedOverlays(facts).map(({ name }) => name));
  const addressed = addressedDevices(facts);
  const weaker = facts.netconf.flatMap(({ device, rpFilter }) =>
    device !== undefined && device !== "lo" && addressed.has(device) &&
      !overlays.has(device) && NUMBER[rpFilter] < NUMBER[ofAll]
      ? [device]
      : []
  );
  return [
    ...weaker.map((device) => setSysctl(device, "rp_filter", NUMBER[ofAll])),
    setSysctl("all", "rp_filter", 0),
  ];
}

function strictOnOverlay(facts: Facts, { name: device }: Link): readonly Finding[] {
  return filterOf(facts, device).value === "strict"
    ? [strictOn(device, HOSTS_DROPPED)]
    : [];
}

/** Without an address on the overlay, this host sends from that of its underlay. */
function strictOnUnderlay(facts: Facts, overlays: readonly Link[]): readonly Finding[] {
  const names = overlayNames(facts);
  const underlays = new Set(overlays.flatMap((link) => {
    const device = vxlanOf(link)?.underlay;
    return device === undefined || names.has(device) ? [] : [device];
  }));
  return [...underlays].filter((device) => filterOf(facts, device).value === "strict")
    .map((device) =>
      strictOn(
        device,
        "This host itself gets no answers from containers of other nodes, because their " +
          `answers come in through ${device}; containers reach each other`,
      )
    );
}

function strictOn(device: InterfaceName, meaning: string): Finding {
  return {
    id: "rp-filter",
    severity: "warning",
    subject: { kind: "device", device },
    found: `rp_filter is 1 (strict) on ${device}, expected 0 or 2`,
    meaning,
    // The kernel takes the maximum of this value and that of all devices.
    remedy: [setSysctl(device, "rp_filter", 2)],
  };
}

type RpFilter = Netconf["rpFilter"];

/** As sysctl(8) writes them. */
const NUMBER = { off: 0, strict: 1, loose: 2 } as const;

/** What the kernel applies on a device: the maximum of its own value and that of all. */
function filterOf(facts: Facts, device: InterfaceName): {
  readonly value: RpFilter;
  readonly ofAll: RpFilter;
  readonly ofDevice: RpFilter;
} {
  const ofAll = settingsOf(facts, undefined)?.rpFilter ?? "off";
  const settings = settingsOf(facts, device);
  // A device without settings has no IPv4.
  if (settings === undefined) return { value: "off", ofAll, ofDevice: "off" };
  const ofDevice = settings.rpFilter;
  const value = NUMBER[ofAll] > NUMBER[ofDevice] ? ofAll : ofDevice;
  return { value, ofAll, ofDevice };
}
