/**
 * docs/operations.md against the command line, the signals and the manifests.
 *
 * @needs curl go
 */
import assert from "node:assert/strict";
import { objectAt, stringAt } from "../../deploy/json.ts";
import { readinessOf } from "../../src/api/data_path/readiness.ts";
import { DATA_PATH_NAME } from "../../src/api/health/service.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import {
  EXIT_FAILURE,
  EXIT_HAND_OVER,
  EXIT_OK,
  EXIT_USAGE,
} from "../../src/cli/exit.ts";
import { IGNORED_SIGNALS, STOP_EXIT_CODES } from "../../src/cli/process_events.ts";
import { parseCommandLine } from "../../src/cli/command_line.ts";
import { readServeOptions } from "../../src/cli/serve_options.ts";
import { refuseDenoVersion } from "../../src/shared/versions.ts";
import { makeQuietNamespace, openHost } from "../e2e/host.ts";
import { BUSYBOX, makeIp } from "../support/foreign_ip.ts";
import { openReader, preparation, runCommands } from "../support/examples.ts";
import { containerOf, parseManifest, readPod } from "../support/manifest.ts";
import { codeIn } from "../support/markdown.ts";
import type { Finished, Namespace } from "../support/namespace.ts";
import { assertExists, assertRuns, callsIn } from "../support/named_commands.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { repository, serveCommand, serveCommandInPath } from "../support/serve_task.ts";
import { serveToEnd } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";

const page = readPage("docs/operations.md");

