import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";

declare const brand: unique symbol;
declare const keyBrand: unique symbol;

/**
 * Who has an address, e.g. a container id: 1 to 128 printable ASCII characters without
 * spaces. Only this module makes one.
 */
export type Owner = string & { readonly [brand]: true };

/**
 * What tells owners apart, and is still known when a name was lost: 192 bits of the
 * name's hash as 48 hexadecimal digits. Only this module makes one.
 */
export type OwnerKey = string & { readonly [keyBrand]: true };

/** Why a text is not an owner. */
export interface OwnerFault {
  readonly kind: "owner";
  readonly text: string;
}

/** The longest owner, in characters. */
export const LONGEST_OWNER = 128;

const GRAMMAR = new RegExp(`^[!-~]{1,${LONGEST_OWNER}}$`);

/** Checks that a text is an {@linkcode Owner}. */
export function checkOwner(text: string): Result<Owner, OwnerFault> {
  return isOwner(text) ? ok(text) : err({ kind: "owner", text });
}

/** The sentence for the fault, as a caller finds it. */
export function describeOwnerFault(fault: OwnerFault): string {
  return `Invalid owner: ${quote(fault.text)}; use 1 to ${LONGEST_OWNER} printable ` +
    "ASCII characters without spaces";
}

/** How many words a key has. */
export const KEY_WORDS = 6;

/** The key of six words, 0 to 2^32 - 1 each; what is missing counts as 0. */
export function ownerKey(words: readonly number[]): OwnerKey {
  const digits = Array.from(
    { length: KEY_WORDS },
    (_, at) => (words[at] ?? 0).toString(16).padStart(8, "0"),
  );
  return digits.join("") as OwnerKey;
}

/** The six words of a key. */
export function keyWords(key: OwnerKey): readonly number[] {
  return Array.from(
    { length: KEY_WORDS },
    (_, at) => parseInt(key.slice(at * 8, at * 8 + 8), 16),
  );
}

function isOwner(text: string): text is Owner {
  return GRAMMAR.test(text);
}
