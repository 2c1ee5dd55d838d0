/**
 * @needs image
 */
import assert from "node:assert/strict";
import { makeQuietNamespace } from "../e2e/host.ts";
import { type Layer, runContainer } from "../support/container.ts";
import { type Image, withImage } from "../support/image.ts";
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import { containerOf, privilegesOf, readPod } from "../support/manifest.ts";
import { type Namespace, runToEnd } from "../support/namespace.ts";
import { readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";
import { makeLibrary } from "./library.ts";
import {
  type AttemptName,
  attemptNames,
  LIBRARY,
  NEIGHBOUR,
  SECRET,
} from "./takeover.ts";

const pod = await readPod("deploy/kubernetes/base/daemonset.yaml");
const privileges = privilegesOf(containerOf(pod, "sidecar"));

const AROUND: readonly Layer[] = ["capability", "seccomp", "rtnetlink", "file system"];

/** The manifest as it is: the profile is for operators who can install it on a node. */
const OF_POD = AROUND.filter((layer) => layer !== "rtnetlink");

/** The layers that deny an attempt by docs/security.md, each with whether it does so alone. */
const rows = readPage("docs/security.md").rows.filter(({ about }) =>
  about === "Tried by a hostile sidecar"
);

/** How an attempt is made: which layers are there, Deno's grants among them. */
interface Setting {
  readonly deno: boolean;
  readonly around: readonly Layer[];
}

/** What an attempt is made with: the image, and a folder with a library for ip. */
interface Tempting {
  readonly image: Image;
  readonly library: string;
}

/** What the host has, where nothing keeps it from the container. */
async function openHostFiles(namespace: Namespace) {
  const secret = await Deno.makeTempFile();
  await Deno.writeTextFile(secret, `${SECRET.text}\n`);
  return {
    /** Where each is seen in a container without a file system of its own. */
    mounts: {
      [SECRET.path]: secret,
      "/dev/net/tun": "/dev/net/tun",
      "/usr/bin/ip": await hostsIp(),
    },
    /** `ip netns exec` has somewhere to go even in a container that can make nothing. */
    neighbour: { [`/run/netns/${NEIGHBOUR}`]: `/run/netns/${namespace.name}` },
    [Symbol.asyncDispose]: () => Deno.remove(secret),
  };
}

/** The program itself, behind whatever links lead to it. */
async function hostsIp(): Promise<string> {
  const { stdout } = await runToEnd(["sh", "-c", 'readlink -f "$(command -v ip)"']);
  return stdout.trim();
}

/** The words of the entry point with another program, or with all that Deno can grant. */
function hostileCommand({ entrypoint }: Image, { deno }: Setting, name: AttemptName) {
  const at = entrypoint.indexOf("src/main.ts");
  assert.ok(at > 0, entrypoint.join(" "));
  const run = deno ? entrypoint.slice(0, at) : ["deno", "run", "--allow-all"];
  return [...run, "/hostile/takeover.ts", name];
}

/** Makes an attempt in the sidecar's place; the answer is what denied it, if anything. */
async function attempt(
  { image, library }: Tempting,
  name: AttemptName,
  setting: Setting,
): Promise<string | undefined> {
  await using namespace = await makeQuietNamespace();
  await using host = await openHostFiles(namespace);
  const without = AROUND.filter((layer) => !setting.around.includes(layer));
  const ended = await runContainer(namespace, image, {
    privileges,
    without,
    command: hostileCommand(image, setting, name),
    mounts: {
      "/hostile": `${repository}/tests/security`,
      [LIBRARY.directory]: library,
      ...host.neighbour,
      ...(without.includes("file system") ? host.mounts : {}),
    },
  });
  assert.equal(ended.code, 0, ended.stderr);
  const outcome = parseJsonObject(ended.stdout);
  return stringAt(outcome, "kind") === "done"
    ? undefined
    : stringAt(outcome, "sentence");
}

withImage("what a takeover gets", (image) => {
  let library = "";
  Deno.test.beforeAll(async () => {
    library = await makeLibrary();
  });
  Deno.test.afterAll(() => Deno.remove(library, { recursive: true }));

  for (const name of attemptNames) {
    const cells = rows.find(({ cells: [tried] }) => tried === name)?.cells.slice(1) ??
      [];
    const expected = cells.map((cell) => cell === "denied");

    Deno.test(`a hostile sidecar that tries to ${name} is denied as docs/security.md says`, async () => {
      assert.equal(cells.length, 5, "docs/security.md has no row of it");
      // Without any layer it is done: or the attempt itself would be at fault.
      const open = await attempt({ image, library }, name, { deno: false, around: [] });
      assert.equal(open, undefined);
      const alone = [
        await attempt({ image, library }, name, { deno: true, around: [] }),
      ];
      for (const layer of AROUND) {
        alone.push(
          await attempt({ image, library }, name, { deno: false, around: [layer] }),
        );
      }
      assert.deepEqual(
        alone.map((why) => why !== undefined),
        expected,
        alone.join("\n"),
      );
      // The pod, exactly, and with the profile.
      const inPod = await attempt({ image, library }, name, {
        deno: true,
        around: OF_POD,
      });
      const deniedInPod = expected.some((denied, at) => denied && at !== 3);
      assert.equal(inPod !== undefined, deniedInPod, `${inPod}`);
      const confined = await attempt({ image, library }, name, {
        deno: true,
        around: AROUND,
      });
      assert.equal(confined !== undefined, expected.includes(true), `${confined}`);
    });
  }
});

Deno.test("docs/security.md has a row for each attempt of a hostile sidecar, and no other", () => {
  assert.deepEqual(rows.map(({ cells: [tried] }) => tried), [...attemptNames]);
});
