import { isUtf8 } from "node:buffer";
import protobuf from "protobufjs";

/** Wire types of the protobuf encoding. */
const VARINT = 0;
const I64 = 1;
const LEN = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const I32 = 5;

/** The longest varint of 32 bits, such as a tag or a length, in bytes of 7 bits. */
const MAX_BYTES_32 = 5;
/** The longest varint of 64 bits, in bytes. */
const MAX_BYTES_64 = 10;
/** The greatest field number is 2^29 - 1, so a tag has at most 32 bits. */
const MAX_TAG = 2 ** 32 - 1;
/** The limit of the other protobuf libraries. */
const MAX_DEPTH = 100;
/** In bytes. */
const MAX_ASCII_LENGTH = 64;

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
  checkFields(new WireReader(bytes), fieldsOf(type), 0);
}

/** The bytes are not a message of the expected type. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/** How one field must be encoded. */
interface FieldEncoding {
  readonly name: string;
  readonly wireType: number;
  readonly isRepeated: boolean;
  readonly isText: boolean;
  /** It is a number of 64 bits. */
  readonly isWide: boolean;
  /** The fields of the message in this field; undefined if it is no message. */
  readonly fields: (() => Fields) | undefined;
}

/** The fields of a message by their number. */
type Fields = ReadonlyMap<number, FieldEncoding>;

/** Kept, because a SyncRoutes has the same two fields up to 65,536 times. */
const knownFields = new WeakMap<protobuf.Type, Fields>();

function fieldsOf(type: protobuf.Type): Fields {
  const known = knownFields.get(type);
  if (known !== undefined) return known;
  const fields = new Map(type.fieldsArray.map((one) => [one.id, fieldEncoding(one)]));
  knownFields.set(type, fields);
  return fields;
}

function fieldEncoding(field: protobuf.Field): FieldEncoding {
  const { name, repeated, resolvedType, type } = field;
  const value = { ...valueEncoding(name, type, resolvedType), isRepeated: repeated };
  if (!(field instanceof protobuf.MapField)) return value;
  // The entry of a map is encoded as a message of a key and a value.
  const key = valueEncoding("key", field.keyType, null);
  const entry = new Map([[1, key], [2, value]]);
  return { ...value, wireType: LEN, fields: () => entry };
}

function valueEncoding(
  name: string,
  type: string,
  resolved: protobuf.Type | protobuf.Enum | null,
): FieldEncoding {
  const scalar = resolved instanceof protobuf.Enum ? "int32" : type;
  return {
    name,
    wireType: WIRE_TYPES.get(scalar) ?? LEN,
    isRepeated: false,
    isText: scalar === "string",
    isWide: WIDE_TYPES.has(scalar),
    fields: resolved instanceof protobuf.Type ? () => fieldsOf(resolved) : undefined,
  };
}

function checkFields(reader: WireReader, fields: Fields, depth: number): void {
  checkDepth(depth);
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    const field = fields.get(fieldNumber(tag));
    if (field === undefined) skipField(reader, tag, depth);
    else checkField(reader, field, wireTypeOf(tag), depth);
  }
}

function checkField(
  reader: WireReader,
  field: FieldEncoding,
  wireType: number,
  depth: number,
): void {
  const { fields, isRepeated, isText, name, wireType: expected } = field;
  if (wireType === LEN && expected !== LEN && isRepeated) {
    // A parser must accept repeated numbers packed and unpacked.
    const outerEnd = reader.enter();
    while (!reader.isAtEnd) checkNumber(reader, field);
    reader.leave(outerEnd);
  } else if (wireType !== expected) {
    throw new MalformedMessage(
      `Wire type ${wireType} of field ${name} is not ${expected}`,
    );
  } else if (wireType !== LEN) {
    checkNumber(reader, field);
  } else if (fields !== undefined) {
    const outerEnd = reader.enter();
    checkFields(reader, fields(), depth + 1);
    reader.leave(outerEnd);
  } else {
    const content = reader.lengthDelimited();
    if (isText && !isAscii(content) && !isUtf8(content)) {
      throw new MalformedMessage(`Field ${name} is not UTF-8`);
    }
  }
}

