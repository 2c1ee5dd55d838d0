import assert from "node:assert/strict";
import { createCatalogue } from "../../../src/api/reflection/reflection_index.ts";
import { describeFile, encodeFile } from "../../../src/api/reflection/descriptor.ts";
import { loadProtoFile, standardProtoFile } from "../../../src/api/proto_registry.ts";
import { messagesOf, symbolsOf } from "../../../src/api/reflection/symbols.ts";

const source = `
syntax = "proto3";
package a.b;
import "google/protobuf/timestamp.proto";
service Sky {
  rpc Look(Bird) returns (Bird);
  rpc Watch(Bird) returns (stream Bird.Feather);
  rpc Talk(stream Bird) returns (stream Bird);
}
message Bird {
  message Feather {
    Colour colour = 1;
  }
  enum Colour {
    GREY = 0;
    DEEP_RED = 2;
  }
  optional string first_name = 1;
  oneof home {
    int64 nest_id = 3;
    Feather feather__bed = 4;
  }
  repeated Feather feathers = 5;
  google.protobuf.Timestamp hatched = 6;
}
enum Season {
  SUMMER = 0;
}
`;

const file = loadProtoFile("a/b/sky.proto", source);

Deno.test("a file is described with its name, its package and its imports", () => {
  const { dependency, name, package: packageName, syntax } = describeFile(file);
  assert.deepEqual(
    { dependency, name, packageName, syntax },
    {
      dependency: ["google/protobuf/timestamp.proto"],
      name: "a/b/sky.proto",
      packageName: "a.b",
      syntax: "proto3",
    },
  );
});

Deno.test("a message is described as protoc does it", () => {
  const { messageType } = describeFile(file);
  const label = "LABEL_OPTIONAL";
  assert.deepEqual(messageType, [{
    name: "Bird",
    field: [
      {
        name: "first_name",
        number: 1,
        label,
        type: "TYPE_STRING",
        jsonName: "firstName",
        // Behind the oneof that the file declares.
        oneofIndex: 1,
        proto3Optional: true,
      },
      {
        name: "nest_id",
        number: 3,
        label,
        type: "TYPE_INT64",
        jsonName: "nestId",
        oneofIndex: 0,
      },
      {
        name: "feather__bed",
        number: 4,
        label,
        type: "TYPE_MESSAGE",
        typeName: ".a.b.Bird.Feather",
        jsonName: "featherBed",
        oneofIndex: 0,
      },
      {
        name: "feathers",
        number: 5,
        label: "LABEL_REPEATED",
        type: "TYPE_MESSAGE",
        typeName: ".a.b.Bird.Feather",
        jsonName: "feathers",
      },
      {
        name: "hatched",
        number: 6,
        label,
        type: "TYPE_MESSAGE",
        typeName: ".google.protobuf.Timestamp",
        jsonName: "hatched",
      },
    ],
    nestedType: [{
      name: "Feather",
      field: [{
        name: "colour",
        number: 1,
        label,
        type: "TYPE_ENUM",
        typeName: ".a.b.Bird.Colour",
        jsonName: "colour",
      }],
      nestedType: [],
      enumType: [],
      oneofDecl: [],
    }],
    enumType: [{
      name: "Colour",
      value: [{ name: "GREY", number: 0 }, { name: "DEEP_RED", number: 2 }],
    }],
    oneofDecl: [{ name: "home" }, { name: "_first_name" }],
  }]);
});

