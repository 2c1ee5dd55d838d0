// Not "ip-num": its other modules take 20 ms more to load, a tenth of a start (ADR 0006).
import { Octet } from "ip-num/dist/src/Octet.js";
import type { Ipv4Address } from "./address.ts";
import { err, ok, type Result } from "../shared/result.ts";

declare const brand: unique symbol;

/**
 * An IPv4 prefix in the CIDR notation of RFC 4632, e.g. `10.42.1.0/24`: canonical and
 * without host bits, so that two of them are the same prefix exactly when they are the
 * same string. Only this module makes one.
 */
export type Ipv4Cidr = string & { readonly [brand]: true };

/** The reason why a CIDR is refused. `got` and `want` are prefix lengths, 0–32. */
export type CidrFault =
  | { readonly kind: "malformed"; readonly text: string }
  | { readonly kind: "prefix"; readonly got: number; readonly want: number }
  | { readonly kind: "host-bits"; readonly text: string; readonly network: Ipv4Cidr }
  | { readonly kind: "outside"; readonly cidr: Ipv4Cidr; readonly cluster: Ipv4Cidr };

/** The faults of a CIDR that do not depend on the cluster's policy. */
export type NotationFault = Extract<CidrFault, { kind: "malformed" | "host-bits" }>;

/** The length of the longest CIDR, `255.255.255.255/32`. */
const MAX_LENGTH = 18;

const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

// Our own grammar, because ip-num 1.6.2 accepts a prefix length with leading zeros
// (`10.42.1.0/024`) and parses 50 times slower.
const GRAMMAR = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}/(?:3[0-2]|[12]?[0-9])$`);

/**
 * Parses a CIDR strictly: four decimal octets 0–255 without leading zeros, `/`, a prefix
 * length 0–32 without leading zero, sign or space, and nothing before or after.
 *
 * Any other text is `malformed`. If the address has bits set beyond the prefix, the fault
 * is `host-bits`, with the network that the client probably means.
 */
export function parseCidr(text: string): Result<Ipv4Cidr, NotationFault> {
  if (text.length > MAX_LENGTH || !GRAMMAR.test(text)) {
    return err({ kind: "malformed", text });
  }
  const slash = text.indexOf("/");
  const address = quadToNumber(text.slice(0, slash));
  const prefix = Number(text.slice(slash + 1));
  const network = address - address % blockSize(prefix);
  // The grammar has one spelling for each prefix, so the text is canonical.
  return network === address
    ? ok(text as Ipv4Cidr)
    : err({ kind: "host-bits", text, network: render(network, prefix) });
}

/** The prefix length, 0–32. */
export function prefixLength(cidr: Ipv4Cidr): number {
  return Number(cidr.slice(cidr.indexOf("/") + 1));
}

/** The network's address as a dotted quad, e.g. `10.42.1.0`. */
export function networkAddress(cidr: Ipv4Cidr): string {
  return cidr.slice(0, cidr.indexOf("/"));
}

/** The /32 of an address, e.g. `10.42.1.7/32`. */
export function hostPrefix(address: Ipv4Address): Ipv4Cidr {
  return `${address}/32` as string as Ipv4Cidr;
}

/** Whether every address of `inner` is one of `outer`; a prefix contains itself. */
export function contains(outer: Ipv4Cidr, inner: Ipv4Cidr): boolean {
  const prefix = prefixLength(outer);
  if (prefixLength(inner) < prefix) return false;
  const within = quadToNumber(networkAddress(inner)) -
    quadToNumber(networkAddress(outer));
  return within >= 0 && within < blockSize(prefix);
}

/** Whether two prefixes have an address in common: then one contains the other. */
export function overlap(one: Ipv4Cidr, other: Ipv4Cidr): boolean {
  return contains(one, other) || contains(other, one);
}

/** The longest prefix that contains all of these; 0.0.0.0/0 if there are none. */
export function commonPrefix(prefixes: readonly Ipv4Cidr[]): Ipv4Cidr {
  let [low, high, length] = [2 ** 32 - 1, 0, 32];
  for (const prefix of prefixes) {
    const network = quadToNumber(networkAddress(prefix));
    low = Math.min(low, network);
    high = Math.max(high, network);
    length = Math.min(length, prefixLength(prefix));
  }
  while (length > 0 && low - low % blockSize(length) + blockSize(length) <= high) {
    length -= 1;
  }
  return prefixes.length === 0
    ? render(0, 0)
    : render(low - low % blockSize(length), length);
}

/**
 * The number of a dotted quad, 0 to 2^32 - 1. The caller has checked its syntax.
 *
 * ip-num takes far longer, and this runs 50,000 times for a set of 10,000 routes.
 */
export function quadToNumber(dottedQuad: string): number {
  let [number, octet] = [0, 0];
  for (let at = 0; at < dottedQuad.length; at += 1) {
    const code = dottedQuad.charCodeAt(at);
    if (code === DOT) [number, octet] = [number * 256 + octet, 0];
    else octet = octet * 10 + code - ZERO;
  }
  return number * 256 + octet;
}

const [DOT, ZERO] = [0x2e, 0x30];

/** How many addresses a prefix of this length has. */
function blockSize(prefix: number): number {
  return 2 ** (32 - prefix);
}

function render(network: number, prefix: number): Ipv4Cidr {
  const octets = [24, 16, 8, 0].map((shift) =>
    Octet.fromNumber((network >>> shift) & 255)
  );
  return `${octets.join(".")}/${prefix}` as Ipv4Cidr;
}
