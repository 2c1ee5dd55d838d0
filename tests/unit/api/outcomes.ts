import assert from "node:assert/strict";
import { type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../../src/routing/interface_name.ts";

/** A CIDR that a test is sure of. */
export function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

/** An interface name that a test is sure of. */
export function device(text: string): InterfaceName {
  const checked = parseInterfaceName(text);
  assert.ok(checked.ok);
  return checked.value;
}
