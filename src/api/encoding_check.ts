import { isUtf8 } from "node:buffer";
import protobuf from "protobufjs";

/** Wire types of the protobuf encoding. */
const VARINT = 0;
const I64 = 1;
const LEN = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const I32 = 5;

/** The most bytes of a varint of 32 bits, such as a tag or a length; each has 7 bits. */
const MAX_BYTES_32 = 5;
/** The most bytes of a varint of 64 bits. */
const MAX_BYTES_64 = 10;
/** The greatest field number is 2^29 - 1, so a tag has at most 32 bits. */
const MAX_TAG = 2 ** 32 - 1;
/** The limit of the other protobuf libraries. */
const MAX_DEPTH = 100;

const WIDE_TYPES: ReadonlySet<string> = new Set(["int64", "uint64", "sint64"]);

const WIRE_TYPES: ReadonlyMap<string, number> = new Map(
  Object.entries(protobuf.types.basic),
);

/**
 * Checks that bytes are one message of a type in the protobuf encoding, before protobufjs
 * decodes them: version 7.6.6 accepts a string that is cut off, ignores the wire types of
 * known fields, and replaces bytes that are not UTF-8.
 *
 * Well-formed unknown fields are allowed, as in proto3. A known field with another wire
 * type is refused, as by Rust's prost. A library that skips it as unknown would act on a
 * message with a part missing.
 *
 * @throws {MalformedMessage} if they are not
 */
export function checkEncoding(bytes: Uint8Array, type: protobuf.Type): void {
  checkFields(new WireReader(bytes), slotsOf(type), 0);
}

/** The bytes are not a message of the expected type. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/** What the encoding of one field must be. */
interface Slot {
  readonly name: string;
  readonly wireType: number;
  readonly isRepeated: boolean;
  readonly isText: boolean;
  /** It is a number of 64 bits. */
  readonly isWide: boolean;
  /** The fields of the message that it holds; undefined if it holds none. */
  readonly slots: Slots | undefined;
}

/** The fields of a message by their number. */
type Slots = (number: number) => Slot | undefined;

function slotsOf(type: protobuf.Type): Slots {
  return (number) => {
    const field = type.fieldsById[number];
    return field === undefined ? undefined : slotOf(field);
  };
}

function slotOf(field: protobuf.Field): Slot {
  const { name, repeated, resolvedType, type } = field;
  const value = { ...valueSlot(name, type, resolvedType), isRepeated: repeated };
  return field instanceof protobuf.MapField
    ? { ...value, wireType: LEN, slots: entrySlots(field.keyType, value) }
    : value;
}

/** The entry of a map is encoded as a message: field 1 is the key, field 2 the value. */
function entrySlots(keyType: string, value: Slot): Slots {
  const key = valueSlot("key", keyType, null);
  return (number) => number === 1 ? key : number === 2 ? value : undefined;
}

function valueSlot(
  name: string,
  type: string,
  resolved: protobuf.Type | protobuf.Enum | null,
): Slot {
  const scalar = resolved instanceof protobuf.Enum ? "int32" : type;
  return {
    name,
    wireType: WIRE_TYPES.get(scalar) ?? LEN,
    isRepeated: false,
    isText: scalar === "string",
    isWide: WIDE_TYPES.has(scalar),
    slots: resolved instanceof protobuf.Type ? slotsOf(resolved) : undefined,
  };
}

function checkFields(reader: WireReader, slots: Slots, depth: number): void {
  checkDepth(depth);
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    const slot = slots(number);
    if (slot === undefined) skipField(reader, number, wireType, depth);
    else checkField(reader, slot, wireType, depth);
  }
}

function checkField(
  reader: WireReader,
  slot: Slot,
  wireType: number,
  depth: number,
): void {
  const { isRepeated, isText, name, slots, wireType: expected } = slot;
  if (wireType === LEN && expected !== LEN && isRepeated) {
    // A parser must accept repeated numbers packed and unpacked.
    const packed = reader.lengthDelimited();
    while (!packed.isAtEnd) checkNumber(packed, slot);
  } else if (wireType !== expected) {
    throw new MalformedMessage(
      `Wire type ${wireType} of field ${name} is not ${expected}`,
    );
  } else if (wireType !== LEN) {
    checkNumber(reader, slot);
  } else {
    const content = reader.lengthDelimited();
    if (slots !== undefined) checkFields(content, slots, depth + 1);
    else if (isText && !isUtf8(content.rest)) {
      throw new MalformedMessage(`Field ${name} is not UTF-8`);
    }
  }
}

/**
 * A number of 32 bits has at most 5 bytes, or 10 if it is negative. For any other length
 * protobufjs skips 10 bytes, so it would read another message than the one checked here.
 */
function checkNumber(reader: WireReader, { isWide, name, wireType }: Slot): void {
  const length = reader.skip(wireType);
  if (
    wireType === VARINT && !isWide && length > MAX_BYTES_32 && length < MAX_BYTES_64
  ) {
    throw new MalformedMessage(`Field ${name} is a number of ${length} bytes`);
  }
}

function skipField(
  reader: WireReader,
  number: number,
  wireType: number,
  depth: number,
): void {
  if (wireType !== START_GROUP) {
    reader.skip(wireType);
    return;
  }
  checkDepth(depth + 1);
  for (;;) {
    const next = reader.tag();
    if (next.wireType === END_GROUP && next.number === number) return;
    skipField(reader, next.number, next.wireType, depth + 1);
  }
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new MalformedMessage(`Nested more than ${MAX_DEPTH} deep`);
  }
}

/** Reads bytes from the beginning to the end, and never beyond. */
class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The bytes that have not been read. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  tag(): { readonly number: number; readonly wireType: number } {
    const tag = this.#varint(MAX_BYTES_32);
    const number = Math.floor(tag / 8);
    if (tag > MAX_TAG || number === 0) {
      throw new MalformedMessage(`Invalid field number ${number}`);
    }
    return { number, wireType: tag % 8 };
  }

  lengthDelimited(): WireReader {
    return new WireReader(this.#take(this.#varint(MAX_BYTES_32)));
  }

  /** @returns how many bytes the value has */
  skip(wireType: number): number {
    const start = this.#at;
    switch (wireType) {
      case VARINT:
        this.#varint(MAX_BYTES_64);
        break;
      case I64:
        this.#take(8);
        break;
      case LEN:
        this.lengthDelimited();
        break;
      case I32:
        this.#take(4);
        break;
      default:
        throw new MalformedMessage(`Unexpected wire type ${wireType}`);
    }
    return this.#at - start;
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedMessage("The message is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** Exact below 2^53; any caller refuses or ignores a greater value. */
  #varint(longest: number): number {
    let value = 0;
    for (let place = 0; place < longest; place += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new MalformedMessage("The message is cut off");
      this.#at += 1;
      value += (byte & 0x7f) * 2 ** (7 * place);
      // The 10th byte has one bit of the 64.
      if (byte < (place === MAX_BYTES_64 - 1 ? 2 : 0x80)) return value;
    }
    throw new MalformedMessage(`A number has more than ${longest} bytes`);
  }
}
