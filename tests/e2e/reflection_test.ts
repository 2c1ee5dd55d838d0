/**
 * @needs go
 */
import assert from "node:assert/strict";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import type { Namespace } from "../support/namespace.ts";
import { grpcurl, grpcurlFirst, grpcurlOutput } from "./grpc_tools.ts";
import { furnishDataPath, openHost, routesTo } from "./host.ts";
import { fullTest } from "../support/suite.ts";

fullTest("grpcurl lists every service and its methods", async () => {
  await using host = await openHost();
  const services = (await grpcurlOutput(host.namespace, ["list"])).trim().split("\n");
  for (
    const service of [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "quilt.QuiltRuntime",
    ]
  ) {
    assert.ok(services.includes(service), `${service} is not in ${services}`);
  }
  assert.equal(
    await grpcurlOutput(host.namespace, ["list", "quilt.QuiltRuntime"]),
    "quilt.QuiltRuntime.ConfigureNodeSubnet\nquilt.QuiltRuntime.InjectRoute\n" +
      "quilt.QuiltRuntime.RemoveRoute\n",
  );
});

const SERVICE = `quilt.QuiltRuntime is a service:
service QuiltRuntime {
  rpc ConfigureNodeSubnet ( .quilt.ConfigureNodeSubnetRequest ) returns ( .quilt.ConfigureNodeSubnetResponse );
  rpc InjectRoute ( .quilt.InjectRouteRequest ) returns ( .quilt.InjectRouteResponse );
  rpc RemoveRoute ( .quilt.RemoveRouteRequest ) returns ( .quilt.RemoveRouteResponse );
}
`;

function described(message: string, ...fields: readonly string[]): string {
  const lines = fields.map((field, index) => `  ${field} = ${index + 1};\n`);
  return `quilt.${message} is a message:\nmessage ${message} {\n${lines.join("")}}\n`;
}

const MESSAGES = [
  ["ConfigureNodeSubnetRequest", "string subnet"],
  ["ConfigureNodeSubnetResponse", "bool success", "string error"],
  ["InjectRouteRequest", "string destination", "string via_interface"],
  ["InjectRouteResponse", "bool success", "string error"],
  ["RemoveRouteRequest", "string destination"],
  ["RemoveRouteResponse", "bool success", "string error"],
] as const;

fullTest(
  "grpcurl describes quilt.QuiltRuntime and each of its messages as in the contract",
  async () => {
    await using host = await openHost();
    const describe = (name: string) =>
      grpcurlOutput(host.namespace, ["describe", `quilt.${name}`]);
    assert.equal(await describe("QuiltRuntime"), SERVICE);
    for (const [message, ...fields] of MESSAGES) {
      assert.equal(await describe(message), described(message, ...fields));
    }
  },
);

fullTest(
  "grpcurl describes everything that is served, enums and nested types included",
  async () => {
    await using host = await openHost();
    const { namespace } = host;
    for (const name of (await grpcurlOutput(namespace, ["list"])).trim().split("\n")) {
      const service = await grpcurlOutput(namespace, ["describe", name]);
      for (const [, message = ""] of service.matchAll(/ \.([\w.]+) [)]/g)) {
        const text = await grpcurlOutput(namespace, ["describe", message]);
        assert.ok(text.startsWith(`${message} is a message:\n`), text);
      }
    }
    const list = "grpc.health.v1.HealthListResponse";
    assert.equal(
      await grpcurlOutput(namespace, ["describe", list]),
      `${list} is a message:\nmessage HealthListResponse {\n` +
        "  map<string, .grpc.health.v1.HealthCheckResponse> statuses = 1;\n}\n",
    );
    const status = "grpc.health.v1.HealthCheckResponse.ServingStatus";
    assert.equal(
      await grpcurlOutput(namespace, ["describe", status]),
      `${status} is an enum:\nenum ServingStatus {\n  UNKNOWN = 0;\n  SERVING = 1;\n` +
        "  NOT_SERVING = 2;\n  SERVICE_UNKNOWN = 3;\n}\n",
    );
  },
);

/** Every method of these is called; reflection is what they are called by. */
const CALLABLE = /^(quilt\.|grpc\.health\.)/;

async function listedMethods(namespace: Namespace): Promise<readonly string[]> {
  const list = async (...words: readonly string[]): Promise<readonly string[]> =>
    (await grpcurlOutput(namespace, ["list", ...words])).trim().split("\n");
  const services = (await list()).filter((service) => CALLABLE.test(service));
  const methods = await Promise.all(services.map((service) => list(service)));
  return methods.flat();
}

const subnet = "10.42.1.0/24";
const [destination, other] = ["10.42.2.0/24", "10.42.3.0/24"];
const nodeNetwork = {
  subnet,
  gateway: "10.42.1.1",
  clusterCidr: "10.42.0.0/16",
  revision: "1",
};
const address = { address: "10.42.1.2", owner: "web-1" };
const success = { success: true, error: "" };
const counts = { added: 0, removed: 0, unchanged: 0, pending: 0, refused: 0 };
const route = {
  destination,
  device: "vxlan100",
  state: "ROUTE_STATE_INSTALLED",
  reason: "",
  since: "TIME",
  confirmed: true,
  findings: [],
};
const sidecar = {
  version: SIDECAR_VERSION,
  startedAt: "TIME",
  repairs: "0",
  lastFailure: "",
  lastFailureAt: null,
  options: [],
  auditHead: "TRAIL",
  auditWritten: "TRAIL",
  auditLost: "0",
  logLost: "0",
};
const noFindings = { findings: [], diagnosedAt: "TIME", fault: "" };

