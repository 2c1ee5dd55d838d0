import assert from "node:assert/strict";
import fc from "fast-check";
import { readPointInTime } from "../../../src/cli/point_in_time.ts";

const NOW_MS = Date.UTC(2026, 10, 29, 12);

function read(text: string): number | undefined {
  const parsed = readPointInTime("since", text, NOW_MS);
  return parsed.ok ? parsed.value : undefined;
}

Deno.test("every moment of four-digit years is read in RFC 3339, in whatever zone and precision", () => {
  const moment = fc.date({
    min: new Date("0000-01-02T00:00:00Z"),
    max: new Date("9999-12-30T00:00:00Z"),
    noInvalidDate: true,
  });
  const offset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
  fc.assert(fc.property(moment, offset, (date, minutes) => {
    const atMs = date.getTime();
    assert.equal(read(date.toISOString()), atMs);
    assert.equal(read(date.toISOString().toLowerCase().replace("t", " ")), atMs);
    const local = new Date(atMs + minutes * 60_000).toISOString().slice(0, -1);
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    const two = (number: number): string => String(number).padStart(2, "0");
    const zone = `${minutes < 0 ? "-" : "+"}${two(hours)}:${two(rest)}`;
    assert.equal(read(`${local}${zone}`), atMs, `${local}${zone}`);
    const day = date.toISOString().slice(0, 10);
    assert.equal(read(day), Date.parse(`${day}T00:00:00Z`));
  }));
});

Deno.test("a number of seconds, minutes, hours or days is so long ago", () => {
  const units = { s: 1, m: 60, h: 3600, d: 86_400 };
  for (const [unit, seconds] of Object.entries(units)) {
    assert.equal(read(`15${unit}`), NOW_MS - 15_000 * seconds);
    assert.equal(read(`0${unit}`), NOW_MS);
  }
});

Deno.test("no other text is a moment, and none throws", () => {
  for (
    const text of ["2026-02-30", "2025-02-29", "2026-00-01", "15", "m", "1e3s", "1w"]
  ) {
    assert.equal(read(text), undefined, text);
  }
  assert.equal(read("2024-02-29"), Date.UTC(2024, 1, 29));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const parsed = readPointInTime("until", text, NOW_MS);
    if (parsed.ok) assert.ok(Number.isFinite(parsed.value));
    else assert.match(parsed.fault, /^Invalid --until "[ -~…]*"; use RFC 3339 /);
  }));
});