Deno.test("a map is described as protoc does it: a repeated message of its entries", () => {
  const { content } = loadProtoFile(
    "nest.proto",
    `syntax = "proto3";
package a;
message Nest {
  map<string, Egg> eggs_by_name = 3;
  map<int32, bool> warm = 4;
  message Egg {}
}`,
  );
  const [nest] = describeFile({ ...file, content }).messageType;
  const entry = (type: object, value: object) => ({
    field: [
      { name: "key", number: 1, label: "LABEL_OPTIONAL", jsonName: "key", ...type },
      {
        name: "value",
        number: 2,
        label: "LABEL_OPTIONAL",
        jsonName: "value",
        ...value,
      },
    ],
    nestedType: [],
    enumType: [],
    oneofDecl: [],
    options: { mapEntry: true },
  });
  const repeated = { label: "LABEL_REPEATED", type: "TYPE_MESSAGE" };
  assert.deepEqual(nest?.field, [
    {
      name: "eggs_by_name",
      number: 3,
      ...repeated,
      typeName: ".a.Nest.EggsByNameEntry",
      jsonName: "eggsByName",
    },
    {
      name: "warm",
      number: 4,
      ...repeated,
      typeName: ".a.Nest.WarmEntry",
      jsonName: "warm",
    },
  ]);
  assert.deepEqual(nest?.nestedType.slice(1), [
    {
      name: "EggsByNameEntry",
      ...entry({ type: "TYPE_STRING" }, {
        type: "TYPE_MESSAGE",
        typeName: ".a.Nest.Egg",
      }),
    },
    { name: "WarmEntry", ...entry({ type: "TYPE_INT32" }, { type: "TYPE_BOOL" }) },
  ]);
});

Deno.test("a service is described with what streams in each direction", () => {
  const { enumType, service } = describeFile(file);
  const inputType = ".a.b.Bird";
  assert.deepEqual(service, [{
    name: "Sky",
    method: [
      { name: "Look", inputType, outputType: ".a.b.Bird" },
      {
        name: "Watch",
        inputType,
        outputType: ".a.b.Bird.Feather",
        serverStreaming: true,
      },
      {
        name: "Talk",
        inputType,
        outputType: ".a.b.Bird",
        clientStreaming: true,
        serverStreaming: true,
      },
    ],
  }]);
  assert.deepEqual(enumType, [
    { name: "Season", value: [{ name: "SUMMER", number: 0 }] },
  ]);
});

Deno.test("everything in a file that has a full name is a symbol", () => {
  const description = describeFile(file);
  assert.deepEqual(symbolsOf(description).toSorted(), [
    "a.b.Bird",
    "a.b.Bird.Colour",
    "a.b.Bird.DEEP_RED",
    "a.b.Bird.Feather",
    "a.b.Bird.Feather.colour",
    "a.b.Bird.GREY",
    "a.b.Bird._first_name",
    "a.b.Bird.feather__bed",
    "a.b.Bird.feathers",
    "a.b.Bird.first_name",
    "a.b.Bird.hatched",
    "a.b.Bird.home",
    "a.b.Bird.nest_id",
    "a.b.SUMMER",
    "a.b.Season",
    "a.b.Sky",
    "a.b.Sky.Look",
    "a.b.Sky.Talk",
    "a.b.Sky.Watch",
  ]);
  assert.deepEqual(messagesOf(description), ["a.b.Bird", "a.b.Bird.Feather"]);
});

Deno.test("a file that comes with Protocol Buffers is there, any other import is an error", () => {
  const timestamp = describeFile(standardProtoFile("google/protobuf/timestamp.proto"));
  assert.equal(timestamp.package, "google.protobuf");
  assert.deepEqual(symbolsOf(timestamp), [
    "google.protobuf.Timestamp",
    "google.protobuf.Timestamp.seconds",
    "google.protobuf.Timestamp.nanos",
  ]);
  const bad = `syntax = "proto3"; package a; import "a/missing.proto";`;
  assert.throws(() => loadProtoFile("a.proto", bad), {
    name: "TypeError",
    message: "Cannot import a/missing.proto: it does not come with Protocol Buffers",
  });
});

Deno.test("a file is handed out together with the files that it imports", () => {
  const catalogue = createCatalogue([file], ["a.b.Sky"]);
  const answer = catalogue({ kind: "file_containing_symbol", symbol: "a.b.Sky" });
  assert.ok("file_descriptor_response" in answer);
  const { file_descriptor_proto: files } = answer.file_descriptor_response;
  const timestamp = standardProtoFile("google/protobuf/timestamp.proto");
  assert.deepEqual(files, [file, timestamp].map(describeFile).map(encodeFile));
  // A client may ask for what it imports by name as well, or by what is in it.
  const alone = { file_descriptor_response: { file_descriptor_proto: [files[1]] } };
  const symbol = "google.protobuf.Timestamp";
  assert.deepEqual(catalogue({ kind: "file_containing_symbol", symbol }), alone);
  const name = "google/protobuf/timestamp.proto";
  assert.deepEqual(catalogue({ kind: "file_by_filename", name }), alone);
});