/** Runs the command of a row under its condition, e.g. "`serve` without iproute2". */
async function startAsWritten(namespace: Namespace, cell: string): Promise<Finished> {
  const [, ...options] = codeOf(cell).split(" ");
  const [, condition = ""] = /^`[^`]*` ?(.*)$/.exec(cell) ?? [];
  switch (condition) {
    case "":
      return await serveToEnd(namespace, options);
    case "without iproute2":
      return await namespace.run(serveCommandInPath(options));
    case "with the `ip` of BusyBox": {
      using busybox = makeIp(BUSYBOX);
      const path = `${busybox.directory}:${Deno.env.get("PATH")}`;
      return await namespace.run(["env", `PATH=${path}`, ...serveCommand(options)]);
    }
    case "while another one serves": {
      await using other = await openHost();
      return await serveToEnd(other.namespace, options);
    }
    default: {
      const [, version = ""] = /^on Deno (\S+)$/.exec(condition) ?? [];
      return { code: 1, stdout: "", stderr: refuseDenoVersion(version) ?? "" };
    }
  }
}

Deno.test("docs/operations.md has each error that ends serve at its start, with the exit code", async () => {
  await using namespace = await makeQuietNamespace();
  for (const [cell = "", line, code] of page.rowsAbout("Command")) {
    const ended = await startAsWritten(namespace, cell);
    const logged = ended.stderr.trim().split("\n").at(-1)?.replace(/^\S+Z ERROR: /, "");
    assert.deepEqual([logged, `${ended.code}`], [codeOf(line), code]);
  }
});

const runbook = page.rowsAbout("I want to").map(([wish = "", ...cells]) => ({
  wish,
  commands: cells.flatMap(codeIn),
}));

Deno.test("docs/operations.md names only commands that exist, and every one that looks", () => {
  const calls = runbook.flatMap(({ commands }) => commands.flatMap(callsIn));
  for (const call of calls) assertExists(call);
  const named = calls.map((call) => call.split(" ")[1]);
  const looks = COMMANDS.filter(({ group }) => group === "look");
  assert.deepEqual(
    looks.map(({ name }) => name).filter((name) => !named.includes(name)),
    [],
  );
});

fullTest(
  "docs/operations.md: each command of the first table does something",
  async () => {
    await using shell = await openReader();
    await runCommands(shell, preparation);
    const local = page.rowsAbout("I want to", "").flatMap((cells) =>
      codeIn(cells.join(" "))
    );
    assert.notEqual(local.length, 0);
    for (const command of local) await assertRuns(shell, command);
  },
);

/** How a command is run in each place, by the names of our manifests and units. */
async function places() {
  const [namespace] = parseManifest(
    await Deno.readTextFile(`${repository}/deploy/kubernetes/base/namespace.yaml`),
  );
  const [pod] = parseManifest(
    await Deno.readTextFile(`${repository}/deploy/podman/quilt.yaml`),
  );
  assert.ok(namespace !== undefined && pod !== undefined);
  const nameOf = (object: typeof pod) => stringAt(objectAt(object, "metadata"), "name");
  const daemonSet = await readPod("deploy/kubernetes/base/daemonset.yaml");
  const container = stringAt(containerOf(daemonSet, "sidecar"), "name");
  containerOf(await readPod("deploy/podman/quilt.yaml"), container);
  // Podman's name of a container that `kube play` makes.
  const played = `${nameOf(pod)}-${container}`;
  const kubectl = `kubectl -n ${nameOf(namespace)}`;
  const unit = "quilt-sidecar";
  await Deno.stat(`${repository}/deploy/systemd/${unit}.service`);
  return [
    { run: "", log: `journalctl -u ${unit}`, restart: `systemctl restart ${unit}` },
    {
      run: `${kubectl} exec POD -c ${container} -- `,
      log: `${kubectl} logs POD -c ${container}`,
      restart: `${kubectl} delete pod POD`,
    },
    {
      run: `podman exec ${played} `,
      log: `podman logs ${played}`,
      restart: `podman restart ${played}`,
    },
  ] as const;
}

const inPlaces = page.rowsAbout("I want to", "Kubernetes, systemd and podman")
  .map(([wish = "", ...cells]) => ({ wish, commands: cells.map(codeOf) }));

function placed(wish: string): readonly string[] {
  const found = inPlaces.find((row) => row.wish === wish);
  assert.ok(found !== undefined, wish);
  return found.commands;
}

Deno.test("docs/operations.md runs the same commands under systemd, on Kubernetes and with podman", async () => {
  const expected = await places();
  for (
    const [wish, command] of [
      ["see the status", "status"],
      ["find faults", "doctor"],
      ["ask for the health", "health"],
    ] as const
  ) {
    const commands = expected.map(({ run }) => `${run}quilt-sidecar ${command}`);
    assert.deepEqual(placed(wish), commands);
  }
  assert.deepEqual(placed("read the log"), expected.map(({ log }) => log));
  assert.deepEqual(placed("restart"), expected.map(({ restart }) => restart));
  for (
    const [wish, reader] of [
      ["read the trail", "audit -"],
      ["report a bug", "bundle --log - >bundle.tar"],
    ] as const
  ) {
    for (const [at, command] of placed(wish).entries()) {
      const { log, run } = expected[at] ?? {};
      const parts = command.split(" | ");
      assert.ok(log !== undefined && parts[0]?.startsWith(log), command);
      const piped = run?.replace(" exec ", " exec -i ");
      assert.equal(parts.at(-1), `${piped}quilt-sidecar ${reader}`);
    }
  }
});

fullTest(
  "docs/operations.md: what reads the trail finds it among lines of the log",
  async () => {
    await using shell = await openReader();
    await runCommands(shell, preparation);
    for (const [at, format] of ["journald", "json", "json"].entries()) {
      const [, filter = ""] = placed("read the trail")[at]?.split(" | ") ?? [];
      const file = `/run/both-${at}`;
      for (
        const command of [
          "kill $! && wait $!",
          `quilt-sidecar serve --log-format ${format} >>${file} 2>>${file} &`,
          `quilt-sidecar inject 10.42.${at + 2}.0/24 vxlan100`,
        ]
      ) assert.equal((await shell.run(command)).code, 0, command);
      // journald takes the priority off each line.
      const read = `sed 's/^<.>//' ${file} | ${filter} | quilt-sidecar audit -`;
      const added = `added route 10.42.${at + 2}.0/24 `;
      await until(async () => {
        const { code, output } = await shell.run(read);
        return code === 0 && output.some((line) => line.includes(added));
      }, { what: read });
    }
  },
);

Deno.test("docs/operations.md has each exit code of serve, and of a second stop signal", () => {
  const serve = COMMANDS.find(({ name }) => name === "serve");
  assert.ok(serve !== undefined);
  const codes = [EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_HAND_OVER];
  assert.deepEqual(serve.exitCodes.map(([code]) => code), codes);
  assert.deepEqual(
    page.rowsAbout("Exit code").flatMap(([cell = ""]) => cell.split(", ")).map(Number),
    [...codes, ...Object.values(STOP_EXIT_CODES).toSorted((one, other) => one - other)],
  );
});

Deno.test("docs/operations.md has every signal that stops the sidecar, or that it ignores", () => {
  const [stop, blocked, ignored, ...more] = page.rowsAbout("Signal")
    .map(([cell = ""]) => codeIn(cell));
  assert.deepEqual(stop, Object.keys(STOP_EXIT_CODES));
  // tests/e2e/stop_signals_test.ts sends it.
  assert.deepEqual(blocked, ["SIGUSR1"]);
  assert.deepEqual(ignored, IGNORED_SIGNALS);
  assert.deepEqual(more, []);
});

Deno.test("docs/operations.md names what /readyz answers, and the service that is about traffic", () => {
  const { reasons } = readinessOf("NOT_SERVING", { isKnown: false, critical: [] });
  const named = codeIn(page.prose.join("\n"));
  for (const name of [...reasons, DATA_PATH_NAME]) {
    assert.ok(named.includes(name), name);
  }
});

Deno.test("docs/operations.md raises the log level of the unit, whatever drop-ins it has", async () => {
  const [block, ...more] = page.blocks.filter(({ lines }) =>
    lines.some((line) => line.includes("--log-level debug"))
  );
  assert.ok(block !== undefined && more.length === 0);
  const folder = await Deno.makeTempDir();
  const files = ["quilt-sidecar.service", "variants/tls.conf"]
    .map((name) => `${repository}/deploy/systemd/${name}`);
  // In the place of systemctl, which needs a systemd that runs.
  await Deno.writeTextFile(
    `${folder}/systemctl`,
    `#!/bin/sh\n[ "$1" != cat ] || cat ${files.join(" ")}\n`,
    { mode: 0o755 },
  );
  await using namespace = await makeQuietNamespace();
  const script = block.lines.join("\n").replaceAll("/run/systemd/system", folder);
  const ran = await namespace.run([
    ...["env", `PATH=${folder}:${Deno.env.get("PATH")}`],
    ...["sh", "-euc", script],
  ]);
  assert.equal(ran.code, 0, ran.stderr);
  const dropIn = await Deno.readTextFile(
    `${folder}/quilt-sidecar.service.d/zz-debug.conf`,
  );
  const [section, reset, start = "", ...rest] = dropIn.trimEnd().split("\n");
  assert.deepEqual([section, reset, rest], ["[Service]", "ExecStart=", []]);
  const words = start.split(" ");
  const request = parseCommandLine(COMMANDS, words.slice(words.indexOf("serve")));
  assert.ok(request.kind === "run");
  const read = readServeOptions(request.line.options);
  assert.ok(read.ok && read.value.logLevel === "debug" && read.value.tls !== undefined);
  await Deno.remove(folder, { recursive: true });
});
