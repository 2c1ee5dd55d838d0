import type { InterfaceAddress, Link } from "../../dataplane/data_path.ts";
import { enclosing } from "../../ipam/address.ts";
import { contains, hostPrefix, overlap, prefixLength } from "../../ipam/cidr.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";
import { addressedDevices } from "../facts/addresses.ts";
import { containerBridges } from "../facts/containers.ts";
import { isProxying } from "../facts/settings.ts";
import type { Finding } from "../finding.ts";
import { setSysctl } from "../remedies/lines.ts";

type OwnSubnet = NonNullable<Facts["own"]>;

/** Whether this node's containers find the gateway of their subnet. */
export function ownSubnetChecks(facts: Facts): readonly Finding[] {
  const { addresses, own } = facts;
  if (own === undefined) return [];
  const gateways = addresses.filter(({ address }) => address === own.gateway);
  if (gateways.length > 0) return downGateway(facts, own, gateways);
  const bridges = new Set(containerBridges(facts).map(({ name }) => name));
  const onBridges = addresses.filter(({ device }) => bridges.has(device));
  const wide = onBridges.find((each) => isWider(each, own));
  if (wide !== undefined) return [widePrefix(facts, own, wide)];
  const beside = onBridges.find(({ address }) =>
    contains(own.subnet, hostPrefix(address))
  );
  if (beside !== undefined) return [noGateway(own, beside)];
  return addresses.some((each) => isWithin(facts, own, each))
    ? []
    : [unassigned(facts, own)];
}

/** Whether an address makes the whole subnet and more a network of its device. */
function isWider(
  { address, prefixLength: length }: InterfaceAddress,
  { subnet }: OwnSubnet,
): boolean {
  return length < prefixLength(subnet) && contains(enclosing(address, length), subnet);
}

/**
 * Whether another device than a bridge has the subnet, as for containers without one. A
 * network beyond the cluster CIDR, such as the underlay's, says nothing about it.
 */
function isWithin(
  { policy }: Facts,
  { subnet }: OwnSubnet,
  { address, prefixLength }: InterfaceAddress,
): boolean {
  const network = enclosing(address, prefixLength);
  return contains(policy.clusterCidr, network) && overlap(network, subnet);
}

function downGateway(
  { links }: Facts,
  { gateway, subnet }: OwnSubnet,
  gateways: readonly InterfaceAddress[],
): readonly Finding[] {
  const holders = gateways.flatMap(({ device }) => links.get(device) ?? []);
  const [first] = holders;
  if (first === undefined || holders.some(({ up }) => up)) return [];
  const device = first.name;
  return [{
    id: "gateway-missing",
    severity: "critical",
    subject: { kind: "device", device },
    found: `${device}, which has the gateway ${gateway} of ${subnet}, is down, ` +
      "expected up",
    meaning: "Containers of this node reach no other node",
    remedy: [`ip link set dev ${device} up`],
  }];
}

/** Quilt's own default is 10.42.0.1/16 on quilt0, on every node. */
function widePrefix(
  facts: Facts,
  own: OwnSubnet,
  { address, device, prefixLength: length }: InterfaceAddress,
): Finding {
  const answers = isProxying(facts, device);
  const bits = prefixLength(own.subnet);
  return {
    id: "bridge-prefix",
    severity: answers ? "warning" : "critical",
    subject: { kind: "device", device },
    found: `${device} has ${address}/${length}, and no device has the gateway ` +
      `${own.gateway}/${bits}`,
    meaning: answers
      ? `Containers with addresses of /${bits} find no gateway; those of /${length} ` +
        "reach other nodes"
      : `Containers reach no other node: with addresses of /${bits} they find no ` +
        `gateway, and with those of /${length} they ask by ARP, which ${device} does ` +
        "not answer without proxy_arp",
    remedy: [
      addition(own, device),
      // For the containers that have the bridge's prefix.
      ...(answers ? [] : [setSysctl(device, "proxy_arp", 1)]),
    ],
  };
}

function noGateway(
  own: OwnSubnet,
  { address, device, prefixLength }: InterfaceAddress,
): Finding {
  return {
    id: "gateway-missing",
    severity: "critical",
    subject: { kind: "device", device },
    found: `${device} has ${address}/${prefixLength}, and no device has the gateway ` +
      `${own.gateway} of ${own.subnet}`,
    meaning: "Containers of this node find no gateway, and reach no other node",
    remedy: [addition(own, device)],
  };
}

function unassigned(facts: Facts, own: OwnSubnet): Finding {
  const bridge = futureBridge(facts);
  const device = bridge?.name ?? DEFAULT_BRIDGE;
  return {
    id: "subnet-unassigned",
    severity: "critical",
    subject: { kind: "node" },
    found:
      `No device has an address in this node's subnet ${own.subnet}, expected the ` +
      `gateway ${own.gateway}`,
    meaning: "Containers of this node have no gateway, and no packet reaches them",
    remedy: [
      ...(bridge === undefined ? [`ip link add ${device} type bridge`] : []),
      ...(bridge?.up === true ? [] : [`ip link set dev ${device} up`]),
      addition(own, device),
    ],
  };
}

/** The bridge that Quilt makes. */
const DEFAULT_BRIDGE = "quilt0";

/**
 * The device that should have the gateway: quilt0, or the only bridge that may be the
 * containers', which an address of another network alone would rule out.
 */
function futureBridge(facts: Facts): Link | undefined {
  const { links } = facts;
  const name = parseInterfaceName(DEFAULT_BRIDGE);
  const quilt = name.ok ? links.get(name.value) : undefined;
  if (quilt !== undefined) return quilt;
  const addressed = addressedDevices(facts);
  const bare = [...links.values()].filter((link) =>
    link.type.kind === "bridge" && !addressed.has(link.name)
  );
  const [only, ...others] = [...containerBridges(facts), ...bare];
  return others.length === 0 ? only : undefined;
}

function addition(
  { gateway, subnet }: OwnSubnet,
  device: InterfaceName | typeof DEFAULT_BRIDGE,
): string {
  return `ip address add ${gateway}/${prefixLength(subnet)} dev ${device}`;
}
