import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import { warmUp } from "../../../../src/warm_up.ts";
import { REFLECTION } from "../../../../src/api/proto_registry.ts";
import { repository } from "../../../support/serve_task.ts";
import { type OpenSurface, openSurface } from "../../transport/surface.ts";

const services = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "quilt.QuiltRuntime",
  "quilt.sidecar.v1.DataPathService",
].map((name) => ({ name }));

function fieldOf(message: unknown, name: string): unknown {
  assert.ok(typeof message === "object" && message !== null);
  return Reflect.get(message, name);
}

/** Sends requests on one stream, and returns what came back for each. */
async function converse(
  surface: OpenSurface,
  requests: readonly object[],
  version = 0,
): Promise<readonly unknown[]> {
  const definition = REFLECTION[version];
  assert.ok(definition);
  const conversation = surface.converse(definition, "ServerReflectionInfo");
  for (const request of requests) conversation.send(request);
  conversation.close();
  assert.equal((await conversation.end).code, status.OK);
  return conversation.messages;
}

/** What came back for one request, without the request. */
async function answerTo(request: object): Promise<unknown> {
  await using surface = await openSurface();
  const [response] = await converse(surface, [request]);
  const kind = fieldOf(response, "message_response");
  assert.ok(typeof kind === "string");
  return { [kind]: fieldOf(response, kind) };
}

/** The names of the files in a response: a serialized file begins with its name. */
function fileNames(answer: unknown): readonly string[] {
  const files = fieldOf(
    fieldOf(answer, "file_descriptor_response"),
    "file_descriptor_proto",
  );
  assert.ok(Array.isArray(files));
  return files.map((bytes: unknown) => {
    assert.ok(Buffer.isBuffer(bytes) && bytes[0] === 0x0a);
    return bytes.subarray(2, 2 + (bytes[1] ?? 0)).toString();
  });
}

for (const [version, name] of ["v1", "v1alpha"].entries()) {
  Deno.test(`ServerReflection ${name} answers each request of a stream, in order, with the request`, async () => {
    await using surface = await openSurface();
    const requests = [
      { host: "localhost", list_services: "*" },
      { host: "", file_containing_symbol: "quilt.Nothing" },
      { host: "", list_services: "" },
    ];
    const responses = await converse(surface, requests, version);
    const kinds = ["list_services", "file_containing_symbol", "list_services"];
    assert.deepEqual(responses.map((one) => fieldOf(one, "original_request")), [
      { ...requests[0], message_request: kinds[0] },
      { ...requests[1], message_request: kinds[1] },
      { ...requests[2], message_request: kinds[2] },
    ]);
    assert.deepEqual(responses.map((one) => fieldOf(one, "valid_host")), [
      "localhost",
      "",
      "",
    ]);
    assert.deepEqual(responses.map((one) => fieldOf(one, "message_response")), [
      "list_services_response",
      "error_response",
      "list_services_response",
    ]);
  });
}

Deno.test("ServerReflection lists every service that is served, itself too, and not the warm-up", async () => {
  await using surface = await openSurface();
  const warming = warmUp(surface.server, "text");
  const during = await converse(surface, [{ list_services: "" }]);
  await warming;
  const after = await converse(surface, [{ list_services: "" }]);
  for (const [response] of [during, after]) {
    assert.deepEqual(fieldOf(response, "list_services_response"), {
      service: services,
    });
  }
});

for (
  const [symbol, file] of [
    ["quilt.QuiltRuntime", "quilt.proto"],
    [".quilt.QuiltRuntime", "quilt.proto"],
    ["quilt.QuiltRuntime.InjectRoute", "quilt.proto"],
    ["quilt.InjectRouteRequest", "quilt.proto"],
    ["quilt.InjectRouteRequest.via_interface", "quilt.proto"],
    ["grpc.health.v1.Health", "grpc/health/v1/health.proto"],
    [
      "grpc.health.v1.HealthCheckResponse.ServingStatus",
      "grpc/health/v1/health.proto",
    ],
    [
      "grpc.reflection.v1alpha.ServerReflection",
      "grpc/reflection/v1alpha/reflection.proto",
    ],
  ] as const
) {
  Deno.test(`ServerReflection finds the symbol ${symbol} in ${file}`, async () => {
    assert.deepEqual(fileNames(await answerTo({ file_containing_symbol: symbol })), [
      file,
    ]);
  });
}

Deno.test("ServerReflection sends what the file of a symbol imports with it", async () => {
  const answer = await answerTo({ file_containing_symbol: "quilt.sidecar.v1.Finding" });
  assert.deepEqual(fileNames(answer).toSorted(), [
    "google/protobuf/duration.proto",
    "google/protobuf/timestamp.proto",
    "quilt_sidecar.proto",
  ]);
});

