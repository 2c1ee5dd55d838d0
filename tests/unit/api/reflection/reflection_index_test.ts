import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import descriptor from "protobufjs/ext/descriptor/index.js";
import {
  createReflectionIndex,
  type ReflectionAnswer,
} from "../../../../src/api/reflection/reflection_index.ts";

const named = (name: string) => ({ name });

/** A file with everything that has a full name, and one that it imports. */
const sky = {
  name: "a/b/sky.proto",
  package: "a.b",
  dependency: ["c/time.proto"],
  messageType: [{
    name: "Bird",
    field: [named("first_name"), named("nest_id")],
    oneofDecl: [named("home"), named("_first_name")],
    nestedType: [{ name: "Feather", field: [named("colour")] }],
    enumType: [{ name: "Colour", value: [named("GREY"), named("DEEP_RED")] }],
  }],
  enumType: [{ name: "Season", value: [named("SUMMER")] }],
  service: [{ name: "Sky", method: [named("Look"), named("Watch")] }],
  syntax: "proto3",
};
const time = {
  name: "c/time.proto",
  package: "c",
  messageType: [{ name: "Time", field: [named("seconds")] }],
};

const { FileDescriptorProto, FileDescriptorSet } = descriptor;
const [skyBytes, timeBytes] = [sky, time].map((file) =>
  Buffer.from(FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish())
);
const descriptorSet = Buffer.from(
  FileDescriptorSet.encode(FileDescriptorSet.fromObject({ file: [time, sky] }))
    .finish(),
).toString("base64");

const index = createReflectionIndex(descriptorSet, ["a.b.Sky", "a.a.Other"]);

function bySymbol(symbol: string): ReflectionAnswer {
  const message_request = "file_containing_symbol";
  return index({ host: "", message_request, file_containing_symbol: symbol });
}

function byName(name: string): ReflectionAnswer {
  const message_request = "file_by_filename";
  return index({ host: "", message_request, file_by_filename: name });
}

const skyAnswer = {
  file_descriptor_response: { file_descriptor_proto: [skyBytes, timeBytes] },
};
const timeAnswer = { file_descriptor_response: { file_descriptor_proto: [timeBytes] } };

for (
  const symbol of [
    ...["Bird", "Bird.Colour", "Bird.DEEP_RED", "Bird.Feather", "Bird.Feather.colour"],
    ...["Bird.GREY", "Bird._first_name", "Bird.first_name", "Bird.home"],
    ...["Bird.nest_id", "SUMMER", "Season", "Sky", "Sky.Look", "Sky.Watch"],
  ]
) {
  Deno.test(`createReflectionIndex finds the symbol a.b.${symbol}, and sends its file before the imported one`, () => {
    assert.deepEqual(bySymbol(`a.b.${symbol}`), skyAnswer);
  });
}

Deno.test("createReflectionIndex finds no symbol of another scope", () => {
  for (const symbol of ["Bird", "a.b", "a.b.Bird.Colour.GREY", "a.b.Season.SUMMER"]) {
    assert.deepEqual(bySymbol(symbol), {
      error_response: {
        error_code: status.NOT_FOUND,
        error_message: `No symbol "${symbol}" on this server`,
      },
    });
  }
});

Deno.test("createReflectionIndex finds an imported file by its name and by its symbols", () => {
  assert.deepEqual(byName("c/time.proto"), timeAnswer);
  assert.deepEqual(bySymbol("c.Time"), timeAnswer);
  assert.deepEqual(byName("a/b/sky.proto"), skyAnswer);
});

Deno.test("createReflectionIndex knows the messages inside of others, and no other names", () => {
  const extensionsOf = (type: string) =>
    index({
      host: "",
      message_request: "all_extension_numbers_of_type",
      all_extension_numbers_of_type: type,
    });
  for (const type of ["a.b.Bird", ".a.b.Bird.Feather", "c.Time"]) {
    assert.ok("all_extension_numbers_response" in extensionsOf(type), type);
  }
  for (const type of ["a.b.Sky", "a.b.Season", "a.b.Bird.first_name"]) {
    assert.ok("error_response" in extensionsOf(type), type);
  }
});

Deno.test("createReflectionIndex lists the names of the services in ascending order", () => {
  assert.deepEqual(index({ host: "", message_request: "list_services" }), {
    list_services_response: { service: [named("a.a.Other"), named("a.b.Sky")] },
  });
});
