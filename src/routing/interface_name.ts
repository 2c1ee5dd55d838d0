import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";

declare const brand: unique symbol;

/**
 * The name of a network interface, safe as a word of an `ip` command: 1–15 of
 * `A–Z a–z 0–9 . _ -`, not `.` or `..`, not starting with `-`. Only this module makes
 * one.
 */
export type InterfaceName = string & { readonly [brand]: true };

/** Why a text is not an interface name. */
export interface InterfaceNameFault {
  readonly kind: "interface-name";
  readonly text: string;
}

// Narrower than the kernel's own dev_valid_name(), which takes every byte but NUL, `/`,
// `:` and white space: a quote or a `#` means something to `ip -batch`.
// 15 is IFNAMSIZ without its NUL.
const GRAMMAR = /^(?!\.\.?$)[A-Za-z0-9._][A-Za-z0-9._-]{0,14}$/;

/** Parses a text as an {@linkcode InterfaceName}; no such interface need exist. */
export function parseInterfaceName(
  text: string,
): Result<InterfaceName, InterfaceNameFault> {
  return isInterfaceName(text) ? ok(text) : err({ kind: "interface-name", text });
}

/** The sentence for the fault, as the client gets it in `error`. */
export function describeInterfaceNameFault(fault: InterfaceNameFault): string {
  return `Invalid interface name: ${quote(fault.text)}`;
}

function isInterfaceName(text: string): text is InterfaceName {
  return GRAMMAR.test(text);
}
