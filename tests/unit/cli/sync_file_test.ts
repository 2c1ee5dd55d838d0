import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { type FileRoute, parseSyncFile } from "../../../src/cli/sync_file.ts";
import { bounded, fullTest } from "../../support/suite.ts";

const ENTRY = "- {destination: 10.42.2.0/24, device: vxlan100}\n";
const ROUTE: FileRoute = { destination: "10.42.2.0/24", device: "vxlan100" };

function routesOf(text: string): readonly FileRoute[] {
  const parsed = parseSyncFile("routes.yaml", text);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

function fault(text: string): string {
  const parsed = parseSyncFile("routes.yaml", text);
  assert.ok(!parsed.ok, text);
  return parsed.fault;
}

Deno.test("sync reads a list of routes in YAML and in JSON, alone or under routes", () => {
  for (
    const text of [
      ENTRY,
      "- destination: 10.42.2.0/24\n  device: vxlan100\n",
      "# Those of node 7\nroutes:\n  - device: vxlan100\n    destination: '10.42.2.0/24'\n",
      `routes:\n${ENTRY}`,
      '[{"destination": "10.42.2.0/24", "device": "vxlan100"}]',
      '{\n\t"routes": [\n\t\t{\n\t\t\t"destination": "10.42.2.0/24",\r\n' +
      '\t\t\t"device": "vxlan100"\n\t\t}\n\t]\n}\n',
      `\ufeff${ENTRY}`,
      `---\n${ENTRY}...\n`,
    ]
  ) assert.deepEqual(routesOf(text), [ROUTE], text);
  assert.deepEqual(routesOf("[]"), []);
  assert.deepEqual(routesOf("routes: []\n"), []);
});

const NO_LIST = "is not a list of routes; write one entry a line, such as " +
  "- {destination: 10.42.2.0/24, device: vxlan100}, and [] for no routes";

/** A file, and what stands behind its name in the fault. */
const FAULTS: readonly (readonly [what: string, text: string, sentence: string])[] = [
  ["is empty", "", `line 1 ${NO_LIST}`],
  ["has comments alone", "# none\n", `line 1 ${NO_LIST}`],
  ["is one number", "\n7\n", `line 2 ${NO_LIST}`],
  ["has routes without a list", "routes:\n", `line 1 ${NO_LIST}`],
  [
    "has another field besides routes",
    "routes: []\nroute: []\n",
    'line 2 has an unknown field "route"; use routes',
  ],
  ["has routes twice", "routes: []\nroutes: []\n", "line 2 has routes twice"],
  [
    "has no route as an entry",
    `${ENTRY}- 10.42.3.0/24\n`,
    "line 2 is not a route; it needs destination and device",
  ],
  [
    "has an entry without a device",
    `${ENTRY}- destination: 10.42.3.0/24\n`,
    "line 2 has no device",
  ],
  [
    "has an entry with an empty device",
    `${ENTRY}- {destination: 10.42.3.0/24, device: }\n`,
    "line 2 has no device",
  ],
  [
    "has an entry whose fields have no values",
    "- {destination, device}\n",
    "line 1 has no destination",
  ],
  [
    "has a number as a device",
    "- destination: 10.42.3.0/24\n  device: 100\n",
    "line 2 has a device that is not a string; put it in quotes",
  ],
  [
    "has a list as a device",
    "- destination: 10.42.3.0/24\n  device: [vxlan100]\n",
    "line 2 has a device that is not a string; put it in quotes",
  ],
  [
    "has an unknown field",
    `${ENTRY}- destination: 10.42.3.0/24\n  via: vxlan100\n`,
    'line 3 has an unknown field "via"; use destination and device',
  ],
  [
    "has a field twice",
    "- destination: 10.42.3.0/24\n  device: a\n  device: b\n",
    "line 3 has device twice",
  ],
  [
    "has a destination twice",
    `${ENTRY}\n- {destination: 10.42.2.0/24, device: other}\n`,
    "line 3 has 10.42.2.0/24 again, after routes.yaml line 1",
  ],
  [
    "has host bits set",
    "- device: vxlan100\n  destination: 10.42.2.7/24\n",
    "line 2: 10.42.2.7/24 has host bits set; did you mean 10.42.2.0/24?",
  ],
  [
    "has no prefix as a destination",
    '- {destination: "10.42.2\\u001b", device: vxlan100}\n',
    'line 1: "10.42.2\\u001b" is not an IPv4 prefix; use one such as 10.42.2.0/24',
  ],
  [
    "has no name as a device",
    "- destination: 10.42.2.0/24\n  device: vxlan/100\n",
    'line 2: "vxlan/100" is not the name of a device; use one such as vxlan100',
  ],
  [
    "is indented by a tab",
    "- destination: 10.42.2.0/24\n\tdevice: vxlan100\n",
    "line 2 begins with a tab; use spaces",
  ],
  [
    "has two documents",
    `${ENTRY}---\n${ENTRY}`,
    "line 2 begins a second document; leave one list",
  ],
  [
    "has an entry that is an alias",
    "- &one {destination: 10.42.2.0/24, device: vxlan100}\n- *one\n",
    "line 2 is a YAML alias; write the value instead",
  ],
  [
    "has a value that is an alias",
    "- destination: &to 10.42.2.0/24\n  device: *to\n",
    "line 2 is a YAML alias; write the value instead",
  ],
  [
    "has an alias of an alias of an alias",
    "- &a [x, x]\n- &b [*a, *a]\n- &c [*b, *b]\n",
    "line 1 is not a route; it needs destination and device",
  ],
  [
    "is nested 100,000 times",
    "[".repeat(100_000),
    "line 1 is nested too deeply; write a list of routes",
  ],
  [
    "is no YAML",
    `${ENTRY}- destination: "10.42.3.0/24\n`,
    'line 3 is neither YAML nor JSON: Missing closing "quote',
  ],
  [
    "is no JSON",
    '[\n  {"destination": "10.42.2.0/24" "device": "vxlan100"}\n]\n',
    "line 2 is neither YAML nor JSON: Unexpected double-quoted-scalar token",
  ],
];

for (const [what, text, sentence] of FAULTS) {
  Deno.test(`sync refuses a file that ${what}, and names the line`, () => {
    assert.equal(fault(text), `routes.yaml ${sentence}`);
  });
}

/** Routes, each destination once. */
const anyRoutes: fc.Arbitrary<readonly FileRoute[]> = fc.uniqueArray(
  fc.record({
    destination: fc.nat({ max: 255 }).map((octet) => `10.42.${octet}.0/24`),
    device: fc.oneof(
      fc.stringMatching(/^[A-Za-z_][A-Za-z0-9._-]{0,14}$/),
      // YAML reads these as something else than a text, unless they are in quotes.
      fc.constantFrom("100", "1e3", "null", "true", "0x1f", "1.5"),
    ),
  }, { noNullPrototype: true }),
  { selector: ({ destination }) => destination },
);

Deno.test("sync reads the routes that a YAML or JSON library has written", () => {
  fc.assert(
    fc.property(anyRoutes, (routes) => {
      for (
        const text of [
          stringify(routes),
          stringify({ routes }),
          JSON.stringify(routes),
          JSON.stringify({ routes }, undefined, "\t"),
        ]
      ) assert.deepEqual(routesOf(text), routes, text);
    }),
    { numRuns: bounded(1_000, 200) },
  );
});

Deno.test("sync throws for no text, and names a line of it", () => {
  const piece = fc.oneof(
    fc.constantFrom("- ", "{", "}", "[", "]", ": ", ", ", "\n", "  ", "\t", "---\n"),
    fc.constantFrom("destination", "device", "routes", "10.42.2.0/24", "vxlan100", "7"),
    fc.constantFrom("&a ", "*a", "<<: ", "!!map ", "!x ", "%YAML 1.1\n", "? ", "|\n"),
    fc.constantFrom('"', "'", "# ", "\r\n", "\ufeff", "\0", "...\n", "null", ENTRY),
  );
  const anyText = fc.oneof(
    fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join("")),
    fc.string({ unit: "binary" }),
    fc.json(),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const parsed = parseSyncFile("routes.yaml", text);
      if (parsed.ok) return;
      const [, number] = /^routes\.yaml line (\d+)\b/.exec(parsed.fault) ?? [];
      assert.ok(number !== undefined, parsed.fault);
      assert.ok(Number(number) <= text.split("\n").length, parsed.fault);
      assert.ok(!parsed.fault.includes("\n"), parsed.fault);
    }),
    { numRuns: bounded(20_000, 2_000) },
  );
});

fullTest("sync reads a file of 1 MB, and names a fault in its last line", () => {
  const lines = Array.from(
    { length: 21_000 },
    (_, at) => `- {destination: 10.${at >> 8}.${at & 255}.0/24, device: vxlan100}\n`,
  );
  const text = lines.join("");
  assert.ok(text.length > 1_000_000, `${text.length}`);
  assert.equal(routesOf(text).length, lines.length);
  assert.match(
    fault(`${text}${lines[0]}`),
    /^routes\.yaml line 21001 has 10\.0\.0\./,
  );
});
