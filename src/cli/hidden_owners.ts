/** Takes the names of addresses' owners out of texts that leave the node. */
import { parseMutation } from "../dataplane/iproute2/parse_mutation.ts";
import { decode, STATE_TABLE } from "../state/table142_codec.ts";

/** What stands in the place of a name. */
const HIDDEN = "(hidden)";

/** As `quote` writes it in a text; the same within a string of JSON; and as it is. */
const NAME = [
  String.raw`"(?:[^"\\]|\\.)*"`,
  String.raw`\\"(?:[^"\\]|\\\\(?:\\.|[^\\]))*\\"`,
  "[A-Za-z0-9._/-]+",
].join("|");

/** Where a log, an answer or a request names an owner. */
const NAMED = [
  String.raw`\bowner\\?"?[=:] ?`,
  String.raw`\b(?:Allocated address|Address unchanged|Released address): \S+ of ` +
  "(?!an unknown owner)",
  String.raw`\bOwner (?=\\?")`,
  String.raw`\btaken by (?=\\?")`,
  String.raw`\b\d+\.\d+\.\d+\.\d+ for (?=\\?")`,
].map((before) => new RegExp(`(${before})(?:${NAME})`, "g"));

/** What table 142 has of an owner: the hash of a name, and its parts as numbers. */
const ENCODED =
  /(\bprohibit \S+(?: (?:table|proto) \S+)* metric \d+)(?: (?:window|ssthresh|cwnd|reordering|initcwnd|initrwnd) \d+)+/g;

/** Names have more UTF-16 units than a quotation shows. */
const QUOTED_UNITS = 64;

/**
 * Hides owners in a text: what the sidecar's log and answers say of any owner, what table
 * 142 keeps of one, and these names wherever they stand as words.
 *
 * @param owners the names that are known to be given now
 */
export function hideOwners(text: string, owners: readonly string[]): string {
  const unnamed = NAMED.reduce(
    (hidden, pattern) => hidden.replaceAll(pattern, `$1${HIDDEN}`),
    text.replaceAll(ENCODED, `$1 ${HIDDEN}`),
  );
  const words = owners.filter((owner) => owner !== "").flatMap((owner) => {
    // As it is, and as JSON and a quotation have it.
    const escaped = JSON.stringify(owner).slice(1, -1);
    const cut = JSON.stringify(owner.slice(0, QUOTED_UNITS)).slice(1, -1);
    return [owner, escaped, JSON.stringify(escaped).slice(1, -1), cut];
  });
  // The longest first: one name may be a part of another.
  return [...new Set(words)].toSorted((one, other) => other.length - one.length)
    .reduce((hidden, word) => hidden.replaceAll(wordPattern(word), HIDDEN), unnamed);
}

/** Not within a longer word: an owner may be called `a`. */
function wordPattern(word: string): RegExp {
  const literal = word.replaceAll(/[^A-Za-z0-9]/g, "\\$&");
  return new RegExp(`(?<![A-Za-z0-9])${literal}(?![A-Za-z0-9])`, "g");
}

/**
 * The names that table 142 keeps, for when no sidecar tells them.
 *
 * @param listing what `ip route show` prints of it
 */
export function ownersIn(listing: string): readonly string[] {
  const parts = new Map<string, string[]>();
  for (const line of listing.split("\n")) {
    const [, address = "", rest = ""] = /^prohibit (\S+) (.*)$/.exec(line.trim()) ?? [];
    // A listing of one table does not name it, and a host has no prefix length.
    const key = rest.replace(/^table \d+ /, "");
    const change = parseMutation(
      `route add prohibit ${address}/32 table ${STATE_TABLE} ${key}`,
    );
    const record = change?.kind === "entry" ? decode(change.entry) : undefined;
    if (record?.kind !== "fragment") continue;
    const texts = parts.get(record.address) ?? [];
    texts[record.part] = record.text;
    parts.set(record.address, texts);
  }
  return [...parts.values()].map((texts) => texts.join(""));
}
