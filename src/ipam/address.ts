import { err, ok, type Result } from "../shared/result.ts";
import {
  type Ipv4Cidr,
  networkAddress,
  parseCidr,
  prefixLength,
  quadToNumber,
} from "./cidr.ts";
import { quote } from "../shared/quote.ts";

declare const brand: unique symbol;

/**
 * An IPv4 address as a dotted quad, e.g. `10.42.1.7`: four decimal octets without
 * leading zeros, so that two of them are the same address exactly when they are the same
 * string. Only this module makes one.
 */
export type Ipv4Address = string & { readonly [brand]: true };

/** The reason why a text is not an {@linkcode Ipv4Address}. */
export interface AddressFault {
  readonly kind: "address";
  readonly text: string;
}

/** Parses an {@linkcode Ipv4Address} as strictly as a CIDR is parsed. */
export function parseAddress(text: string): Result<Ipv4Address, AddressFault> {
  return isAddress(text) ? ok(text) : err({ kind: "address", text });
}

/** The message for a client. */
export function describeAddressFault(fault: AddressFault): string {
  return `Invalid address: ${quote(fault.text)}; use an IPv4 address such as 10.42.1.7`;
}

/** The first address of a prefix, its network address. */
export function firstAddress(prefix: Ipv4Cidr): Ipv4Address {
  return networkAddress(prefix) as Ipv4Address;
}

/** The one address of a /32; undefined for any other prefix. */
export function hostAddress(prefix: Ipv4Cidr): Ipv4Address | undefined {
  return prefixLength(prefix) === 32 ? firstAddress(prefix) : undefined;
}

/** The address as a number, 0 to 2^32 - 1. */
export function addressToNumber(address: Ipv4Address): number {
  return quadToNumber(address);
}

/** The address of a number, 0 to 2^32 - 1. */
export function addressFromNumber(number: number): Ipv4Address {
  const octets = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);
  return octets.join(".") as Ipv4Address;
}

/** The address that is so many further on than another one, up to 255.255.255.255. */
export function addressAfter(address: Ipv4Address, count: number): Ipv4Address {
  return addressFromNumber(addressToNumber(address) + count);
}

/** The prefix of this length, 0 to 32, that an address lies in. */
export function enclosing(address: Ipv4Address, length: number): Ipv4Cidr {
  const size = 2 ** (32 - length);
  const number = addressToNumber(address);
  const first = addressFromNumber(number - number % size);
  const parsed = parseCidr(`${first}/${length}`);
  if (!parsed.ok) throw new RangeError(`${length} is no prefix length`);
  return parsed.value;
}

function isAddress(text: string): text is Ipv4Address {
  return parseCidr(`${text}/32`).ok;
}
