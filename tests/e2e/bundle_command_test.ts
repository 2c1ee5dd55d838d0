/** The command `bundle` writes one archive for a bug report. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { runToEnd } from "../support/namespace.ts";
import { fullTest } from "../support/suite.ts";
import {
  atTerminal,
  LAUNCHED,
  openOperatorHost,
  type OperatorHost,
} from "./operator.ts";

/** The files of an archive, unpacked by tar(1): their text by their names. */
async function unpack(path: string): Promise<ReadonlyMap<string, string>> {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await runToEnd(["tar", "-xf", path, "-C", folder]);
  assert.deepEqual([code, stderr], [0, ""]);
  const [top, ...others] = [...Deno.readDirSync(folder)];
  assert.deepEqual([top?.name, others], ["quilt-sidecar-bundle", []]);
  const files = [...Deno.readDirSync(`${folder}/${top?.name}`)].map(({ name }) =>
    [name, Deno.readTextFileSync(`${folder}/${top?.name}/${name}`)] as const
  );
  await Deno.remove(folder, { recursive: true });
  return new Map(files);
}

/** Writes a bundle as an operator does, `quilt-sidecar bundle … > FILE`, and unpacks it. */
async function bundle(
  { namespace }: OperatorHost,
  options: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  const path = await Deno.makeTempFile();
  const line = [LAUNCHED.program, "bundle", ...options];
  const { code, stderr } = await namespace.run(
    ["sh", "-c", '"$@" >"$BUNDLE"', "sh", ...line],
    { env: { ...LAUNCHED.env, BUNDLE: path } },
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const files = await unpack(path);
  await Deno.remove(path);
  return files;
}

Deno.test("a bundle has the options, the status, what ip shows and the end of a log, and no owner of an address", async () => {
  await using host = await openOperatorHost("port", ["--log-level", "debug"]);
  await host.show("configure", "10.42.1.0/24");
  await host.show("inject", "10.42.2.0/24", "vxlan100");
  await host.show("allocate", "secret-owner");
  await host.show("allocate", "secret-past");
  await host.show("release", "secret-past");
  await host.namespace.run(
    "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.9".split(" "),
  );
  const log = await Deno.makeTempFile();
  const lines = [...host.sidecar.log, ...host.sidecar.audit];
  assert.match(lines.join(), /secret-owner.*secret-past/);
  await Deno.writeTextFile(log, `10.42.1.2 is secret-owner's\n${lines.join("\n")}\n`);
  const files = await bundle(host, ["--log", log]);
  await Deno.remove(log);
  const text = (name: string): string => files.get(name) ?? "";
  assert.match(
    text("README.txt"),
    /^Made by quilt-sidecar .* on Deno .* at .*, for the sidecar on /,
  );
  assert.match(text("README.txt"), /\nNothing is missing\.\n$/);
  assert.equal(text("options.txt"), "--log-level=debug\n");
  assert.match(text("status.txt"), /^Node subnet {3}10\.42\.1\.0\/24, gateway /m);
  const { route_counts: counts } = parseJsonObject(text("status.json"));
  assert.deepEqual(counts, { installed: 1, pending: 0, unconfirmed: 0 });
  assert.match(text("ip-version.txt"), /^ip utility, iproute2-/);
  assert.match(text("ip-routes.txt"), /^10\.42\.2\.0\/24 dev vxlan100 proto 142 /m);
  assert.match(
    text("ip-routes.txt"),
    /^prohibit 10\.42\.1\.2 table 142 .* metric 142 \(hidden\) $/m,
  );
  assert.match(text("ip-rules.txt"), /lookup main/);
  assert.match(text("ip-links.txt"), /vxlan id 100 /);
  assert.match(text("ip-forwarding.txt"), /^192\.0\.2\.9 dev vxlan100 lladdr /m);
  assert.equal(text("log.txt").split("\n").length, lines.length + 2);
  assert.match(text("log.txt"), /^10\.42\.1\.2 is \(hidden\)'s\n/);
  for (const [name, content] of files) {
    assert.equal(content.includes("secret-"), false, name);
    // "secr", "secret-owner" and their hash, as table 142 has them.
    assert.equal(/\b1936024434\b/.test(content), false, name);
  }
});

fullTest(
  "a bundle without a sidecar says so, has the rest, and no owner that the kernel keeps",
  async () => {
    await using host = await openOperatorHost();
    await host.show("configure", "10.42.1.0/24");
    await host.show("allocate", "secret-owner");
    await host.sidecar.stop();
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, "10.42.1.2 is secret-owner's\n");
    const files = await bundle(host, ["--log", path]);
    await Deno.remove(path);
    const why =
      /^The sidecar on 127\.0\.0\.1:50051 does not answer: nothing listens there; [^\n]+\n$/;
    assert.match(files.get("status.txt") ?? "", why);
    assert.match(files.get("options.txt") ?? "", why);
    assert.match(
      files.get("README.txt") ?? "",
      /\nMissing:\n {2}status\.txt: The sidecar on .*\n {2}options\.txt: The sidecar on .*\n$/,
    );
    assert.equal(files.has("status.json"), false);
    assert.match(files.get("ip-links.txt") ?? "", /vxlan id 100 /);
    assert.equal(files.get("log.txt"), "10.42.1.2 is (hidden)'s\n");
  },
);

fullTest(
  "a bundle takes the last 2,000 lines of a log, from standard input as well",
  async () => {
    await using host = await openOperatorHost();
    const lines = Array.from({ length: 5_000 }, (_, at) => `line ${at}`);
    const path = await Deno.makeTempFile();
    const finished = await host.namespace.run(
      ["sh", "-c", '"$@" >"$BUNDLE"', "sh", ...host.words("bundle", ["--log", "-"])],
      { env: { NO_COLOR: "1", BUNDLE: path }, stdin: lines.join("\n") },
    );
    assert.deepEqual(finished, { code: 0, stdout: "", stderr: "" });
    const files = await unpack(path);
    await Deno.remove(path);
    assert.equal(files.get("log.txt"), `${lines.slice(-2_000).join("\n")}\n`);
  },
);

fullTest("bundle does not write an archive to a terminal", async () => {
  await using host = await openOperatorHost();
  await using terminal = atTerminal(host.namespace, host.words("bundle"));
  assert.equal(await terminal.ended, 2);
  assert.match(
    terminal.screen,
    /^Standard output is a terminal; write the archive to a file: [^\r]+\r\n$/,
  );
});
