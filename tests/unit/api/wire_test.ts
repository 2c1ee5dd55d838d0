import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { serviceOf } from "../../../src/api/proto_registry.ts";
import {
  type ConfigureNodeSubnetRequest,
  decodeConfigureNodeSubnetRequest,
  decodeInjectRouteRequest,
  decodeRemoveRouteRequest,
  type InjectRouteRequest,
  QUILT_PACKAGE,
  QUILT_RUNTIME,
  type QuiltResponse,
  type RemoveRouteRequest,
} from "../../../src/api/quilt_runtime/wire.ts";

type ScalarType = "TYPE_STRING" | "TYPE_BOOL";
/** Each field of a TypeScript message with its number and type; tsc wants all of them. */
type FieldsOf<Message> = Record<keyof Message, readonly [number, ScalarType]>;

const configureRequest: FieldsOf<ConfigureNodeSubnetRequest> = {
  subnet: [1, "TYPE_STRING"],
};
const injectRequest: FieldsOf<InjectRouteRequest> = {
  destination: [1, "TYPE_STRING"],
  via_interface: [2, "TYPE_STRING"],
};
const removeRequest: FieldsOf<RemoveRouteRequest> = { destination: [1, "TYPE_STRING"] };
const response: FieldsOf<QuiltResponse> = {
  success: [1, "TYPE_BOOL"],
  error: [2, "TYPE_STRING"],
};

const rpcs = [
  ["ConfigureNodeSubnet", configureRequest],
  ["InjectRoute", injectRequest],
  ["RemoveRoute", removeRequest],
] as const;

function field(value: unknown, name: string): unknown {
  assert.ok(typeof value === "object" && value !== null);
  return Reflect.get(value, name);
}

function describedFields(message: string): unknown {
  const fields = field(field(QUILT_PACKAGE[message], "type"), "field");
  assert.ok(Array.isArray(fields));
  return Object.fromEntries(
    fields.map((each) => [
      field(each, "name"),
      [field(each, "number"), field(each, "type")],
    ]),
  );
}

Deno.test("the .proto's service has exactly the contract's three unary RPCs", () => {
  assert.deepEqual(Object.keys(QUILT_RUNTIME), rpcs.map(([name]) => name));
  for (const [name] of rpcs) {
    const method = QUILT_RUNTIME[name];
    assert.equal(method?.path, `/quilt.QuiltRuntime/${name}`);
    assert.equal(method?.requestStream || method?.responseStream, false);
  }
});

for (const [name, request] of rpcs) {
  Deno.test(`the messages of ${name} are the same in TypeScript and in the .proto`, () => {
    assert.deepEqual(describedFields(`quilt.${name}Request`), request);
    assert.deepEqual(describedFields(`quilt.${name}Response`), response);
  });
}

Deno.test("what was sent is what is decoded", () => {
  const sent = { subnet: "s", destination: "d", via_interface: "v" };
  const overTheWire = (rpc: string): unknown => {
    const method = QUILT_RUNTIME[rpc];
    return method?.requestDeserialize(method.requestSerialize(sent));
  };
  assert.deepEqual(
    decodeConfigureNodeSubnetRequest(overTheWire("ConfigureNodeSubnet")),
    { subnet: "s" },
  );
  assert.deepEqual(decodeInjectRouteRequest(overTheWire("InjectRoute")), {
    destination: "d",
    via_interface: "v",
  });
  assert.deepEqual(decodeRemoveRouteRequest(overTheWire("RemoveRoute")), {
    destination: "d",
  });
});

Deno.test("a field that was not sent is empty", () => {
  const message: unknown = QUILT_RUNTIME["InjectRoute"]?.requestDeserialize(
    Buffer.alloc(0),
  );
  assert.deepEqual(decodeInjectRouteRequest(message), {
    destination: "",
    via_interface: "",
  });
});

Deno.test("a message of another form is not decoded", () => {
  for (const message of [undefined, null, "text", {}, { destination: 1 }]) {
    assert.throws(() => decodeRemoveRouteRequest(message), TypeError);
  }
});

Deno.test("a service that the .proto does not have is an error, and so is a message", () => {
  for (const name of ["quilt.Nothing", "quilt.InjectRouteRequest"]) {
    assert.throws(() => serviceOf(QUILT_PACKAGE, name), TypeError);
  }
});
