/**
 * Makes compiled code of V8 the same in each build of the image.
 *
 * V8 writes a function's code as its heap has it, with what stood in memory before where an
 * object has a gap, and with numbers of scripts and functions, which depend on the order in
 * which they were loaded. V8 reads neither: it gives new numbers to what it reads. So both
 * become 0 here, and all else stays.
 *
 * The format is that of V8's serializer (src/snapshot/serializer-deserializer.h) in the
 * version of Deno that the image has. What is not known here is an error, and another
 * version of Deno is one: its roots may have other indices.
 */

/** Magic number, hashes of version, source, flags and snapshot, length, checksum, gap. */
const HEADER_BYTES = 32;
const LENGTH_AT = 20;
const CHECKSUM_AT = 24;

const WORD = 8;

/** What a byte of the stream says. Ranges hold a number as well. */
const NEW_OBJECT = { first: 0x00, last: 0x03 } as const;
const BACK_REFERENCE = 0x04;
const READ_ONLY_REFERENCE = 0x05;
const STARTUP_OBJECT = 0x06;
const ROOT = 0x07;
const ATTACHED_REFERENCE = 0x08;
const NO_OPERATION = 0x0a;
const SYNCHRONIZE = 0x0b;
const MANY_ROOTS = 0x0c;
const LONG_RAW_WORDS = 0x11;
const WEAK_PREFIX = 0x18;
const PROTECTED_PREFIX = 0x21;
const ROOT_CONSTANT = { first: 0x40, last: 0x5f } as const;
const RAW_WORDS = { first: 0x60, last: 0x7f } as const;
const REPEATED_ROOT = { first: 0x80, last: 0x8f } as const;
const FEWEST_REPEATED = 2;
const MOST_REPEATED_BY_BYTE = 17;
const HOT_OBJECT = { first: 0x90, last: 0x97 } as const;

/** Among the raw words of an object: four bytes to become 0. */
interface Gap {
  /** Which word of the object; 0 is its map. */
  readonly word: number;
  /** Where in the word. */
  readonly byte: 0 | 4;
}

const BEHIND_LENGTH: Gap = { word: 1, byte: 4 };
const UNIQUE_ID: Gap = { word: 8, byte: 0 };
const SCRIPT_ID: Gap = { word: 8, byte: 4 };

/** The gap of an object, by the index of its map among the roots. */
const GAPS: ReadonlyMap<number, Gap> = new Map([
  // Fixed arrays of each kind, weak ones, trusted ones, arrays of bytes.
  ...[10, 11, 12, 23, 67, 68, 69, 71, 72, 111, 113]
    .map((map) => [map, BEHIND_LENGTH] as const),
  [17, UNIQUE_ID],
  [1007, SCRIPT_ID],
]);

/** What a slot refers to, as far as it can be a map. */
type Reference =
  | { readonly kind: "root"; readonly index: number }
  | { readonly kind: "other" };

const OTHER: Reference = { kind: "other" };

/** Objects that were referred to last; a byte alone refers to one of them. */
class HotObjects {
  readonly #objects = Array.from({ length: 8 }, (): Reference => OTHER);
  #next = 0;

  /** Takes the place of the oldest one. */
  add(reference: Reference): Reference {
    this.#objects[this.#next] = reference;
    this.#next = (this.#next + 1) % this.#objects.length;
    return reference;
  }

  at(index: number): Reference {
    return this.#objects[index] ?? OTHER;
  }
}

/** How many slots were read, and what the one that was read refers to. */
interface Slots {
  readonly count: number;
  readonly reference: Reference;
}

class Canonicalizer {
  readonly #bytes: Uint8Array;
  readonly #hot = new HotObjects();
  #at = HEADER_BYTES;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  run(): void {
    this.#slot(undefined, 0);
    const end = this.#bytes.length;
    if (this.#byte() !== SYNCHRONIZE) throw this.#unknown();
    while (this.#at < end) if (this.#byte() !== NO_OPERATION) throw this.#unknown();
  }

  /** An object: its size in words, its map, its other words. */
  #object(): void {
    const words = this.#number();
    const { reference } = this.#slot(undefined, 0);
    const gap = reference.kind === "root" ? GAPS.get(reference.index) : undefined;
    let word = 1;
    while (word < words) word += this.#slot(gap, word).count;
    if (word !== words) throw this.#unknown();
  }

