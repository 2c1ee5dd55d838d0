import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { numberField, stringField } from "../../../src/api/fields.ts";
import {
  decodeHealthCheckRequest,
  HEALTH,
  type HealthCheckResponse,
} from "../../../src/api/health/wire.ts";
import {
  decodeReflectionQuestion,
  REFLECTION_VERSIONS,
  type ReflectionAnswer,
  type ReflectionQuestion,
  type ReflectionResponse,
} from "../../../src/api/reflection/wire.ts";

const statuses = ["SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

for (const rpc of ["Check", "Watch"]) {
  Deno.test(`what ${rpc} asks and answers is the same on the wire as in TypeScript`, () => {
    const method = HEALTH[rpc];
    assert.equal(method?.path, `/grpc.health.v1.Health/${rpc}`);
    const sent = method.requestSerialize({ service: "quilt.QuiltRuntime" });
    assert.deepEqual(decodeHealthCheckRequest(method.requestDeserialize(sent)), {
      service: "quilt.QuiltRuntime",
    });
    for (const [index, status] of statuses.entries()) {
      const response: HealthCheckResponse = { status };
      const bytes = method.responseSerialize(response);
      // Field 1, a varint.
      assert.deepEqual([...bytes], [8, index + 1]);
      assert.deepEqual(method.responseDeserialize(bytes), response);
    }
  });
}

/** Each question with the message that asks it. */
const questions: readonly (readonly [object, ReflectionQuestion])[] = [
  [{ file_by_filename: "a.proto" }, { kind: "file_by_filename", name: "a.proto" }],
  [
    { file_containing_symbol: "a.B" },
    { kind: "file_containing_symbol", symbol: "a.B" },
  ],
  [
    { file_containing_extension: { containing_type: "a.B", extension_number: 7 } },
    { kind: "file_containing_extension", type: "a.B", number: 7 },
  ],
  [{ file_containing_extension: {} }, {
    kind: "file_containing_extension",
    type: "",
    number: 0,
  }],
  [
    { all_extension_numbers_of_type: "a.B" },
    { kind: "all_extension_numbers_of_type", type: "a.B" },
  ],
  [{ list_services: "" }, { kind: "list_services" }],
  [{}, { kind: "none" }],
];

const answers: readonly ReflectionAnswer[] = [
  { file_descriptor_response: { file_descriptor_proto: [Buffer.of(1, 2)] } },
  {
    all_extension_numbers_response: { base_type_name: "a.B", extension_number: [7, 9] },
  },
  { list_services_response: { service: [{ name: "a.B" }] } },
  { error_response: { error_code: 5, error_message: "nothing" } },
];

for (const { definition } of REFLECTION_VERSIONS) {
  const method = definition["ServerReflectionInfo"];
  assert.ok(method);

  Deno.test(`what ${method.path} asks is the same on the wire as in TypeScript`, () => {
    assert.ok(method.requestStream && method.responseStream);
    for (const [message, question] of questions) {
      const received: unknown = method.requestDeserialize(
        method.requestSerialize(message),
      );
      assert.deepEqual(decodeReflectionQuestion(received), question);
    }
  });

  Deno.test(`what ${method.path} answers is the same on the wire as in TypeScript`, () => {
    for (const answer of answers) {
      const request = { host: "h", list_services: "" };
      const response: ReflectionResponse = {
        ...answer,
        valid_host: "h",
        original_request: request,
      };
      assert.deepEqual(
        method.responseDeserialize(method.responseSerialize(response)),
        {
          ...response,
          original_request: { ...request, message_request: "list_services" },
          message_response: Object.keys(answer)[0],
        },
      );
    }
  });
}

Deno.test("a message of another form is not decoded", () => {
  for (const message of [undefined, null, "text", {}, { service: 1 }]) {
    assert.throws(() => decodeHealthCheckRequest(message), TypeError);
  }
  for (const message of [undefined, null, "text"]) {
    assert.throws(() => decodeReflectionQuestion(message), TypeError);
  }
  assert.throws(() => numberField({ number: "1" }, "number"), TypeError);
  assert.throws(() => stringField({ text: 1 }, "text"), TypeError);
});