Deno.test("ServerReflection finds a file by its name", async () => {
  assert.deepEqual(fileNames(await answerTo({ file_by_filename: "quilt.proto" })), [
    "quilt.proto",
  ]);
});

for (
  const [request, message] of [
    [{ file_by_filename: "quilt" }, 'No file "quilt" on this server'],
    [{ file_containing_symbol: "quilt" }, 'No symbol "quilt" on this server'],
    [{ file_containing_symbol: "" }, 'No symbol "" on this server'],
    [{ file_containing_symbol: "a\nb" }, String.raw`No symbol "a\nb" on this server`],
    [
      {
        file_containing_extension: {
          containing_type: "quilt.InjectRouteRequest",
          extension_number: 100,
        },
      },
      'No extension 100 of "quilt.InjectRouteRequest": proto3 has none',
    ],
    [
      { all_extension_numbers_of_type: "quilt.QuiltRuntime" },
      'No message "quilt.QuiltRuntime" on this server',
    ],
  ] as const
) {
  Deno.test(`ServerReflection answers ${JSON.stringify(request)} with NOT_FOUND`, async () => {
    assert.deepEqual(await answerTo(request), {
      error_response: { error_code: status.NOT_FOUND, error_message: message },
    });
  });
}

Deno.test("ServerReflection answers that a message has no extensions, with a leading dot or without", async () => {
  for (const type of ["quilt.InjectRouteRequest", ".quilt.InjectRouteRequest"]) {
    assert.deepEqual(await answerTo({ all_extension_numbers_of_type: type }), {
      all_extension_numbers_response: {
        base_type_name: "quilt.InjectRouteRequest",
        extension_number: [],
      },
    });
  }
});

Deno.test("ServerReflection answers a request for nothing with INVALID_ARGUMENT, and the stream stays open", async () => {
  await using surface = await openSurface();
  const [nothing, list] = await converse(surface, [{}, { list_services: "" }]);
  assert.deepEqual(fieldOf(nothing, "error_response"), {
    error_code: status.INVALID_ARGUMENT,
    error_message: "The request asks for nothing",
  });
  assert.deepEqual(fieldOf(list, "list_services_response"), { service: services });
});

Deno.test("ServerReflection answers 64 requests of a stream, and ends the next with RESOURCE_EXHAUSTED", async () => {
  await using surface = await openSurface();
  const [definition] = REFLECTION;
  assert.ok(definition);
  const stream = surface.converse(definition, "ServerReflectionInfo");
  const ask = () => stream.send({ file_containing_symbol: "quilt.QuiltRuntime" });
  for (let asked = 0; asked < 64; asked += 1) ask();
  for (const response of await stream.count(64)) {
    assert.deepEqual(fileNames(response), ["quilt.proto"]);
  }
  for (let asked = 0; asked < 1_000; asked += 1) ask();
  assert.deepEqual(await stream.end, {
    code: status.RESOURCE_EXHAUSTED,
    details: "One stream may ask 64 questions of at most 1024 characters; ask the " +
      "others on another stream",
  });
  assert.equal(stream.messages.length, 64);
});

Deno.test("ServerReflection ends a stream with RESOURCE_EXHAUSTED if a request is too long to be sent back", async () => {
  await using surface = await openSurface();
  const [definition] = REFLECTION;
  assert.ok(definition);
  const stream = surface.converse(definition, "ServerReflectionInfo");
  stream.send({ host: "x".repeat(1_024), list_services: "" });
  assert.equal((await stream.end).code, status.RESOURCE_EXHAUSTED);
  assert.deepEqual(stream.messages, []);
});

Deno.test("ServerReflection sends at most one response a millisecond over all streams, so that other calls have time", async () => {
  await using surface = await openSurface();
  const ask = { file_containing_symbol: "quilt.QuiltRuntime" };
  // The first request makes the index.
  await converse(surface, [ask]);
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 8 }, () => converse(surface, Array(16).fill(ask))),
  );
  const took = performance.now() - began;
  // A timer of Deno's may come a little early.
  assert.ok(took >= 0.9 * 8 * 16, `${took} ms`);
});

Deno.test("ServerReflection v1 and v1alpha differ in their names only", () => {
  const read = (version: string): string =>
    Deno.readTextFileSync(
      `${repository}/proto/grpc/reflection/${version}/reflection.proto`,
    ).replace(/^\/\/.*\n/, "").replaceAll(`reflection/${version}/`, "").replaceAll(
      `reflection.${version};`,
      "",
    );
  assert.equal(read("v1"), read("v1alpha"));
});
