import assert from "node:assert/strict";
import type { Http2Answer, Http2Request } from "../support/http2_request.ts";
import { stringAt } from "../../deploy/json.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { allRoutes, auditRecords, done, type Host, openHost } from "./host.ts";

const PORT = "50051";
const CALL = {
  ":method": "POST",
  ":path": "/quilt.QuiltRuntime/InjectRoute",
  "content-type": "application/grpc",
  "te": "trailers",
};
/** `destination: "10.42.2.0/24"`, `via_interface: "vxlan100"` */
const REQUEST = "00000000180a0c31302e34322e322e302f3234120876786c616e313030";

/** What the sidecar answers to each, of a process in its namespace. */
async function answers(
  namespace: Namespace,
  requests: readonly Http2Request[],
): Promise<readonly Http2Answer[]> {
  const program = `${repository}/tests/support/http2_request.ts`;
  const run = [Deno.execPath(), "run", "--frozen", "--cached-only", "-A", program];
  const words = [...run, PORT, JSON.stringify(requests)];
  const { code, stderr, stdout } = await namespace.run(words);
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split("\n");
  assert.equal(lines.length, requests.length, stdout);
  return lines.map((line) => JSON.parse(line));
}

/** By `:status` and, for a gRPC answer, `grpc-status`. */
const refused: readonly (readonly [string, Http2Request])[] = [
  ["405 13", { headers: { ...CALL, ":method": "PUT" }, body: REQUEST }],
  ["405 13", { headers: { ...CALL, ":method": "GET" }, body: REQUEST }],
  ["415 3", { headers: { ...CALL, "content-type": "text/html" }, body: REQUEST }],
  ["415 3", { headers: { ...CALL, "content-type": "application/grpcfoo" } }],
  ["415 3", { headers: { ":method": "POST", ":path": "/" }, body: REQUEST }],
  ["405 13", { headers: { ":method": "GET", ":path": "/" } }],
  ["200 12", { headers: { ...CALL, ":path": "/a.B/\u00e9%" }, body: REQUEST }],
  ["200 12", { headers: { ...CALL, "grpc-encoding": "zstd" }, body: REQUEST }],
  ["200 13", { headers: { ...CALL, "grpc-timeout": "1 S" }, body: REQUEST }],
  ["200 4", { headers: { ...CALL, "grpc-timeout": "1n" }, body: REQUEST }],
  ["200 13", { headers: CALL, body: `01${REQUEST.slice(2)}` }],
  ["200 13", { headers: CALL, body: REQUEST.slice(0, -2) }],
  // The string ends one byte behind the message.
  ["200 13", { headers: CALL, body: "000000000d0a0c31302e34322e322e302f32" }],
  // The interface as a number.
  ["200 13", { headers: CALL, body: "00000000100a0c31302e34322e322e302f32341005" }],
];

Deno.test("a request that is not gRPC is refused over HTTP/2 and changes nothing", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  const before = await allRoutes(namespace);
  const all = await answers(namespace, refused.map(([, request]) => request));
  for (const [at, [expected, request]] of refused.entries()) {
    const headers = all[at]?.headers ?? {};
    assert.equal(
      `${headers[":status"]} ${headers["grpc-status"]}`,
      expected,
      JSON.stringify(request),
    );
    assert.match(headers["grpc-message"] ?? "", /^[ -~]+$/);
  }
  assert.equal(await allRoutes(namespace), before);
  const [carriedOut] = await answers(namespace, [{ headers: CALL, body: REQUEST }]);
  assert.equal(carriedOut?.trailers?.["grpc-status"], "0");
  assert.notEqual(await allRoutes(namespace), before);
  assert.deepEqual(await client.injectRoute("10.42.3.0/24", "vxlan100"), done);
  await sidecar.stop();
  const words = auditRecords(sidecar).map((record) => stringAt(record, "words"))
    .filter((written) => !written.includes(" table 142"));
  assert.deepEqual(words, [
    "route add 10.42.2.0/24 dev vxlan100 proto 142",
    "route add 10.42.3.0/24 dev vxlan100 proto 142",
  ]);
});

/** Of GET and HEAD over HTTP/2. */
async function healthz({ namespace }: Host) {
  const all = await answers(
    namespace,
    ["GET", "HEAD"].map((method) => ({
      headers: { ":method": method, ":path": "/healthz" },
    })),
  );
  return all.map(({ body, headers }) => [headers?.[":status"], body]);
}

Deno.test("GET /healthz answers the health over HTTP/2, as over HTTP/1.1", async () => {
  await using host = await openHost();
  assert.deepEqual(await healthz(host), [["200", "SERVING"], ["200", ""]]);
});

Deno.test("a watch with a deadline of 30 days stays open", async () => {
  await using host = await openHost();
  const [watch] = await answers(host.namespace, [{
    headers: {
      ...CALL,
      ":path": "/grpc.health.v1.Health/Watch",
      "grpc-timeout": "2592000S",
    },
    body: "0000000000",
    cancelMs: 1_500,
  }]);
  // The client's own CANCEL ended it.
  assert.equal(watch?.rst, 8);
  assert.equal(watch?.trailers, undefined);
  await host.sidecar.stop();
  assert.ok(!host.sidecar.log.some((line) => line.includes("Timeout")));
});
