import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ServiceDefinition } from "@grpc/grpc-js";
import type { ConfigureNodeSubnetRequest } from "../../../src/api/gen/quilt/ConfigureNodeSubnetRequest.ts";
import type { InjectRouteRequest } from "../../../src/api/gen/quilt/InjectRouteRequest.ts";
import type { InjectRouteResponse } from "../../../src/api/gen/quilt/InjectRouteResponse.ts";
import type { RemoveRouteRequest } from "../../../src/api/gen/quilt/RemoveRouteRequest.ts";
import type { ProbedAddress } from "../../../src/api/gen/quilt/sidecar/v1/ProbedAddress.ts";
import type { ReleaseAddressRequest } from "../../../src/api/gen/quilt/sidecar/v1/ReleaseAddressRequest.ts";
import type { ReleaseAddressResponse } from "../../../src/api/gen/quilt/sidecar/v1/ReleaseAddressResponse.ts";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";
import type { SyncRoutesRequest } from "../../../src/api/gen/quilt/sidecar/v1/SyncRoutesRequest.ts";
import {
  ADDRESS_SERVICE,
  DATA_PATH_SERVICE,
  HEALTH,
  loadProto,
  NODE_NETWORK_SERVICE,
  QUILT_PACKAGE,
  QUILT_RUNTIME,
  REFLECTION,
  ROUTE_SERVICE,
  serviceName,
  serviceOf,
} from "../../../src/api/proto_registry.ts";

type ScalarType = "TYPE_STRING" | "TYPE_BOOL";
/** The number and type of each field, so that the frozen file cannot change. */
type FieldsOf<Message> = Record<keyof Message, readonly [number, ScalarType]>;

