/** Reads a mutation back from the words that `render` wrote: the audit log has these. */
import { type Ipv4Address, parseAddress } from "../../ipam/address.ts";
import { type Ipv4Cidr, parseCidr } from "../../ipam/cidr.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../routing/interface_name.ts";
import { BLACKHOLE_TYPES, type BlackholeType } from "../../routing/kernel_route.ts";
import type { TableEntry } from "../dataplane.ts";
import { PAYLOAD_KEYWORDS } from "./commands.ts";

/** The effect of a mutation, as far as its command shows it. */
export type WrittenChange =
  | {
    readonly kind: "route-written";
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName;
    /** False if it would have failed where any route was. */
    readonly replaces: boolean;
  }
  | {
    readonly kind: "route-deleted";
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName | undefined;
    /** rtnetlink(7) `rtm_protocol`: whose it was. */
    readonly protocol: number;
  }
  | {
    readonly kind: "entry";
    readonly verb: "add" | "replace" | "del";
    /** One that was deleted whatever its content has no payload. */
    readonly entry: TableEntry;
  }
  | {
    readonly kind: "neighbour";
    readonly verb: "add" | "del";
    readonly address: Ipv4Address;
    readonly device: InterfaceName;
  };

/** Undefined for words that no sidecar of this version writes. Never throws. */
export function parseMutation(words: string): WrittenChange | undefined {
  const [object, verb, ...rest] = words.split(" ");
  switch (object) {
    case "route":
      return verb === "add" || verb === "replace" || verb === "del"
        ? parseRouteChange(verb, rest)
        : undefined;
    case "neigh":
      return verb === "add" || verb === "del" ? parseNeighbour(verb, rest) : undefined;
    default:
      return undefined;
  }
}

type RouteVerb = "add" | "replace" | "del";

function parseRouteChange(
  verb: RouteVerb,
  words: readonly string[],
): WrittenChange | undefined {
  const [first = ""] = words;
  if (isBlackhole(first)) return parseEntry(verb, first, words.slice(1));
  const destination = parseCidr(first);
  const pairs = pairsOf(words.slice(1));
  if (!destination.ok || pairs === undefined) return undefined;
  const device = deviceOf(pairs.get("dev"));
  if (verb !== "del") {
    return device === undefined ? undefined : {
      kind: "route-written",
      destination: destination.value,
      device,
      replaces: verb === "replace",
    };
  }
  const protocol = numberOf(pairs.get("proto"));
  return protocol === undefined ? undefined : {
    kind: "route-deleted",
    destination: destination.value,
    device,
    protocol,
  };
}

function parseEntry(
  verb: RouteVerb,
  type: BlackholeType,
  words: readonly string[],
): WrittenChange | undefined {
  const prefix = parseCidr(words[0] ?? "");
  const pairs = pairsOf(words.slice(1));
  const table = numberOf(pairs?.get("table"));
  const metric = numberOf(pairs?.get("metric"));
  if (!prefix.ok || table === undefined || metric === undefined) return undefined;
  const payload = PAYLOAD_KEYWORDS.map((keyword) => {
    const text = pairs?.get(keyword);
    return text === undefined ? 0 : numberOf(text);
  });
  if (!payload.every((word) => word !== undefined)) return undefined;
  return {
    kind: "entry",
    verb,
    entry: { table, type, prefix: prefix.value, metric, payload },
  };
}

function parseNeighbour(
  verb: "add" | "del",
  words: readonly string[],
): WrittenChange | undefined {
  const [text = "", ...rest] = words;
  const address = parseAddress(text);
  const device = deviceOf(pairsOf(rest.slice(0, 2))?.get("dev"));
  return !address.ok || device === undefined
    ? undefined
    : { kind: "neighbour", verb, address: address.value, device };
}

/** Keywords with their values; undefined if one is left over. */
function pairsOf(words: readonly string[]): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) {
    const [keyword, value] = words.slice(at, at + 2);
    if (keyword === undefined || value === undefined) return undefined;
    pairs.set(keyword, value);
  }
  return pairs;
}

function isBlackhole(word: string): word is BlackholeType {
  return Object.hasOwn(BLACKHOLE_TYPES, word);
}

function deviceOf(text: string | undefined): InterfaceName | undefined {
  if (text === undefined) return undefined;
  const name = parseInterfaceName(text);
  return name.ok ? name.value : undefined;
}

/** A decimal number of 32 bits, as the kernel's attributes have. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9][0-9]{0,9})$/.test(text)) return undefined;
  const number = Number(text);
  return number < 2 ** 32 ? number : undefined;
}
