/** The command `sync` makes the wanted routes exactly those of a file. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { fullTest, partOf } from "../support/suite.ts";
import { fib } from "./host.ts";
import {
  atTerminal,
  LAUNCHED,
  openOperatorHost,
  type OperatorHost,
} from "./operator.ts";

/** Routes of the overlay that the kernel has, as `destination device`. */
function overlay({ sidecar }: OperatorHost): readonly string[] {
  return [...fib(sidecar.pid)].filter(([destination]) =>
    destination.startsWith("10.42.")
  )
    .map((route) => route.join(" ")).toSorted();
}

function fileOf(...peers: readonly number[]): string {
  return peers.map((peer) => `- {destination: 10.42.${peer}.0/24, device: vxlan100}\n`)
    .join("");
}

/** The difference as it is shown: a sign and a destination on each line. */
function differenceIn(text: string): readonly string[] {
  return [...text.matchAll(/^[-+!~] \S+/gm)].map(([line]) => line);
}

Deno.test("sync shows the difference, changes nothing without a yes, and with --yes leaves the kernel exactly the routes of the file", async () => {
  await using host = await openOperatorHost();
  const { run } = host;
  await host.show("inject", "10.42.9.0/24", "vxlan100");
  const before = ["10.42.9.0/24 vxlan100"];
  const difference = ["+ 10.42.2.0/24", "+ 10.42.3.0/24", "- 10.42.9.0/24"];
  const unasked = await run("sync", ["-"], { stdin: fileOf(2, 3) });
  assert.deepEqual([unasked.code, unasked.stdout], [1, ""]);
  assert.match(
    unasked.stderr,
    /^Nothing was changed, because standard input is not a terminal; give --yes .*--dry-run /m,
  );
  assert.deepEqual(overlay(host), before);
  const dry = await run("sync", ["-", "--dry-run"], { stdin: fileOf(2, 3) });
  assert.deepEqual([dry.code, dry.stderr], [0, ""]);
  assert.deepEqual(differenceIn(dry.stdout), difference);
  assert.match(
    dry.stdout,
    /^2 would be added, 1 would be removed, 0 would be unchanged$/m,
  );
  assert.deepEqual(overlay(host), before);
  const done = await run("sync", ["-", "--yes"], { stdin: fileOf(2, 3) });
  assert.deepEqual([done.code, done.stderr], [0, ""]);
  assert.match(done.stdout, /^2 added, 1 removed, 0 unchanged$/m);
  assert.deepEqual(overlay(host), ["10.42.2.0/24 vxlan100", "10.42.3.0/24 vxlan100"]);
  // Nothing is left to ask for.
  assert.deepEqual(await run("sync", ["-"], { stdin: fileOf(3, 2) }), {
    code: 0,
    stdout: "0 added, 0 removed, 2 unchanged\n",
    stderr: "",
  });
});

Deno.test("quilt-sidecar sync FILE asks at a terminal: no changes nothing, yes does it", async () => {
  await using host = await openOperatorHost();
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, `routes:\n${fileOf(2)}`);
  const answer = async (keys: string) => {
    await using terminal = atTerminal(
      host.namespace,
      [LAUNCHED.program, "sync", file],
      LAUNCHED.env,
    );
    await terminal.shown(/^\+ 10\.42\.2\.0\/24 [^\r]*\r\nChange 1 route\? \[y\/N\]/m);
    await terminal.type(`${keys}\r`);
    return { code: await terminal.ended, screen: terminal.screen };
  };
  for (const keys of partOf(["no", "", "yes please"], 1)) {
    const declined = await answer(keys);
    assert.equal(declined.code, 1);
    assert.match(declined.screen, /\r\nNothing was changed\r\n$/);
    assert.deepEqual(overlay(host), []);
  }
  const agreed = await answer("y");
  assert.equal(agreed.code, 0);
  assert.match(agreed.screen, /\r\n1 added, 0 removed, 0 unchanged\r\n$/);
  assert.deepEqual(overlay(host), ["10.42.2.0/24 vxlan100"]);
  await Deno.remove(file);
});

