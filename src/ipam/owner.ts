import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";

declare const brand: unique symbol;
declare const keyBrand: unique symbol;

/**
 * The name of an address's owner, e.g. a container id: 1 to 128 printable ASCII
 * characters without spaces. Only this module makes one.
 */
export type Owner = string & { readonly [brand]: true };

/**
 * Identifies an owner even if its name was lost: 192 bits of the name's hash as 48
 * hexadecimal digits. Only this module makes one.
 */
export type OwnerKey = string & { readonly [keyBrand]: true };

/** The reason why a text is not an {@linkcode Owner}. */
export interface OwnerFault {
  readonly kind: "owner";
  readonly text: string;
}

/** The length of the longest owner, in characters. */
export const MAX_OWNER_LENGTH = 128;

const GRAMMAR = new RegExp(`^[!-~]{1,${MAX_OWNER_LENGTH}}$`);

/** Parses an {@linkcode Owner}. */
export function parseOwner(text: string): Result<Owner, OwnerFault> {
  return isOwner(text) ? ok(text) : err({ kind: "owner", text });
}

/** The message for a client. */
export function describeOwnerFault(fault: OwnerFault): string {
  return `Invalid owner: ${
    quote(fault.text)
  }; use 1 to ${MAX_OWNER_LENGTH} printable ` +
    "ASCII characters without spaces";
}

/** How many 32-bit words a key has. */
export const OWNER_KEY_WORDS = 6;

/** The key that consists of six words, 0 to 2^32 - 1 each; a missing one counts as 0. */
export function ownerKey(words: readonly number[]): OwnerKey {
  const digits = Array.from(
    { length: OWNER_KEY_WORDS },
    (_, at) => (words[at] ?? 0).toString(16).padStart(8, "0"),
  );
  return digits.join("") as OwnerKey;
}

/** The six words of a key. */
export function ownerKeyWords(key: OwnerKey): readonly number[] {
  return Array.from(
    { length: OWNER_KEY_WORDS },
    (_, at) => parseInt(key.slice(at * 8, at * 8 + 8), 16),
  );
}

function isOwner(text: string): text is Owner {
  return GRAMMAR.test(text);
}
