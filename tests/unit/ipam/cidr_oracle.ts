/** What the contract says about a text. This file shares no code with src/ipam. */
export type Verdict =
  | { readonly kind: "malformed" }
  | { readonly kind: "host-bits"; readonly prefix: number; readonly network: string }
  | { readonly kind: "cidr"; readonly prefix: number; readonly bits: string };

/** Texts by which an attacker would try to inject a command or an option into `ip`. */
export const hostileTexts: readonly string[] = [
  "",
  " ",
  "/",
  "/24",
  "...",
  ".../24",
  "10.42.1.0",
  "10.42.1.0/",
  "10.42.1.0/24\n",
  "\n10.42.1.0/24",
  "10.42.1.0/24\r\n",
  "10.42.1.0/24\0",
  "10.42.1\0.0/24",
  "10.42.1.0/24 ",
  " 10.42.1.0/24",
  "10.42.1.0 /24",
  "10.42.1.0/24\u00a0",
  "10.42.1.0/24\u2028",
  "\ufeff10.42.1.0/24",
  "10.42.1.0/24 dev lo",
  "10.42.1.0/24\nroute flush table main",
  "10.42.1.0/24;reboot",
  "10.42.1.0/24#",
  "-batch",
  "-10.42.1.0/24",
  "+10.42.1.0/24",
  "10.42.1.0/+24",
  "10.42.1.0/-24",
  "10.42.1.0/-0",
  "10.42.1.0/024",
  "10.42.1.0/00",
  "10.42.1.0/33",
  "10.42.1.0/2e1",
  "10.42.1.0/24.0",
  "10.42.1.0//24",
  "10.42.1.0/24/24",
  "10.42.01.0/24",
  "010.42.1.0/24",
  "00.0.0.0/0",
  "0x0a.42.1.0/24",
  "10.42.1.0/0x18",
  "0x0a2a0100/24",
  "170524928/24",
  "10.42.1/24",
  "10.42.256/24",
  "10.42.1.0.0/24",
  "10.42.1.0./24",
  ".10.42.1.0/24",
  "10..1.0/24",
  "10.42.1.256/24",
  "10.42.1.999/24",
  "10.42.1.4294967296/24",
  "10.42.1.0/255.255.255.0",
  "10.42.1.0/4294967320",
  "١٠.٤٢.١.٠/٢٤",
  "１０.４２.１.０/２４",
  "10.42.1.0/2４",
  "10。42。1。0/24",
  "10.42.1.0⁄24",
  "10.42.1.²/24",
  "::/0",
  "fd00::/8",
  "::ffff:10.42.1.0/120",
  "default",
  "all",
  "10.42.1.0/24,10.42.2.0/24",
  "\u202e42/0.1.24.01",
  "1".repeat(100_000),
  `${"0".repeat(64)}10.42.1.0/24`,
  `10.42.1.0/24${" ".repeat(64)}`,
];

/**
 * Reads the text character by character, as the contract's sentence runs, and works
 * with addresses as strings of 32 ones and zeros.
 */
export function judge(text: string): Verdict {
  const numbers: number[] = [];
  let digits = "";
  for (const character of `${text}$`) {
    if ("0123456789".includes(character)) {
      if (digits === "0" || digits.length === 3) return { kind: "malformed" };
      digits += character;
      continue;
    }
    const expected = numbers.length === 4 ? "$" : numbers.length === 3 ? "/" : ".";
    const value = digits === "" ? Infinity : Number(digits);
    const most = expected === "$" ? 32 : 255;
    if (character !== expected || value > most) return { kind: "malformed" };
    numbers.push(value);
    digits = "";
  }
  // The `$` put behind the text is the only one allowed.
  if (numbers.length !== 5 || text.includes("$")) return { kind: "malformed" };
  return placed(numbers.slice(0, 4), numbers[4] ?? NaN);
}

function placed(octets: readonly number[], prefix: number): Verdict {
  const address = octets.map((octet) => octet.toString(2).padStart(8, "0")).join("");
  const bits = address.slice(0, prefix);
  return bits.padEnd(32, "0") === address
    ? { kind: "cidr", prefix, bits }
    : { kind: "host-bits", prefix, network: written(bits) };
}

/** The CIDR of all addresses that begin with these bits, at most 32. */
export function written(bits: string): string {
  const address = bits.padEnd(32, "0");
  const octets = [0, 8, 16, 24].map((at) => parseInt(address.slice(at, at + 8), 2));
  return `${octets.join(".")}/${bits.length}`;
}

/** The cluster's policy, the cluster's CIDR given by the bits of its prefix. */
export interface OraclePolicy {
  readonly clusterBits: string;
  readonly nodePrefix: number;
}

/**
 * The contract's table read from top to bottom: the sentence up to what is quoted, or
 * undefined for a text that is accepted.
 */
export function sentence(
  text: string,
  noun: "Subnet" | "Destination",
  { clusterBits, nodePrefix }: OraclePolicy,
): string | undefined {
  const verdict = judge(text);
  if (verdict.kind === "malformed") {
    return noun === "Subnet"
      ? 'Invalid subnet CIDR format: "'
      : 'Invalid destination CIDR format: "';
  }
  if (verdict.prefix !== nodePrefix) {
    return `${noun} must be /${nodePrefix}, got /${verdict.prefix}`;
  }
  if (verdict.kind === "host-bits") {
    return `${noun} ${text} has host bits set; did you mean ${verdict.network}?`;
  }
  if (!verdict.bits.startsWith(clusterBits)) {
    return `${noun} ${text} must be within cluster CIDR ${written(clusterBits)}`;
  }
  return undefined;
}
