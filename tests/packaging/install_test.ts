import assert from "node:assert/strict";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { parseDenoRun, repository } from "../support/serve_task.ts";
import { objectAt, parseJsonObject, stringAt } from "../../deploy/json.ts";
import { LAUNCHER } from "./launched.ts";

const { args, flags, program } = (() => {
  const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
  const task = objectAt(objectAt(config, "tasks"), "install");
  return parseDenoRun(stringAt(task, "command"));
})();

/** A home that is deleted when disposed. */
async function makeHome() {
  const home = await Deno.makeTempDir();
  return {
    home,
    link: `${home}/.local/bin/quilt-sidecar`,
    /** Runs what the task runs, with `~/bin` where the user is. */
    install: (words: readonly string[] = [], path = ""): Promise<Finished> =>
      runToEnd([Deno.execPath(), "run", ...flags, program, ...args, ...words], {
        env: { HOME: home, INIT_CWD: home, PATH: `/usr/bin:/bin:${path}` },
      }),
    [Symbol.asyncDispose]: () => Deno.remove(home, { recursive: true }),
  };
}

Deno.test("deno task install links quilt-sidecar into ~/.local/bin, and says what to do next", async () => {
  await using place = await makeHome();
  const { code, stderr, stdout } = await place.install();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.equal(await Deno.readLink(place.link), LAUNCHER);
  const [made, path, ...next] = stdout.trimEnd().split("\n");
  assert.equal(made, `${place.link} is a link to this clone`);
  assert.match(path ?? "", /export PATH=".*\/\.local\/bin:\$PATH"$/);
  const commands = ["help", "source <", "man |", `rm ${place.link}`];
  assert.equal(next.length, commands.length);
  for (const [at, command] of commands.entries()) {
    assert.ok(next[at]?.includes(command), next[at] ?? "");
  }
});

Deno.test("deno task install again changes nothing, and takes the link from another clone", async () => {
  await using place = await makeHome();
  await place.install();
  const again = await place.install([], `${place.home}/.local/bin`);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^\S+ is there already\nSee what it can do/);
  await Deno.remove(place.link);
  await Deno.symlink("/srv/other/bin/quilt-sidecar", place.link);
  const { code, stdout } = await place.install();
  assert.equal(code, 0);
  assert.match(stdout, /, and no longer to \/srv\/other\/bin\/quilt-sidecar\n/);
  assert.equal(await Deno.readLink(place.link), LAUNCHER);
});

Deno.test("deno task install FOLDER takes a folder from where the user is", async () => {
  await using place = await makeHome();
  assert.equal((await place.install(["my bin"])).code, 0);
  assert.equal(await Deno.readLink(`${place.home}/my bin/quilt-sidecar`), LAUNCHER);
});

Deno.test("deno task install leaves what is not ours as it is, and says so in one sentence", async () => {
  await using place = await makeHome();
  const folder = `${place.home}/bin`;
  await Deno.mkdir(folder);
  const link = `${folder}/quilt-sidecar`;
  const sentence = `${link} is not ours; move it away, or name another folder\n`;
  const refused = { code: 1, stdout: "", stderr: sentence };
  await Deno.writeTextFile(link, "theirs");
  assert.deepEqual(await place.install(["bin"]), refused);
  assert.equal(await Deno.readTextFile(link), "theirs");
  await Deno.remove(link);
  await Deno.symlink("/usr/bin/true", link);
  assert.deepEqual(await place.install(["bin"]), refused);
  assert.equal(await Deno.readLink(link), "/usr/bin/true");
  const blocked = await place.install(["bin/quilt-sidecar/below"]);
  assert.equal(blocked.code, 1);
  assert.match(blocked.stderr, /^Cannot make [^\n]+; name another folder\n$/);
});

Deno.test("deno task install takes one folder and no options", async () => {
  await using place = await makeHome();
  for (const words of [["-h"], ["a", "b"]]) {
    const { code, stderr } = await place.install(words);
    assert.deepEqual([code, stderr], [
      2,
      "Name one folder, or none: deno task install [FOLDER]\n",
    ]);
  }
});
