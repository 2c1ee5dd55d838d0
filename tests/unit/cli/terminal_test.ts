import assert from "node:assert/strict";
import { describeTerminal, type TerminalFacts } from "../../../src/cli/terminal.ts";

const XTERM: TerminalFacts = {
  term: "xterm-256color",
  locales: [undefined, undefined, "en_GB.UTF-8"],
  columns: 160,
  rows: 50,
  noColour: false,
};

Deno.test("describeTerminal finds size, colours and Unicode of a common terminal", () => {
  assert.deepEqual(describeTerminal(XTERM), {
    columns: 160,
    rows: 50,
    hasControl: true,
    hasColour: true,
    hasUnicode: true,
  });
});

Deno.test("describeTerminal wants no colours with NO_COLOR, and no control codes on a dumb terminal", () => {
  const of = (facts: Partial<TerminalFacts>) => {
    const { hasColour, hasControl } = describeTerminal({ ...XTERM, ...facts });
    return { hasColour, hasControl };
  };
  assert.deepEqual(of({ noColour: true }), { hasColour: false, hasControl: true });
  assert.deepEqual(of({ term: "dumb" }), { hasColour: false, hasControl: false });
  // A sandbox may hide it.
  assert.deepEqual(of({ term: undefined }), { hasColour: true, hasControl: true });
});

Deno.test("describeTerminal takes LC_ALL before LC_CTYPE before LANG, and an empty one as unset", () => {
  const cases: readonly (readonly [TerminalFacts["locales"], boolean])[] = [
    [[undefined, undefined, "C.UTF-8"], true],
    [[undefined, undefined, "de_CH.utf8@euro"], true],
    [[undefined, undefined, "C"], false],
    [[undefined, undefined, "en_US.ISO-8859-15"], false],
    [[undefined, undefined, undefined], false],
    [["C", "en_GB.UTF-8", "en_GB.UTF-8"], false],
    [["", "en_GB.UTF-8", "C"], true],
    [[undefined, "C", "en_GB.UTF-8"], false],
    [["en_GB.UTF-8", "C", "C"], true],
  ];
  for (const [locales, expected] of cases) {
    const { hasUnicode } = describeTerminal({ ...XTERM, locales });
    assert.equal(hasUnicode, expected, JSON.stringify(locales));
  }
});

Deno.test("describeTerminal takes 80 by 24 for a serial console, which says 0", () => {
  for (const size of [{ columns: 0, rows: 0 }, { columns: 0, rows: 50 }]) {
    const { columns, rows } = describeTerminal({ ...XTERM, ...size });
    assert.deepEqual([columns, rows], [80, 24]);
  }
});