const configureRequest: FieldsOf<ConfigureNodeSubnetRequest> = {
  subnet: [1, "TYPE_STRING"],
};
const injectRequest: FieldsOf<InjectRouteRequest> = {
  destination: [1, "TYPE_STRING"],
  via_interface: [2, "TYPE_STRING"],
};
const removeRequest: FieldsOf<RemoveRouteRequest> = { destination: [1, "TYPE_STRING"] };
const response: FieldsOf<InjectRouteResponse> = {
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

function methodOf(service: ServiceDefinition, rpc: string): ServiceDefinition[string] {
  const method = service[rpc];
  assert.ok(method, rpc);
  return method;
}

/** What the server decodes of a request. */
function requestOverTheWire(
  service: ServiceDefinition,
  rpc: string,
  request: object,
): unknown {
  const { requestDeserialize, requestSerialize } = methodOf(service, rpc);
  return requestDeserialize(requestSerialize(request));
}

/** What the client decodes of a response. */
function responseOverTheWire(
  service: ServiceDefinition,
  rpc: string,
  response: object,
): unknown {
  const { responseDeserialize, responseSerialize } = methodOf(service, rpc);
  return responseDeserialize(responseSerialize(response));
}

Deno.test("QuiltRuntime has exactly the contract's three unary RPCs", () => {
  assert.deepEqual(Object.keys(QUILT_RUNTIME), rpcs.map(([name]) => name));
  for (const [name] of rpcs) {
    const method = methodOf(QUILT_RUNTIME, name);
    assert.equal(method.path, `/quilt.QuiltRuntime/${name}`);
    assert.equal(method.requestStream || method.responseStream, false);
  }
});

for (const [name, request] of rpcs) {
  Deno.test(`${name} has exactly the contract's fields, with their numbers`, () => {
    assert.deepEqual(describedFields(`quilt.${name}Request`), request);
    assert.deepEqual(describedFields(`quilt.${name}Response`), response);
  });
}

Deno.test("InjectRoute is decoded with every field, empty if it was not sent", () => {
  const request: InjectRouteRequest = { destination: "d", via_interface: "v" };
  assert.deepEqual(requestOverTheWire(QUILT_RUNTIME, "InjectRoute", request), request);
  const empty: InjectRouteRequest = { destination: "", via_interface: "" };
  const { requestDeserialize } = methodOf(QUILT_RUNTIME, "InjectRoute");
  assert.deepEqual(requestDeserialize(Buffer.alloc(0)), empty);
});

Deno.test("SyncRoutes is decoded with every field, also without any", () => {
  const request: SyncRoutesRequest = {
    routes: [{ destination: "d", device: "v" }],
    dry_run: true,
  };
  const over = (message: object) =>
    requestOverTheWire(ROUTE_SERVICE, "SyncRoutes", message);
  assert.deepEqual(over(request), request);
  const empty: SyncRoutesRequest = { routes: [], dry_run: false };
  assert.deepEqual(over({}), empty);
});

Deno.test("ReleaseAddress is decoded with the field that is set, and its name in target", () => {
  const over = (message: object) =>
    requestOverTheWire(ADDRESS_SERVICE, "ReleaseAddress", message);
  const byOwner: ReleaseAddressRequest = { owner: "web-1", target: "owner" };
  assert.deepEqual(over({ owner: "web-1" }), byOwner);
  const byAddress: ReleaseAddressRequest = { address: "", target: "address" };
  assert.deepEqual(over({ address: "" }), byAddress);
  const byNothing: ReleaseAddressRequest = {};
  assert.deepEqual(over({}), byNothing);
});

Deno.test("ReleaseAddress is answered null for an address that is not set", () => {
  const nothing: ReleaseAddressResponse = { released: null };
  assert.deepEqual(responseOverTheWire(ADDRESS_SERVICE, "ReleaseAddress", {}), nothing);
});

Deno.test("ListRoutes is decoded with 64-bit seconds as numbers and states as names", () => {
  const route: Route = {
    destination: "10.42.2.0/24",
    device: "vxlan100",
    state: "ROUTE_STATE_PENDING",
    reason: "It is down",
    since: { seconds: 1_700_000_000, nanos: 123_000_000 },
    confirmed: true,
    findings: ["bridge-port"],
  };
  const answer = { routes: [route] };
  assert.deepEqual(responseOverTheWire(ROUTE_SERVICE, "ListRoutes", answer), answer);
});

Deno.test("ProbePeers is answered null for the time of an address that did not answer", () => {
  const silent: ProbedAddress = {
    address: "10.42.2.1",
    state: "PROBE_STATE_SILENT",
    answered_after: null,
    reason: "",
  };
  const answer = {
    peers: [{
      destination: "10.42.2.0/24",
      device: "vxlan100",
      gateway: {
        ...silent,
        state: "PROBE_STATE_ANSWERED",
        answered_after: { seconds: 0, nanos: 300_000_000 },
      },
      proxied: silent,
    }],
  };
  assert.deepEqual(
    responseOverTheWire(DATA_PATH_SERVICE, "ProbePeers", answer),
    answer,
  );
});

Deno.test("Health encodes its status as a varint in field 1", () => {
  for (
    const [index, status] of ["SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].entries()
  ) {
    const { responseSerialize } = methodOf(HEALTH, "Check");
    assert.deepEqual([...responseSerialize({ status })], [8, index + 1]);
    assert.deepEqual(responseOverTheWire(HEALTH, "Watch", { status }), { status });
  }
});

/** Each answer that a reflection stream can carry. */
const answers = [
  { file_descriptor_response: { file_descriptor_proto: [Buffer.of(1, 2)] } },
  {
    all_extension_numbers_response: { base_type_name: "a.B", extension_number: [7, 9] },
  },
  { list_services_response: { service: [{ name: "a.B" }] } },
  { error_response: { error_code: 5, error_message: "nothing" } },
];

for (const definition of REFLECTION) {
  Deno.test(`${serviceName(definition)} encodes and decodes as its generated types say`, () => {
    const method = methodOf(definition, "ServerReflectionInfo");
    assert.ok(method.requestStream && method.responseStream);
    for (const answer of answers) {
      const request = { host: "h", list_services: "" };
      const sent = { ...answer, valid_host: "h", original_request: request };
      assert.deepEqual(responseOverTheWire(definition, "ServerReflectionInfo", sent), {
        ...sent,
        original_request: { ...request, message_request: "list_services" },
        message_response: Object.keys(answer)[0],
      });
    }
  });
}

Deno.test("serviceName is the first half of the paths", () => {
  const served = [
    ...[QUILT_RUNTIME, NODE_NETWORK_SERVICE, ADDRESS_SERVICE, ROUTE_SERVICE],
    ...[DATA_PATH_SERVICE, HEALTH, ...REFLECTION],
  ];
  assert.deepEqual(served.map(serviceName), [
    "quilt.QuiltRuntime",
    "quilt.sidecar.v1.NodeNetworkService",
    "quilt.sidecar.v1.AddressService",
    "quilt.sidecar.v1.RouteService",
    "quilt.sidecar.v1.DataPathService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ]);
});

Deno.test("serviceOf throws for a name that is no service of the package", () => {
  for (const name of ["quilt.Nothing", "quilt.InjectRouteRequest"]) {
    assert.throws(() => serviceOf(QUILT_PACKAGE, name), TypeError);
  }
});

Deno.test("loadProto throws for an import that does not come with Protocol Buffers", () => {
  const bad = `syntax = "proto3"; package a; import "a/missing.proto";`;
  assert.throws(() => loadProto(bad), {
    name: "TypeError",
    message: "Cannot import a/missing.proto: it does not come with Protocol Buffers",
  });
});
