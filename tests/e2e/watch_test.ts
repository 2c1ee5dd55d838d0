/** `status --watch` at a real terminal, and where its output is collected. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { atTerminal, follow, openOperatorHost, WINDOW } from "./operator.ts";
import { type Screen, screenOf } from "./screen.ts";

const ABSENT = "The sidecar on 127.0.0.1:50051 does not answer: nothing listens there";

/** How many lines of the screen begin so. */
function count({ lines }: Screen, start: string): number {
  return lines.filter((line) => line.startsWith(start)).length;
}

Deno.test("status --watch draws what changes in place, over a restart of the sidecar, until Ctrl-C", async () => {
  await using host = await openOperatorHost();
  const { namespace, show } = host;
  await using terminal = atTerminal(namespace, host.words("status", ["--watch"]));
  const screen = (): Screen => screenOf(terminal.screen, WINDOW);
  const seen = (start: string): Promise<unknown> =>
    until(() => count(screen(), start) === 1, {
      what: () => `${start} on the screen:\n${screen().lines.join("\n")}`,
    });
  await seen("Node subnet   not configured");
  await show("configure", "10.42.1.0/24");
  await seen("Node subnet   10.42.1.0/24, gateway 10.42.1.1");
  assert.equal(count(screen(), "Node subnet"), 1);
  await host.sidecar.stop();
  await seen(ABSENT);
  await until(() => count(screen(), "Node subnet") === 0, { what: "it alone" });
  await using _next = await startSidecar(namespace, { command: serveCommand([]) });
  await seen("Node subnet   10.42.1.0/24, gateway 10.42.1.1");
  await until(() => count(screen(), "The sidecar on") === 0, { what: "the end of it" });
  const { hasCursor, scrolled } = screen();
  assert.deepEqual([scrolled, hasCursor], [0, true]);
  await terminal.type("\x03");
  assert.equal(await terminal.ended, 0);
  assert.equal(screen().hasCursor, true);
});

fullTest(
  "a picture with more lines than the terminal has is cut, and does not scroll",
  async () => {
    await using host = await openOperatorHost();
    const routes = Array.from(
      { length: 40 },
      (_, at) => `- {destination: 10.42.${at + 2}.0/24, device: vxlan100}\n`,
    );
    await host.run("sync", ["-", "--yes"], { stdin: routes.join("") });
    const words = host.words("status", ["--watch", "--verbose"]);
    await using terminal = atTerminal(host.namespace, words);
    const screen = (): Screen => screenOf(terminal.screen, WINDOW);
    await until(
      () => screen().lines.some((line) => /make the window taller$/.test(line)),
      {
        what: () =>
          `a line about those that are left out:\n${screen().lines.join("\n")}`,
      },
    );
    assert.equal(screen().scrolled, 0);
    await terminal.type("\x03");
    assert.equal(await terminal.ended, 0);
  },
);

Deno.test("status --watch --json prints one document a line where no terminal is, until SIGINT or SIGTERM", async () => {
  await using host = await openOperatorHost();
  const words = host.words("status", ["--watch", "--json"]);
  await using watch = follow(host.namespace, words);
  await host.show("configure", "10.42.1.0/24");
  await watch.shown(/"subnet":"10\.42\.1\.0\/24"/);
  watch.kill("SIGTERM");
  assert.equal(await watch.ended, 0);
  assert.deepEqual(watch.complaints, []);
  for (const line of watch.lines) assert.equal(parseJsonObject(line)["version"], 1);
});