  /** Reads what fills a slot or several. */
  #slot(gap: Gap | undefined, word: number): Slots {
    const byte = this.#byte();
    if (byte <= NEW_OBJECT.last) return this.#other(() => this.#object());
    if (isIn(ROOT_CONSTANT, byte)) {
      const index = byte - ROOT_CONSTANT.first;
      return { count: 1, reference: { kind: "root", index } };
    }
    if (isIn(RAW_WORDS, byte)) return this.#raw(byte - RAW_WORDS.first + 1, gap, word);
    if (isIn(REPEATED_ROOT, byte)) {
      return this.#repeated(byte - REPEATED_ROOT.first + FEWEST_REPEATED);
    }
    if (isIn(HOT_OBJECT, byte)) {
      return { count: 1, reference: this.#hot.at(byte - HOT_OBJECT.first) };
    }
    switch (byte) {
      case WEAK_PREFIX:
      case PROTECTED_PREFIX:
        return this.#slot(gap, word);
      case BACK_REFERENCE:
        this.#number();
        return { count: 1, reference: this.#hot.add(OTHER) };
      case ROOT: {
        const root: Reference = { kind: "root", index: this.#number() };
        return { count: 1, reference: this.#hot.add(root) };
      }
      case READ_ONLY_REFERENCE:
        this.#number();
        return this.#other(() => this.#number());
      case STARTUP_OBJECT:
      case ATTACHED_REFERENCE:
        return this.#other(() => this.#number());
      case MANY_ROOTS:
        return this.#repeated(this.#number() + MOST_REPEATED_BY_BYTE + 1);
      case LONG_RAW_WORDS:
        return this.#raw(this.#number(), gap, word);
      default:
        throw this.#unknown();
    }
  }

  #other(read: () => void): Slots {
    read();
    return { count: 1, reference: OTHER };
  }

  /** One root in several slots. */
  #repeated(count: number): Slots {
    this.#byte();
    return { count, reference: OTHER };
  }

  /** Words as they stand in memory: here are the gaps. */
  #raw(count: number, gap: Gap | undefined, word: number): Slots {
    if (gap !== undefined && word <= gap.word && gap.word < word + count) {
      const at = this.#at + (gap.word - word) * WORD + gap.byte;
      this.#bytes.fill(0, at, at + 4);
    }
    this.#at += count * WORD;
    return { count, reference: OTHER };
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw this.#unknown();
    this.#at += 1;
    return byte;
  }

  /** The lowest two bits of the first byte say how many bytes follow it. */
  #number(): number {
    const first = this.#byte();
    let value = first;
    for (let more = 1; more <= (first & 3); more += 1) {
      value += this.#byte() * 2 ** (8 * more);
    }
    return Math.floor(value / 4);
  }

  #unknown(): Error {
    return new Error(
      `Cannot read compiled code as V8's: byte ${
        this.#at - 1
      } of ${this.#bytes.length} ` +
        "is not known here; another version of Deno needs another code_cache.ts",
    );
  }
}

function isIn(
  { first, last }: { readonly first: number; readonly last: number },
  byte: number,
): boolean {
  return first <= byte && byte <= last;
}

/**
 * Returns the same compiled code, with 0 in all that V8 does not read.
 *
 * @throws {Error} if it is not in the format of the V8 that the image has.
 */
export function canonicalCode(code: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(code);
  const header = new DataView(bytes.buffer);
  // With a checksum V8 would refuse what was changed.
  if (
    bytes.length < HEADER_BYTES || header.getUint32(CHECKSUM_AT, true) !== 0 ||
    header.getUint32(LENGTH_AT, true) + HEADER_BYTES !== bytes.length
  ) {
    throw new Error("Cannot read compiled code as V8's: its header is another one");
  }
  new Canonicalizer(bytes).run();
  return bytes;
}
