/** The command `events` on a real kernel: what happens, as it happens. */
import assert from "node:assert/strict";
import { type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { follow, type Followed, openOperatorHost } from "./operator.ts";

/** An instant, and one line. */
const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

/** What it has shown, without the instants and without the findings of a bare host. */
function shownBy({ lines }: Followed): readonly string[] {
  return lines.map((line) => {
    assert.match(line, LINE);
    return line.replace(LINE, "");
  }).filter((line) => !line.startsWith("finding "));
}

Deno.test("events tells of routes that come, wait for their device and go, of findings, and of the sidecar's restart", async () => {
  await using host = await openOperatorHost();
  const { namespace, show } = host;
  await using events = follow(namespace, host.words("events"));
  await events.shown(/ sidecar {2}answers$/);
  await show("configure", "10.42.1.0/24");
  await events.shown(/ network {2}10\.42\.1\.0\/24, gateway 10\.42\.1\.1$/);
  await show("inject", "10.42.2.0/24", "vxlan100");
  const route = "route    10.42.2.0/24 dev vxlan100";
  await events.shown(/ route {4}10\.42\.2\.0\/24 dev vxlan100 installed$/);
  await namespace.ip("link set vxlan100 down");
  await events.shown(/ route {4}10\.42\.2\.0\/24 dev vxlan100 pending: /);
  await events.shown(/ finding {2}CRITICAL vxlan100: .*\(device-down\)$/);
  await namespace.ip("link set vxlan100 up");
  await events.shown(/ finding {2}ENDED vxlan100: device-down$/);
  const installed = () =>
    shownBy(events).filter((line) => line === `${route} installed`).length === 2;
  await until(installed, { what: () => `it back: ${events.lines.join("\n")}` });
  await namespace.ip("route del 10.42.2.0/24");
  await events.shown(/ route {4}10\.42\.2\.0\/24 dev vxlan100 repaired$/);
  await show("remove", "10.42.2.0/24");
  await events.shown(/ route {4}10\.42\.2\.0\/24 dev vxlan100 gone$/);
  await host.sidecar.stop();
  await events.shown(/ sidecar {2}does not answer: /);
  await using _next = await startSidecar(namespace, { command: serveCommand([]) });
  const answers = () =>
    shownBy(events).filter((line) => line === "sidecar  answers").length === 2;
  await until(answers, { what: () => `the next: ${events.lines.join("\n")}` });
  await show("inject", "10.42.3.0/24", "vxlan100");
  await events.shown(/ route {4}10\.42\.3\.0\/24 dev vxlan100 installed$/);
  events.kill("SIGINT");
  assert.equal(await events.ended, 0);
  assert.deepEqual(events.complaints, []);
  assert.match(
    shownBy(events).join("\n"),
    new RegExp(
      [
        `${route} installed`,
        `${route} pending: [^\n]+`,
        `${route} installed`,
        `${route} repaired`,
        `${route} gone`,
        "sidecar  does not answer: [^\n]+",
        "sidecar  answers",
      ].join("\n(?:[^\n]+\n)*?"),
    ),
  );
});

Deno.test("events --json prints one JSON object a line, each with its version, time and kind", async () => {
  await using host = await openOperatorHost();
  await using events = follow(host.namespace, host.words("events", ["--json"]));
  const taken = (): readonly JsonObject[] => events.lines.map(parseJsonObject);
  await events.shown(/"kind":"sidecar"/);
  await host.show("configure", "10.42.1.0/24");
  await host.show("inject", "10.42.2.0/24", "vxlan100");
  await events.shown(/"kind":"route"/);
  await host.namespace.ip("link set vxlan100 down");
  await events.shown(/"id":"device-down"/);
  events.kill("SIGTERM");
  assert.equal(await events.ended, 0);
  const without = ({ time, ...rest }: JsonObject): JsonObject => {
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    return rest;
  };
  const all = taken().map(without);
  for (const { version } of all) assert.equal(version, 1);
  assert.deepEqual(all[0], {
    version: 1,
    kind: "sidecar",
    state: "answers",
    reason: "",
  });
  const kinds = new Map(
    all.map((event) => [`${event["kind"]} ${event["state"]}`, event]),
  );
  assert.deepEqual(kinds.get("route installed"), {
    version: 1,
    kind: "route",
    destination: "10.42.2.0/24",
    device: "vxlan100",
    state: "installed",
    reason: "",
  });
  const down = all.find(({ id }) => id === "device-down");
  assert.deepEqual(Object.keys(down ?? {}).toSorted(), [
    ...[
      "destination",
      "device",
      "found",
      "id",
      "kind",
      "meaning",
      "remedy",
      "severity",
    ],
    ...["state", "version"],
  ]);
  assert.deepEqual([down?.["state"], down?.["severity"]], ["begun", "critical"]);
});
