import assert from "node:assert/strict";
import { type ServiceDefinition, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import {
  ADDRESS_SERVICE,
  DATA_PATH_SERVICE,
  HEALTH,
  NODE_NETWORK_SERVICE,
  QUILT_RUNTIME,
  REFLECTION,
  ROUTE_SERVICE,
  serviceName,
} from "../../src/api/proto_registry.ts";
import { notExecutedReply } from "../../src/api/unary_handler.ts";
import { QUEUE_LIMIT } from "../../src/reconcile/limits.ts";
import type { NotExecuted } from "../../src/reconcile/ports.ts";
import {
  describeLost,
  describeRefused,
  PERMISSION_DENIED,
} from "../../src/routing/messages.ts";
import { DEADLINE_EXCEEDED } from "../../src/shared/deadline_exceeded.ts";
import { CallCosts } from "../../src/transport/call_limiter.ts";
import { PAGE_PATHS } from "../../src/transport/pages.ts";
import { done, type Host, openHost, refused } from "../e2e/host.ts";
import { type Http2Answer, type Http2Request, send } from "../support/http2_request.ts";
import { codeIn } from "../support/markdown.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { startQuilt } from "../support/quilt.ts";
import { repository } from "../support/serve_task.ts";
import { fakeNode, openExchange } from "../unit/transport/exchange.ts";

const page = readPage("docs/api.md");
const prose = page.text.replaceAll(/\s+/g, " ");

/** The services of each section, in the order of the page. */
const SECTIONS: readonly (readonly [string, readonly ServiceDefinition[]])[] = [
  ["Calls of the agent", [QUILT_RUNTIME]],
  [
    "Services of quilt.sidecar.v1",
    [NODE_NETWORK_SERVICE, ADDRESS_SERVICE, ROUTE_SERVICE, DATA_PATH_SERVICE],
  ],
  ["Health", [HEALTH]],
];

Deno.test("docs/api.md names every service and every page of HTTP, and no other", () => {
  const named = page.rowsAbout("Service").flatMap(([cell = ""]) => codeIn(cell));
  const services = [...SECTIONS.flatMap(([, services]) => services), ...REFLECTION];
  assert.deepEqual(named, [
    ...services.map(serviceName),
    ...PAGE_PATHS.map((path) => `GET ${path}`),
  ]);
});

for (const [section, services] of SECTIONS) {
  Deno.test(`docs/api.md names every RPC in "${section}", and no other`, () => {
    const named = page.rowsAbout("RPC", section).map(([cell]) => codeOf(cell));
    assert.deepEqual(named, services.flatMap(Object.keys));
  });
}

Deno.test("docs/api.md names the RPC of reflection, and calls only RPCs that are served", () => {
  const [reflection] = REFLECTION;
  assert.ok(reflection !== undefined);
  for (const rpc of Object.keys(reflection)) {
    assert.ok(prose.includes(`\`${rpc}\``), rpc);
  }
  const services = [...SECTIONS.flatMap(([, services]) => services), ...REFLECTION];
  const served = services.flatMap((service) =>
    Object.values(service).map(({ path }) => path)
  );
  const called = [...page.text.matchAll(/(?:quilt|grpc)\.[\w.]+\/\w+/g)];
  assert.ok(called.length > 0);
  for (const [name] of called) assert.ok(served.includes(`/${name}`), name);
});

/** Everything in a .proto that a comment must explain, and that none explains. */
function unexplained(
  parent: protobuf.NamespaceBase,
): readonly protobuf.ReflectionObject[] {
  const all = parent.nestedArray.flatMap((object): protobuf.ReflectionObject[] => {
    if (object instanceof protobuf.Type) {
      return [object, ...object.fieldsArray, ...object.oneofsArray];
    }
    return object instanceof protobuf.Service
      ? [object, ...object.methodsArray]
      : [object];
  });
  return all.filter(({ comment }) => comment === null);
}

Deno.test("proto/quilt_sidecar.proto explains each service, RPC, message, field and value", () => {
  const source = Deno.readTextFileSync(`${repository}/proto/quilt_sidecar.proto`);
  const { root } = protobuf.parse(source, { alternateCommentMode: true });
  const own = root.lookup("quilt.sidecar.v1");
  assert.ok(own instanceof protobuf.Namespace);
  assert.deepEqual(unexplained(own).map(({ fullName }) => fullName), []);
  const enums = own.nestedArray.filter((object) => object instanceof protobuf.Enum);
  assert.ok(enums.length > 0);
  for (const { comments, fullName, values } of enums) {
    for (const value of Object.keys(values)) {
      assert.ok(comments[value], `${fullName}.${value}`);
    }
  }
});

/** A call in a cell, e.g. `InjectRoute("10.42.2.0/24", "vxlan100")`. */
interface WrittenCall {
  readonly rpc: string;
  readonly first: string;
  readonly second: string;
}

function readCall(written: string): WrittenCall {
  const [, rpc = "", words = ""] = /^(\w+)\((.*)\)$/.exec(written) ?? [];
  const [first, second = ""] = [...words.matchAll(/"([^"]*)"/g)].map(([, word]) =>
    word
  );
  assert.ok(first !== undefined, written);
  return { rpc, first, second };
}

