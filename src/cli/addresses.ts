/** The command `addresses`: who has which address of the node. */
import type { ListAddressesResponse } from "../api/gen/quilt/sidecar/v1/ListAddressesResponse.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import { addressAfter, firstAddress } from "../ipam/address.ts";
import { parseCidr, prefixLength } from "../ipam/cidr.ts";
import { countOf, escapeInvisible } from "../shared/quote.ts";
import { ok } from "../shared/result.ts";
import { runClient } from "./client_command.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { align } from "./finding_report.ts";
import { showText } from "./output.ts";
import { required } from "./required.ts";

/** What a node has given to whom. */
export interface NodeAddresses {
  readonly network: NodeNetwork;
  readonly listed: ListAddressesResponse;
}

/** Runs the command `addresses`. */
export function addresses(line: CommandLine): Promise<CommandEnd> {
  const { options } = line;
  return runClient({
    name: "addresses",
    ask: async ({ reader }) => {
      const [network, listed] = await Promise.all([
        reader.getNodeNetwork(),
        reader.listAddresses(),
      ]);
      if (!network.ok) return network;
      if (!listed.ok) return listed;
      const { node_network: node } = network.value;
      return ok({ network: required(node, "node_network"), listed: listed.value });
    },
    show: (answer) => {
      const free = options.has("free");
      return showText(
        options.has("json")
          ? addressesJson(answer, free)
          : formatAddresses(answer, free),
      );
    },
  }, line);
}

/** Formats the addresses for people. */
export function formatAddresses(answer: NodeAddresses, free: boolean): string {
  const { listed, network } = answer;
  const subnet = escapeInvisible(network.subnet);
  if (subnet === "") return "No subnet is configured yet, so there are no addresses";
  if (free) {
    const all = freeAddresses(answer);
    return all.length === 0
      ? `Every address of ${subnet} is allocated`
      : all.join("\n");
  }
  const count = `${countOf(listed.addresses.length, "address", "addresses")} of ` +
    `${subnet} allocated, ${listed.free} free`;
  if (listed.addresses.length === 0) return count;
  const table = align([
    ["ADDRESS", "OWNER"],
    ...listed.addresses.map(({ address, owner }) => [
      address,
      owner === "" ? "(lost in a crash; release it by its address)" : owner,
    ]),
  ]);
  return [...table, "", count].join("\n");
}

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** What `addresses --json` prints, one document on one line. */
export interface AddressesJson {
  /** Of this shape: a field may be added to it, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  /** Such as `10.42.1.0/24`; empty until ConfigureNodeSubnet has succeeded. */
  readonly subnet: string;
  /** Empty as long as `subnet` is. */
  readonly gateway: string;
  /** Those that are allocated, in ascending order. */
  readonly addresses: readonly AllocatedAddressJson[];
  /** How many can still be allocated. */
  readonly free: number;
  /** Those that can still be allocated, in ascending order; only with `--free`. */
  readonly free_addresses?: readonly string[];
}

/** An address with its owner. */
export interface AllocatedAddressJson {
  readonly address: string;
  /** Who has it; empty if a crash lost the name. */
  readonly owner: string;
}

/** Formats the addresses as one JSON document, an {@linkcode AddressesJson}. */
export function addressesJson(answer: NodeAddresses, free: boolean): string {
  const { listed, network: { gateway, subnet } } = answer;
  const document: AddressesJson = {
    version: JSON_VERSION,
    subnet,
    gateway,
    addresses: listed.addresses.map(({ address, owner }) => ({ address, owner })),
    free: listed.free,
    ...free ? { free_addresses: freeAddresses(answer) } : {},
  };
  return escapeInvisible(JSON.stringify(document));
}

/** In ascending order: neither allocated, nor the network's own, nor the gateway. */
function freeAddresses({ listed, network }: NodeAddresses): readonly string[] {
  const subnet = parseCidr(network.subnet);
  if (!subnet.ok) return [];
  const taken = new Set([
    network.gateway,
    ...listed.addresses.map(({ address }) => address),
  ]);
  const first = firstAddress(subnet.value);
  const size = 2 ** (32 - prefixLength(subnet.value));
  // Without the first, the network's own, and the last, its broadcast address.
  const hosts = Array.from(
    { length: size - 2 },
    (_, at): string => addressAfter(first, at + 1),
  );
  return hosts.filter((address) => !taken.has(address));
}
