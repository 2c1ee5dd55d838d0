import assert from "node:assert/strict";
import { runToEnd } from "../support/namespace.ts";

const UNITS = ["quilt-sidecar.service", "quilt-sidecar.socket"]
  .map((name) => `deploy/systemd/${name}`);

/** Of systemd 250 or newer; the tests of the image need it as well. */
const hasAnalyze = await runToEnd(["systemd-analyze", "--version"]).then(
  ({ code }) => code === 0,
  () => false,
);

Deno.test({
  name: "systemd-analyze finds no error in the units",
  ignore: !hasAnalyze,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    await using _ = {
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
    const copies = await Promise.all(UNITS.map(async (unit) => {
      // It looks for the program on this machine, not in the unit's RootDirectory.
      const text = (await Deno.readTextFile(unit))
        .replace("ExecStart=/usr/bin/env ", `ExecStart=${Deno.execPath()} `);
      const copy = `${folder}/${unit.split("/").at(-1)}`;
      await Deno.writeTextFile(copy, text);
      return copy;
    }));
    const { code, stderr } = await runToEnd(["systemd-analyze", "verify", ...copies]);
    // It complains about units of this machine as well.
    const ours = stderr.split("\n").filter((line) => line.includes("quilt-sidecar"));
    assert.deepEqual(ours, []);
    assert.equal(code, 0, stderr);
  },
});

Deno.test({
  name: "systemd-analyze rates the unit's exposure at most 1.7 of 10",
  ignore: !hasAnalyze,
  fn: async () => {
    const look = ["systemd-analyze", "security", "--offline=true", "--no-pager"];
    // It fails above the threshold, which counts in tenths.
    const { code, stdout } = await runToEnd([
      ...look,
      "--threshold=17",
      UNITS[0] ?? "",
    ]);
    assert.equal(
      code,
      0,
      stdout.split("\n").filter((line) => /^(✗|→)/.test(line)).join("\n"),
    );
  },
});