/** Files that are wrong, and how the sentence begins, where FILE stands for the name. */
const BAD: readonly (readonly [file: string, sentence: RegExp])[] = [
  [
    `${fileOf(2)}- {destination: 10.42.3.0/24, device: a/b}\n`,
    /^FILE line 2: "a\/b" is not the name of a device; /,
  ],
  [
    "# routes\nroutes:\n- destination: 10.42.2.7/24\n  device: vxlan100\n",
    /^FILE line 3: 10\.42\.2\.7\/24 has host bits set; did you mean 10\.42\.2\.0\/24\?$/,
  ],
  ["- {\n", /^FILE line \d is neither YAML nor JSON: /],
  ['[\n{"destination": "10.42.2.0/24"}]', /^FILE line 2 has no device\b/],
  [fileOf(2, 3, 2), /^FILE line 3 has 10\.42\.2\.0\/24 again, after .* 1\b/],
  [
    "- {destination: 10.42.2.0/24, via: vxlan100}",
    /^FILE line 1 has an unknown .*"via"/,
  ],
  [
    "- {destination: 10.42.2.0/24, device: 100}",
    /^FILE line 1 has a device that is not a string/,
  ],
  ["\n\n- vxlan100", /^FILE line 3 is not a route; it needs destination and device$/],
  ["", /^FILE line 1 is not a list of routes; write one /],
];

Deno.test("a file that is wrong is refused with the number of its line, and changes nothing", async () => {
  await using host = await openOperatorHost();
  for (const [text, sentence] of partOf(BAD, 3)) {
    const finished = await host.run("sync", ["-", "--yes"], { stdin: text });
    assert.deepEqual([finished.code, finished.stdout], [2, ""], text);
    const named = finished.stderr.replaceAll("Standard input", "FILE");
    assert.match(named, /^[^\n]+\n$/);
    assert.match(named.trimEnd(), sentence);
  }
  assert.deepEqual(overlay(host), []);
});

fullTest(
  "the file is named as it was given, and one that cannot be read with what to do",
  async () => {
    await using host = await openOperatorHost();
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "- x\n");
    const launch = (path: string) =>
      host.namespace.run([LAUNCHED.program, "sync", path], { env: LAUNCHED.env });
    const cases: readonly (readonly [path: string, sentence: RegExp])[] = [
      [file, /^\/\S+ line 1 is not a route; it needs destination and device\n$/],
      [
        "/nowhere/routes",
        /^Cannot read \/nowhere\/routes: there is no such file[^\n]*\n$/,
      ],
      ["/", /^Cannot read \/: it is a directory; give a file\n$/],
    ];
    for (const [path, sentence] of cases) {
      const { code, stderr, stdout } = await launch(path);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, sentence);
    }
    assert.deepEqual(await host.run("sync", [file]), {
      code: 2,
      stdout: "",
      stderr: `Cannot read ${file}: the sandbox does not grant it; use standard ` +
        `input: - < ${file}, or start with --allow-read=${file}\n`,
    });
    await Deno.remove(file);
  },
);

fullTest(
  "a route that the sidecar refuses ends sync with 1 and its sentence, and changes nothing",
  async () => {
    await using host = await openOperatorHost();
    const text = `${fileOf(2)}- {destination: 10.43.2.0/24, device: vxlan100}\n`;
    const { code, stderr, stdout } = await host.run("sync", ["-", "--yes"], {
      stdin: text,
    });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      /Destination 10\.43\.2\.0\/24 must be within cluster CIDR 10\.42\.0\.0\/16\n$/,
    );
    assert.match(stderr, /^[^\n]+\n$/);
    assert.deepEqual(overlay(host), []);
  },
);

fullTest(
  "sync --json counts what was done and what waits, and a second one changes nothing",
  async () => {
    await using host = await openOperatorHost();
    const stdin = JSON.stringify({
      routes: [
        { destination: "10.42.2.0/24", device: "vxlan100" },
        { destination: "10.42.3.0/24", device: "vxlan200" },
      ],
    });
    const waits = {
      destination: "10.42.3.0/24",
      device: "vxlan200",
      outcome: "pending",
      detail: "Interface 'vxlan200' not found",
    };
    for (
      const [added, outcome] of [[1, "added"], [0, "unchanged"]] as const
    ) {
      const finished = await host.run("sync", ["-", "--yes", "--json"], { stdin });
      assert.deepEqual([finished.code, finished.stderr], [0, ""]);
      const is = {
        destination: "10.42.2.0/24",
        device: "vxlan100",
        outcome,
        detail: "",
      };
      assert.deepEqual(parseJsonObject(finished.stdout), {
        version: 1,
        dry_run: false,
        added,
        removed: 0,
        unchanged: 1 - added,
        pending: 1,
        refused: 0,
        routes: [is, waits],
      });
    }
  },
);
