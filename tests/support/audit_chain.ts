/**
 * Reads an audit trail by the rules of docs/audit.md, and uses nothing of `src` for it: the
 * tests of the writer compare with it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { isJsonObject, type JsonObject } from "../../deploy/json.ts";

/** A trail whose chain is whole. */
export interface ReadTrail {
  /** What the chain covers, in the order of the file. */
  readonly records: readonly JsonObject[];
  /** How many whole records stand there although a gap counts them as lost. */
  readonly ghosts: number;
  /** How many lines are cut off. */
  readonly cut: number;
  /** The hash of the last record. */
  readonly head: string;
}

interface Link {
  readonly record: JsonObject;
  readonly hash: string;
}

const ZEROS = "0".repeat(64);

/** @throws {assert.AssertionError} with the line at which the chain breaks */
export function readTrail(text: string): ReadTrail {
  const links: Link[] = [];
  let ghosts = 0;
  let cut = 0;
  let isCut = false;
  for (const [at, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const record = parse(line);
    if (record === undefined) {
      assert.equal(isCut, false, `line ${at + 1}: two lines in a row are cut off`);
      isCut = true;
      cut += 1;
      continue;
    }
    const { dropped, event, prev } = record;
    if (event === "start") {
      assert.equal(prev, ZEROS, `line ${at + 1}: a start record inside a chain`);
    } else if (typeof dropped === "number") {
      const last = links.findLastIndex(({ hash }) => hash === prev);
      const back = links.length - 1 - last;
      assert.ok(
        back <= dropped,
        `line ${at + 1}: the gap belongs to no line before it`,
      );
      const uncovered = links.splice(last + 1);
      const follower = uncovered.findIndex(({ record }) => isGap(record)) + 1;
      assert.ok(
        follower === 0 || follower === uncovered.length,
        `line ${at + 1}: records follow a gap that is not covered`,
      );
      ghosts += uncovered.length;
    } else {
      assert.equal(isCut, false, `line ${at}: cut off, and no gap follows`);
      assert.equal(
        prev,
        links.at(-1)?.hash ?? ZEROS,
        `line ${at + 1}: not the next one`,
      );
    }
    isCut = false;
    links.push({
      record: event === "end" ? checkedEnd(record) : record,
      hash: sha256(line),
    });
  }
  return {
    records: links.map(({ record }) => record),
    ghosts,
    cut,
    head: links.at(-1)?.hash ?? ZEROS,
  };
}

/** An end record without its own hash, which must be that of its other fields. */
function checkedEnd({ hash, prev, ...fields }: JsonObject): JsonObject {
  assert.equal(hash, sha256(JSON.stringify(fields)), "the end record was changed");
  return { ...fields, prev };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isGap({ dropped }: JsonObject): boolean {
  return dropped !== undefined;
}

function parse(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** How many lines the gaps of a trail stand for. */
export function lostOf({ records }: ReadTrail): number {
  return records.reduce((sum, { dropped }) => sum + Number(dropped ?? 0), 0);
}

/** What is no gap. */
export function writtenOf({ records }: ReadTrail): readonly JsonObject[] {
  return records.filter((record) => !isGap(record));
}
