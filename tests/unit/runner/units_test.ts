import assert from "node:assert/strict";
import { orderOf, type Unit, unitOf } from "../../runner/units.ts";

const named = (name: string, text = ""): Unit => unitOf(name, text);
const names = (units: readonly Unit[]) => units.map(({ name }) => name);

Deno.test("the same seed gives the same order, and another one another", () => {
  const units = Array.from({ length: 50 }, (_, at) => named(`${at}_test.ts`));
  const [first, again, other] = [7, 7, 8].map((seed) => names(orderOf(units, seed)));
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  assert.deepEqual(first?.toSorted(), names(units).toSorted());
});

Deno.test("what takes long begins first, and what compares times is last", () => {
  const units = [
    named("alone", "/**\n * Ratios.\n *\n * @alone\n */"),
    named("any"),
    named("long", "/**\n * @long\n */"),
  ];
  for (let seed = 0; seed < 20; seed += 1) {
    assert.deepEqual(names(orderOf(units, seed)), ["long", "any", "alone"]);
  }
});

Deno.test("a file says what it needs in a tag of a comment, and nowhere else", () => {
  const text = "/**\n * Clients.\n *\n * @needs python go\n */";
  assert.deepEqual(unitOf("a_test.ts", text).needs, ["go", "python"]);
  assert.deepEqual(unitOf("a_test.ts", "/** @needs image */").needs, ["image"]);
  const other = `const text = "@needs go";\n// @alone\n`;
  const { alone, needs } = unitOf("a_test.ts", other);
  assert.deepEqual({ alone, needs }, { alone: false, needs: [] });
});
