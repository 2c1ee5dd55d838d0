/**
 * The size of decoded lists of headers, from their encoded form: how long the list gets is
 * known before anything decodes it. One octet of HPACK can stand for 4 KB, so that a frame
 * of 16 KiB can ask its receiver for 64 MB (RFC 7541, 7.3).
 *
 * Sizes are those of RFC 9113, 6.5.2: of each header its name, its value, and 32 octets.
 */

/** Entries of the table that the client fills: 4,096 octets, at least 32 each. */
const MOST_ENTRIES = 128;
const ENTRY_OVERHEAD = 32;
/** The shortest code of RFC 7541, Appendix B has 5 bits: no octet becomes more than this. */
const MOST_HUFFMAN = 8 / 5;

/** Octets of a header's name and value. */
interface Entry {
  readonly name: number;
  readonly value: number;
}

/** RFC 7541, Appendix A: the lengths of the names and, where there are any, the values. */
const STATIC: readonly Entry[] = (
  "10 7:3 7:4 5:1 5:11 7:4 7:5 7:3 7:3 7:3 7:3 7:3 7:3 7:3 14 15:13 15 13 6 27 3 5 13 " +
  "13 19 16 16 14 16 13 12 6 4 4 6 7 4 4 8 17 13 8 19 13 4 8 12 18 19 5 7 7 11 6 10 25 " +
  "17 10 4 3 16"
).split(" ").map((entry) => {
  const [name, value] = entry.split(":").map(Number);
  return { name: name ?? 0, value: value ?? 0 };
});

/** Follows the blocks of one connection, in their order. */
export class HeaderListSizes {
  /** What the client has put into its table; the newest is the last. */
  readonly #table: Entry[] = [];

  /**
   * The size of the list that a whole block of headers decodes to; at most 1.6 times as
   * much where it is Huffman-coded. Infinity if it is no such block: whoever decodes it
   * ends the connection (RFC 7541, 2.2 and 5.2).
   */
  sizeOf(block: Uint8Array): number {
    const reader = new BlockReader(block);
    let size = 0;
    while (!reader.ended) {
      const entry = this.#next(reader);
      if (entry === undefined) return Infinity;
      if (entry !== RESIZED) size += entry.name + entry.value + ENTRY_OVERHEAD;
    }
    return reader.overrun ? Infinity : size;
  }

  #next(reader: BlockReader): Entry | typeof RESIZED | undefined {
    const first = reader.peek();
    if (first >= 0x80) return this.#at(reader.integer(7));
    if (first >= 0x40) {
      const entry = this.#literal(reader, 6);
      if (entry !== undefined) this.#add(entry);
      return entry;
    }
    if (first >= 0x20) {
      // What it takes out of the table are the oldest: no other changes its number.
      reader.integer(5);
      return RESIZED;
    }
    return this.#literal(reader, 4);
  }

  #literal(reader: BlockReader, prefixBits: number): Entry | undefined {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.#at(index)?.name;
    return name === undefined ? undefined : { name, value: reader.text() };
  }

  #at(index: number): Entry | undefined {
    return index <= STATIC.length
      ? STATIC[index - 1]
      : this.#table[this.#table.length - (index - STATIC.length)];
  }

  #add(entry: Entry): void {
    this.#table.push(entry);
    if (this.#table.length > MOST_ENTRIES) this.#table.shift();
  }
}

/** The client has changed the size of its table: no header. */
const RESIZED = "resized";

class BlockReader {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get ended(): boolean {
    return this.#at >= this.#block.length;
  }

  /** Whether something in it was longer than the block. */
  get overrun(): boolean {
    return this.#at > this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at] ?? 0;
  }

  /** RFC 7541, 5.1 */
  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.#octet() & most;
    if (value < most) return value;
    for (let factor = 1; !this.overrun; factor *= 128) {
      const octet = this.#octet();
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) break;
    }
    return value;
  }

  /** How long a text may be when it is decoded; goes past it. RFC 7541, 5.2 */
  text(): number {
    const isHuffman = this.peek() >= 0x80;
    const length = this.integer(7);
    this.#at += length;
    return isHuffman ? Math.floor(length * MOST_HUFFMAN) : length;
  }

  #octet(): number {
    const octet = this.#block[this.#at] ?? 0;
    this.#at += 1;
    return octet;
  }
}