/** Calls in order, with the answer or the first message of each. */
const CALLS: readonly (readonly [method: string, request: object, answer: object])[] = [
  ["quilt.QuiltRuntime.ConfigureNodeSubnet", { subnet }, success],
  [
    "quilt.QuiltRuntime.InjectRoute",
    { destination, via_interface: "vxlan100" },
    success,
  ],
  [
    "quilt.QuiltRuntime.InjectRoute",
    { destination: "10.42.0.0/16", via_interface: "vxlan100" },
    { success: false, error: "Destination must be /24, got /16" },
  ],
  ["quilt.sidecar.v1.RouteService.ListRoutes", {}, { routes: [route] }],
  ["quilt.sidecar.v1.RouteService.WatchRoutes", {}, {
    complete: true,
    routes: [route],
    removed: [],
  }],
  [
    "quilt.sidecar.v1.RouteService.SyncRoutes",
    { routes: [{ destination: other, device: "vxlan100" }] },
    {
      outcomes: [
        { destination, kind: "ROUTE_OUTCOME_KIND_REMOVED", detail: "" },
        { destination: other, kind: "ROUTE_OUTCOME_KIND_ADDED", detail: "" },
      ],
      ...counts,
      added: 1,
      removed: 1,
    },
  ],
  ["quilt.QuiltRuntime.RemoveRoute", { destination: other }, success],
  [
    "quilt.sidecar.v1.NodeNetworkService.GetNodeNetwork",
    {},
    { nodeNetwork, refusal: "", findings: [], sidecar },
  ],
  ["quilt.sidecar.v1.NodeNetworkService.WatchNodeNetwork", {}, { nodeNetwork }],
  ["quilt.sidecar.v1.AddressService.AllocateAddress", { owner: "web-1" }, {
    address,
    nodeNetwork,
  }],
  ["quilt.sidecar.v1.AddressService.ListAddresses", {}, {
    addresses: [address],
    free: 252,
  }],
  ["quilt.sidecar.v1.AddressService.ReleaseAddress", { owner: "web-1" }, {
    released: address,
  }],
  ["quilt.sidecar.v1.DataPathService.ListFindings", {}, noFindings],
  ["quilt.sidecar.v1.DataPathService.WatchFindings", {}, noFindings],
  ["quilt.sidecar.v1.DataPathService.ProbePeers", {}, { peers: [] }],
  ["grpc.health.v1.Health.Check", {}, { status: "SERVING" }],
  ["grpc.health.v1.Health.List", {}, {
    statuses: {
      "": { status: "SERVING" },
      "quilt.DataPath": { status: "SERVING" },
      "quilt.QuiltRuntime": { status: "SERVING" },
      "quilt.sidecar.v1.AddressService": { status: "SERVING" },
      "quilt.sidecar.v1.DataPathService": { status: "SERVING" },
      "quilt.sidecar.v1.NodeNetworkService": { status: "SERVING" },
      "quilt.sidecar.v1.RouteService": { status: "SERVING" },
    },
  }],
  ["grpc.health.v1.Health.Watch", {}, { status: "SERVING" }],
];

fullTest("grpcurl can call every RPC by reflection alone", async () => {
  await using host = await openHost();
  const { namespace } = host;
  // No finding is critical then; which warnings there are depends on the moment.
  await furnishDataPath(namespace, 1);
  for (const [method, request, answer] of CALLS) {
    const call = method.includes(".Watch") ? grpcurlFirst : grpcurlOutput;
    const options = ["-emit-defaults", "-d", JSON.stringify(request)];
    const text = await call(namespace, [method], options);
    const received: unknown = JSON.parse(
      text.replace(/(?<="(since|startedAt|diagnosedAt)": ")[^"]+/g, "TIME")
        .replace(/(?<="audit(Head|Written)": ")[^"]+/g, "TRAIL"),
      (name, value: unknown) => name === "findings" ? [] : value,
    );
    assert.deepEqual(received, answer, method);
  }
  const called = new Set(CALLS.map(([method]) => method));
  assert.deepEqual([...called].toSorted(), (await listedMethods(namespace)).toSorted());
  assert.deepEqual(await routesTo(namespace, destination), []);
});

fullTest(
  "reflection does not find what is not served, e.g. the service of the warm-up",
  async () => {
    await using host = await openHost();
    for (const name of ["quilt.Nothing", "quilt.sidecar.WarmUp"]) {
      const { code, stderr } = await grpcurl(host.namespace, ["describe", name]);
      assert.notEqual(code, 0);
      assert.match(stderr, /not found/i);
    }
  },
);
