/**
 * Computes the size of a header list from its HPACK block, without decoding it. One octet of
 * HPACK can stand for 4 KB, so a frame of 16 KiB can make its receiver allocate 64 MB (RFC
 * 7541, 7.3).
 *
 * The size is that of RFC 9113, 6.5.2: for each field its name, its value, and 32 octets.
 */

/** Entries of the dynamic table: it has 4,096 octets, each entry at least 32. */
const MAX_ENTRIES = 128;
const ENTRY_OVERHEAD = 32;
/** Decoded octets per encoded one: the shortest code of RFC 7541, Appendix B has 5 bits. */
const MAX_HUFFMAN_RATIO = 8 / 5;

/** The lengths of a field's name and value in octets. */
interface Entry {
  readonly name: number;
  readonly value: number;
}

/** The static table of RFC 7541, Appendix A, as lengths `name:value` or `name`. */
const STATIC_TABLE: readonly Entry[] = (
  "10 7:3 7:4 5:1 5:11 7:4 7:5 7:3 7:3 7:3 7:3 7:3 7:3 7:3 14 15:13 15 13 6 27 3 5 13 " +
  "13 19 16 16 14 16 13 12 6 4 4 6 7 4 4 8 17 13 8 19 13 4 8 12 18 19 5 7 7 11 6 10 25 " +
  "17 10 4 3 16"
).split(" ").map((entry) => {
  const [name, value] = entry.split(":").map(Number);
  return { name: name ?? 0, value: value ?? 0 };
});

/** Computes the sizes of the header blocks of one connection, in their order. */
export class HeaderListSizer {
  /** The dynamic table; the newest entry is the last. */
  readonly #dynamicTable: Entry[] = [];

  /**
   * The size of the header list of a whole block: an upper bound, at most 1.6 times too high
   * for Huffman-coded strings. Infinity if the block is invalid; its decoder closes the
   * connection (RFC 7541, 2.2 and 5.2).
   */
  sizeOf(block: Uint8Array): number {
    const reader = new BlockReader(block);
    let size = 0;
    while (!reader.ended) {
      const entry = this.#next(reader);
      if (entry === undefined) return Infinity;
      if (entry !== TABLE_SIZE_UPDATE) {
        size += entry.name + entry.value + ENTRY_OVERHEAD;
      }
    }
    return reader.overrun ? Infinity : size;
  }

  #next(reader: BlockReader): Entry | typeof TABLE_SIZE_UPDATE | undefined {
    const first = reader.peek();
    if (first >= 0x80) return this.#entryAt(reader.integer(7));
    if (first >= 0x40) {
      const entry = this.#literal(reader, 6);
      if (entry !== undefined) this.#add(entry);
      return entry;
    }
    if (first >= 0x20) {
      // It evicts the oldest entries, so no other entry changes its index.
      reader.integer(5);
      return TABLE_SIZE_UPDATE;
    }
    return this.#literal(reader, 4);
  }

  #literal(reader: BlockReader, prefixBits: number): Entry | undefined {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.stringLength() : this.#entryAt(index)?.name;
    return name === undefined ? undefined : { name, value: reader.stringLength() };
  }

  #entryAt(index: number): Entry | undefined {
    return index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : this.#dynamicTable[this.#dynamicTable.length - (index - STATIC_TABLE.length)];
  }

  #add(entry: Entry): void {
    this.#dynamicTable.push(entry);
    if (this.#dynamicTable.length > MAX_ENTRIES) this.#dynamicTable.shift();
  }
}

/** A dynamic table size update, which is not a field: RFC 7541, 6.3. */
const TABLE_SIZE_UPDATE = "table size update";

class BlockReader {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get ended(): boolean {
    return this.#at >= this.#block.length;
  }

  /** Whether a representation in it was longer than the block. */
  get overrun(): boolean {
    return this.#at > this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at] ?? 0;
  }

  /** RFC 7541, 5.1 */
  integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = this.#octet() & max;
    if (value < max) return value;
    for (let factor = 1; !this.overrun; factor *= 128) {
      const octet = this.#octet();
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) break;
    }
    return value;
  }

  /** Skips a string literal; returns its decoded length at most. RFC 7541, 5.2 */
  stringLength(): number {
    const isHuffman = this.peek() >= 0x80;
    const length = this.integer(7);
    this.#at += length;
    return isHuffman ? Math.floor(length * MAX_HUFFMAN_RATIO) : length;
  }

  #octet(): number {
    const octet = this.#block[this.#at] ?? 0;
    this.#at += 1;
    return octet;
  }
}