/** Almost all texts are short; for them this is faster than a call out of V8. */
function isAscii(bytes: Uint8Array): boolean {
  if (bytes.length > MAX_ASCII_LENGTH) return false;
  for (const byte of bytes) {
    if (byte >= 0x80) return false;
  }
  return true;
}

/**
 * A number of 32 bits has at most 5 bytes, or 10 if it is negative. For any other length
 * protobufjs skips 10 bytes, so it would read another message than the one checked here.
 */
function checkNumber(
  reader: WireReader,
  { isWide, name, wireType }: FieldEncoding,
): void {
  const length = reader.skip(wireType);
  if (
    wireType === VARINT && !isWide && length > MAX_BYTES_32 && length < MAX_BYTES_64
  ) {
    throw new MalformedMessage(`Field ${name} is a number of ${length} bytes`);
  }
}

function skipField(reader: WireReader, tag: number, depth: number): void {
  if (wireTypeOf(tag) !== START_GROUP) {
    reader.skip(wireTypeOf(tag));
    return;
  }
  checkDepth(depth + 1);
  for (;;) {
    const next = reader.tag();
    if (wireTypeOf(next) === END_GROUP && fieldNumber(next) === fieldNumber(tag)) {
      return;
    }
    skipField(reader, next, depth + 1);
  }
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new MalformedMessage(`Nested more than ${MAX_DEPTH} deep`);
  }
}

function fieldNumber(tag: number): number {
  return tag >>> 3;
}

function wireTypeOf(tag: number): number {
  return tag & 7;
}

/** Reads bytes from the beginning to the end, and never beyond. */
class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Where the message that is being read ends. */
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** A field number, times 8, and a wire type: 32 bits without a sign. */
  tag(): number {
    const tag = this.#varint(MAX_BYTES_32);
    if (tag > MAX_TAG || tag < 8) {
      throw new MalformedMessage(`Invalid field number ${Math.floor(tag / 8)}`);
    }
    return tag;
  }

  /**
   * Reads a length, and ends the reader after so many bytes.
   *
   * @returns the end of the outer message, for {@linkcode leave}
   */
  enter(): number {
    const end = this.#endOf(this.#varint(MAX_BYTES_32));
    const outerEnd = this.#end;
    this.#end = end;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.#end = outerEnd;
  }

  /** The bytes of a length-delimited value. */
  lengthDelimited(): Uint8Array {
    const end = this.#endOf(this.#varint(MAX_BYTES_32));
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return content;
  }

  /** @returns how many bytes the value has */
  skip(wireType: number): number {
    const start = this.#at;
    switch (wireType) {
      case VARINT:
        this.#varint(MAX_BYTES_64);
        break;
      case I64:
        this.#at = this.#endOf(8);
        break;
      case LEN:
        this.#at = this.#endOf(this.#varint(MAX_BYTES_32));
        break;
      case I32:
        this.#at = this.#endOf(4);
        break;
      default:
        throw new MalformedMessage(`Unexpected wire type ${wireType}`);
    }
    return this.#at - start;
  }

  #endOf(length: number): number {
    const end = this.#at + length;
    if (end > this.#end) throw new MalformedMessage("The message is cut off");
    return end;
  }

  /** Exact below 2^53; a greater value is refused or ignored. */
  #varint(longest: number): number {
    let value = 0;
    for (let place = 0, factor = 1; place < longest; place += 1, factor *= 128) {
      const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
      if (byte === undefined) throw new MalformedMessage("The message is cut off");
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      // The 10th byte has one bit of the 64.
      if (byte < (place === MAX_BYTES_64 - 1 ? 2 : 0x80)) return value;
    }
    throw new MalformedMessage(`A number has more than ${longest} bytes`);
  }
}
