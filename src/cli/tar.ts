/** A tar archive in memory: the ustar format of POSIX.1-2017, pax, "ustar Interchange Format". */

/** A file of an archive. */
export interface ArchivedFile {
  /** Relative, at most 100 bytes. */
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;

const encoder = new TextEncoder();

/**
 * Packs files.
 *
 * @param modified seconds since 1970
 * @throws {RangeError} if a name is too long
 */
export function packTar(
  files: readonly ArchivedFile[],
  modified: number,
): Uint8Array {
  const parts = files.flatMap(({ content, name }) => [
    headerOf(name, content.length, modified),
    content,
    new Uint8Array(padding(content.length)),
  ]);
  // Two blocks of zeros end an archive.
  parts.push(new Uint8Array(2 * BLOCK));
  const archive = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}

function padding(length: number): number {
  return (BLOCK - length % BLOCK) % BLOCK;
}

function headerOf(name: string, size: number, modified: number): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const put = (text: string, at: number): void => header.set(encoder.encode(text), at);
  const octal = (value: number, digits: number): string =>
    `${value.toString(8).padStart(digits, "0")}\0`;
  if (encoder.encode(name).length > 100) {
    throw new RangeError(`Cannot pack ${name}: its name is too long`);
  }
  put(name, 0);
  put(octal(0o644, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(Math.floor(modified), 11), 136);
  // The checksum counts as eight spaces.
  put("        ", 148);
  put("0", 156);
  put("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