function makeCall({ client }: Host, { first, rpc, second }: WrittenCall) {
  switch (rpc) {
    case "ConfigureNodeSubnet":
      return client.configureNodeSubnet(first);
    case "InjectRoute":
      return client.injectRoute(first, second);
    case "RemoveRoute":
      return client.removeRoute(first);
    default:
      throw new Error(`Cannot call ${rpc}`);
  }
}

/** The device of a call that has no fault in its interface. */
const DEVICE = "vxlan100";

/**
 * Calls with the faults of two rows each, one in the destination and one in the
 * interface, and the sentence of the first row.
 */
function callsWithTwoFaults(
  rows: readonly (readonly [WrittenCall, string])[],
): readonly (readonly [WrittenCall, string])[] {
  const injections = rows.filter(([{ rpc }]) => rpc === "InjectRoute");
  return injections.flatMap(([one, error], at) =>
    injections.slice(at + 1)
      .filter(([other]) => (one.second === DEVICE) !== (other.second === DEVICE))
      .map(([other]) =>
        one.second === DEVICE
          ? [{ ...one, second: other.second }, error] as const
          : [{ ...one, first: other.first }, error] as const
      )
  );
}

Deno.test("docs/api.md has the sentence of each refusal, in the order of the checks", async () => {
  await using host = await openHost({
    before: [
      "link add vxlan101 type vxlan id 101 dstport 4789 local 127.0.0.1 dev lo",
      "link add quilt0 type bridge",
      "address add 10.42.5.1/24 dev quilt0",
      "link set quilt0 up",
    ],
  });
  await using quilt = startQuilt(host.namespace);
  assert.deepEqual(await host.client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.equal(await quilt.allocate("3f4e8a"), "10.42.1.2");
  const rows = page.rowsAbout("Call")
    .map(([call, error]) => [readCall(codeOf(call)), codeOf(error)] as const);
  const both = callsWithTwoFaults(rows);
  assert.ok(both.length > rows.length);
  for (const [call, error] of [...rows, ...both]) {
    assert.deepEqual(await makeCall(host, call), refused(error), JSON.stringify(call));
  }
});

Deno.test("docs/api.md has each status other than OK with its message", () => {
  const undone: readonly NotExecuted[] = [
    { kind: "shutting-down" },
    { kind: "queue-full" },
    { kind: "caller-gone" },
  ];
  const replies = undone.map(notExecutedReply)
    .map(({ code, details }) => [status[code], details]);
  const rows = page.rowsAbout("Status")
    .map((cells) => cells.slice(0, 2).map(codeOf));
  assert.deepEqual(rows, [...replies, ["DEADLINE_EXCEEDED", DEADLINE_EXCEEDED]]);
});

Deno.test("docs/api.md quotes the sentences that stand outside of its tables", () => {
  for (
    const sentence of [
      PERMISSION_DENIED,
      describeRefused("10.42.2.0/24", "…"),
      describeLost("10.42.2.0/24", "…"),
    ]
  ) {
    assert.ok(page.text.includes(sentence), sentence);
  }
});

/** A call without a fault: `destination: "10.42.2.0/24"`, `via_interface: "vxlan100"`. */
const CALL: Required<Pick<Http2Request, "body" | "headers">> = {
  headers: {
    ":method": "POST",
    ":path": "/quilt.QuiltRuntime/InjectRoute",
    "content-type": "application/grpc",
  },
  body: "00000000180a0c31302e34322e322e302f3234120876786c616e313030",
};

/** The header of each row about the headers, in the order of the page. */
const HEADER_FAULTS: readonly Http2Request["headers"][] = [
  { ":method": "PUT" },
  { "content-type": "text/html" },
  { "grpc-timeout": "1 S" },
  { ":path": "/quilt.QuiltRuntime/Nothing" },
  { "grpc-encoding": "zstd" },
  { "grpc-timeout": "1n" },
];

/** The bodies of each row about the messages. */
const BODY_FAULTS: readonly (readonly string[])[] = [
  [`01${CALL.body.slice(2)}`],
  [CALL.body.slice(0, -2)],
  [
    // `via_interface` as a number.
    "00000000100a0c31302e34322e322e302f32341005",
    // `destination` is the byte FF.
    "00000000030a01ff",
  ],
];

/** Requests with the fault of each row; those about headers also with all later ones. */
const MALFORMED: readonly (readonly Http2Request[])[] = [
  ...HEADER_FAULTS.map((fault, at) => {
    const later = Object.assign({}, ...HEADER_FAULTS.slice(at + 1).toReversed());
    return [fault, { ...later, ...fault }]
      .map((headers) => ({ ...CALL, headers: { ...CALL.headers, ...headers } }));
  }),
  ...BODY_FAULTS.map((bodies) => bodies.map((body) => ({ ...CALL, body }))),
];

/** `HTTP 405`, or the name of the gRPC status if that of HTTP is 200. */
function shownAnswer({ headers, trailers }: Http2Answer): string {
  const http = headers?.[":status"];
  const code = Number(headers?.["grpc-status"] ?? trailers?.["grpc-status"]);
  return http === "200" ? status[code] ?? String(code) : `HTTP ${http}`;
}

Deno.test("docs/api.md has the answer to each malformed request, in the order of the checks", async () => {
  await using exchange = await openExchange(fakeNode({}));
  const { address } = exchange.server;
  assert.ok(address.kind === "tcp");
  const { port } = address;
  assert.equal(shownAnswer(await send(port, CALL)), "OK");
  const rows = page.rowsAbout("Request");
  assert.equal(rows.length, MALFORMED.length);
  for (const [at, [what, cell = ""]] of rows.entries()) {
    const expected = /HTTP \d+|[A-Z]+(?:_[A-Z]+)*/.exec(cell)?.[0];
    for (const request of MALFORMED[at] ?? []) {
      const answer = shownAnswer(await send(port, request));
      assert.equal(answer, expected, `${what}: ${JSON.stringify(request)}`);
    }
  }
});

/** A constant of the source that no other module imports; its value is a product. */
function constantOf(path: string, name: string): number {
  const source = Deno.readTextFileSync(`${repository}/src/${path}`);
  const value = new RegExp(`^(?:export )?const ${name} = ([\\d_.* ]+);$`, "m")
    .exec(source)?.[1];
  assert.ok(value !== undefined, `src/${path} has no number ${name}`);
  return value.split("*").map((factor) => Number(factor.replaceAll("_", "")))
    .reduce((product, factor) => product * factor);
}

/** An option of grpc-js in `src/transport/server.ts`. */
function grpcOption(name: string): number {
  const source = Deno.readTextFileSync(`${repository}/src/transport/server.ts`);
  const value = new RegExp(`"grpc\\.${name}": ([\\d_]+),`).exec(source)?.[1];
  assert.ok(value !== undefined, name);
  return Number(value.replaceAll("_", ""));
}

const KIB = 1024;
const MIB = 1024 * 1024;
const accepted = 1_000 * constantOf("transport/rate_limit.ts", "PER_MS");
const gate = (name: string) => constantOf("transport/connection_gate.ts", name);
const connections = (name: string) => constantOf("transport/connections.ts", name);
const budget = (name: string) => constantOf("transport/frame_budget.ts", name);
const limiter = (name: string) => constantOf("transport/call_limiter.ts", name);
const routes = (name: string) => constantOf("api/routes/service.ts", name);
const findings = (name: string) => constantOf("api/data_path/service.ts", name);
const request = (name: string) => constantOf("api/request_limit.ts", name);

/** The numbers of each row of the limits, in their order. */
const LIMITS: readonly (readonly [what: string, numbers: readonly number[]])[] = [
  ["connections", [connections("MAX_CONNECTIONS")]],
  // The usual limit of file descriptors, for which the limit of sockets leaves room.
  ["open sockets of any kind", [gate("MAX_SOCKETS"), 1024]],
  [
    "new connections",
    [
      accepted,
      constantOf("transport/rate_limit.ts", "BURST"),
      constantOf("transport/rate_limit.ts", "MAX_WAITING"),
    ],
  ],
  [
    "HTTP/2 connections since the start",
    [gate("MAX_SESSIONS"), accepted / gate("COST_BEYOND_MAX_SESSIONS")],
  ],
  [
    "time for a TLS handshake",
    [constantOf("transport/tls/acceptor.ts", "HANDSHAKE_TIMEOUT_MS") / 1_000],
  ],
  [
    "time until the client has begun HTTP/2 or received its page",
    [constantOf("transport/protocol_sniffer.ts", "TIMEOUT_MS") / 1_000],
  ],
  ["time until the first call", [connections("FIRST_CALL_TIMEOUT_MS") / 60_000]],
  [
    "time until a ping is answered",
    [(grpcOption("keepalive_time_ms") + grpcOption("keepalive_timeout_ms")) / 1_000],
  ],
  [
    "time until the client has received a response",
    // Two checks.
    [2 * connections("UNTAKEN_CHECK_MS") / 1_000],
  ],
  ["calls in flight on one connection", [grpcOption("max_concurrent_streams")]],
  ["calls while several connections call", [1_000 * limiter("CALLS_PER_MS")]],
  [
    "HTTP/2 frames that belong to no call",
    [
      budget("INITIAL_FRAMES"),
      budget("FRAMES_PER_CALL"),
      budget("FRAMES_PER_ANSWER"),
      1_000 * budget("FRAMES_PER_MS"),
    ],
  ],
  [
    "bytes that belong to no call",
    [
      budget("INITIAL_BYTES") / KIB,
      budget("BYTES_PER_CALL") / KIB,
      budget("BYTES_PER_MS"),
    ],
  ],
  [
    "memory that waits for all clients together",
    [connections("MAX_HELD_BYTES") / MIB, connections("STREAM_BYTES") / KIB],
  ],
  [
    "streams: watches and reflection",
    [
      constantOf("api/stream_limiter.ts", "MAX_STREAMS_PER_CONNECTION"),
      constantOf("api/stream_limiter.ts", "MAX_STREAMS"),
    ],
  ],
  [
    "requests on one reflection stream",
    [
      constantOf("api/reflection/service.ts", "MAX_REQUESTS"),
      constantOf("api/reflection/service.ts", "MAX_REQUEST_LENGTH"),
    ],
  ],
  [
    "changes on one `WatchRoutes`",
    [routes("MAX_CHANGES"), routes("MAX_CHANGES_OF_ALL")],
  ],
  [
    "findings on one `WatchFindings`",
    [findings("MAX_FINDINGS"), findings("MAX_FINDINGS_OF_ALL")],
  ],
  ["calls that wait for the kernel", [QUEUE_LIMIT]],
  [
    "headers of a call",
    [
      constantOf("transport/server.ts", "MAX_HEADER_LIST_BYTES") / KIB,
      // nghttp2's own; tests/unit/transport/server_test.ts holds it.
      128,
      budget("MAX_HEADER_LIST_BYTES") / KIB,
    ],
  ],
  [
    "bytes of a request",
    [
      request("ROUTE_BYTES"),
      request("LEAST_REQUEST_BYTES") / KIB,
      request("MOST_REQUEST_BYTES") / MIB,
    ],
  ],
];

function numbersIn(text: string): readonly number[] {
  return [...text.replaceAll(/HTTP\/\d|`[^`]*`/g, "").matchAll(/\d[\d,]*/g)]
    .map(([number]) => Number(number.replaceAll(",", "")));
}

Deno.test("docs/api.md has every limit as the source has it", () => {
  const rows = page.rowsAbout("What", "Limits");
  assert.deepEqual(
    rows.map(([what, ...cells]) => [what, numbersIn(cells.join(" "))]),
    LIMITS,
  );
  assert.equal(gate("COST_BESIDE_CALLS"), 2, "half as many while calls wait");
  assert.equal(constantOf("ipam/messages.ts", "MAX_NAMED"), 3, "three owners");
  const stopMs = constantOf("transport/server.ts", "SHUTDOWN_TIMEOUT_MS");
  const shown = constantOf("shared/quote.ts", "MAX_SHOWN_UNITS");
  for (
    const words of [
      `still answered, for ${stopMs / 1_000} s at most`,
      `[${QUEUE_LIMIT.toLocaleString("en")} calls](#limits) wait`,
      `cuts it at ${shown} characters`,
    ]
  ) {
    assert.ok(prose.includes(words), words);
  }
});

