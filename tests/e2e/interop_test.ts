/**
 * @needs go python
 */
import assert from "node:assert/strict";
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { goTool, pythonClient, type ToolCommand } from "../support/tools.ts";
import { grpcurlOutput } from "./grpc_tools.ts";
import { done, openHost, refused } from "./host.ts";
import { fullTest } from "../support/suite.ts";

/** What a client on another stack made of each step, in order. */
async function steps(
  namespace: Namespace,
  { env, command }: ToolCommand,
): Promise<readonly (readonly [step: string, result: unknown])[]> {
  const finished = await namespace.run(
    [...command, "127.0.0.1:50051", `${repository}/proto`],
    { env },
  );
  assert.equal(finished.code, 0, finished.stderr);
  return finished.stdout.trim().split("\n").map((line) => {
    const step = parseJsonObject(line);
    return [stringAt(step, "step"), step["result"]] as const;
  });
}

const calls = [
  ["ConfigureNodeSubnet", done],
  ["InjectRoute", done],
  [
    "InjectRoute",
    refused(
      "Destination 10.42.2.5/24 has host bits set; did you mean 10.42.2.0/24?",
    ),
  ],
  ["RemoveRoute", done],
  ["Check", "SERVING"],
  ["Watch", "SERVING"],
  ["Check", "SERVING"],
  ["Watch", "SERVING"],
  ["Check", "NotFound"],
  ["Watch", "SERVICE_UNKNOWN"],
] as const;

async function served(namespace: Namespace): Promise<readonly string[]> {
  return (await grpcurlOutput(namespace, ["list"])).trim().split("\n");
}

fullTest(
  "a grpc-go client can call the three RPCs, health, and reflection v1 and v1alpha",
  async () => {
    await using host = await openHost();
    const client = { command: [await goTool("quiltcall")], env: {} };
    const services = await served(host.namespace);
    assert.deepEqual(await steps(host.namespace, client), [
      ...calls,
      ["ListServices v1", services],
      ["ListServices v1alpha", services],
    ]);
  },
);

fullTest(
  "a grpcio client can call them too, and reflection describes every file as protoc does",
  async () => {
    await using host = await openHost();
    const services = await served(host.namespace);
    const seen = await steps(host.namespace, await pythonClient());
    assert.deepEqual(seen.filter(([step]) => step !== "Files"), [
      ...calls,
      ["ListServices v1alpha", services],
      ["Files that protoc describes differently", []],
      ["Reflection is grpcio's", true],
      ["Health is grpcio's", true],
    ]);
    const files = new Map(seen).get("Files");
    assert.ok(Array.isArray(files) && files.includes("quilt.proto"), String(files));
  },
);
