import assert from "node:assert/strict";
import { grpcurl, grpcurlOutput } from "./grpc_tools.ts";
import { openHost, routesTo } from "./host.ts";

Deno.test("grpcurl lists every service and its methods", async () => {
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

Deno.test("grpcurl describes quilt.QuiltRuntime and each of its messages as in the contract", async () => {
  await using host = await openHost();
  const describe = (name: string) =>
    grpcurlOutput(host.namespace, ["describe", `quilt.${name}`]);
  assert.equal(await describe("QuiltRuntime"), SERVICE);
  for (const [message, ...fields] of MESSAGES) {
    assert.equal(await describe(message), described(message, ...fields));
  }
});

Deno.test("grpcurl describes everything that is served, enums and what is nested included", async () => {
  await using host = await openHost();
  const { namespace } = host;
  for (const name of (await grpcurlOutput(namespace, ["list"])).trim().split("\n")) {
    const service = await grpcurlOutput(namespace, ["describe", name]);
    for (const [, message = ""] of service.matchAll(/ \.([\w.]+) [)]/g)) {
      const text = await grpcurlOutput(namespace, ["describe", message]);
      assert.ok(text.startsWith(`${message} is a message:\n`), text);
    }
  }
  const status = "grpc.health.v1.HealthCheckResponse.ServingStatus";
  assert.equal(
    await grpcurlOutput(namespace, ["describe", status]),
    `${status} is an enum:\nenum ServingStatus {\n  UNKNOWN = 0;\n  SERVING = 1;\n` +
      "  NOT_SERVING = 2;\n  SERVICE_UNKNOWN = 3;\n}\n",
  );
});

Deno.test("every RPC can be called by reflection alone", async () => {
  await using host = await openHost();
  const { namespace } = host;
  const call = async (rpc: string, request: object): Promise<unknown> =>
    JSON.parse(
      await grpcurlOutput(namespace, [rpc], [
        "-emit-defaults",
        "-d",
        JSON.stringify(request),
      ]),
    );
  const done = { success: true, error: "" };
  const quilt = "quilt.QuiltRuntime";
  const route = { destination: "10.42.2.0/24", via_interface: "vxlan100" };
  const subnet = { subnet: "10.42.1.0/24" };
  assert.deepEqual(await call(`${quilt}/ConfigureNodeSubnet`, subnet), done);
  assert.deepEqual(await call(`${quilt}/InjectRoute`, route), done);
  assert.equal((await routesTo(namespace, route.destination)).length, 1);
  assert.deepEqual(
    await call(`${quilt}/InjectRoute`, { ...route, destination: "10.42.0.0/16" }),
    { success: false, error: "Destination must be /24, got /16" },
  );
  const { destination } = route;
  assert.deepEqual(await call(`${quilt}/RemoveRoute`, { destination }), done);
  assert.deepEqual(await routesTo(namespace, destination), []);
  assert.deepEqual(await call("grpc.health.v1.Health/Check", {}), {
    status: "SERVING",
  });
});

Deno.test("what is not served is not found, and the rehearsal of the start is not served", async () => {
  await using host = await openHost();
  for (const name of ["quilt.Nothing", "quilt.sidecar.Rehearsal"]) {
    const { code, stderr } = await grpcurl(host.namespace, ["describe", name]);
    assert.notEqual(code, 0);
    assert.match(stderr, /not found/i);
  }
});