Deno.test("docs/api.md has the order and the cost of calls as the source has them", () => {
  const destinations = Array.from(
    { length: 254 },
    (_, octet) => `10.42.${octet + 1}.0/24`,
  );
  const { ListRoutes, SyncRoutes } = ROUTE_SERVICE;
  assert.ok(ListRoutes !== undefined && SyncRoutes !== undefined);
  const synced = SyncRoutes.requestSerialize({
    routes: destinations.map((destination) => ({ destination, device: DEVICE })),
  });
  const outcomes = SyncRoutes.responseSerialize({
    outcomes: destinations.map((destination) => ({
      destination,
      kind: "ROUTE_OUTCOME_KIND_UNCHANGED",
    })),
    unchanged: destinations.length,
  });
  const listed = ListRoutes.responseSerialize({
    routes: destinations.map((destination) => ({
      destination,
      device: DEVICE,
      state: "ROUTE_STATE_INSTALLED",
      since: { seconds: 1_800_000_000, nanos: 999_000_000 },
      confirmed: true,
    })),
  });
  const costs = new CallCosts();
  const sync = 1 + costs.ofRequest(synced.length) +
    costs.ofAnswer(SyncRoutes.path, outcomes.length);
  const list = 1 + costs.ofAnswer(ListRoutes.path, listed.length);
  const [idle, recent] = [limiter("IDLE_MS"), limiter("INTERACTIVE_MS") / 1_000];
  assert.equal(idle, 1_000);
  for (
    const words of [
      `idle for a second in the last ${recent} s`,
      `One turn in ${limiter("TURNS_PER_OLDEST")} goes`,
      `254 unchanged routes counts as ${sync} calls`,
      `\`ListRoutes\` of 254 routes as ${list}`,
    ]
  ) {
    assert.ok(prose.includes(words), words);
  }
});
