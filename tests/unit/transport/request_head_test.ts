import assert from "node:assert/strict";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import fc from "fast-check";
import type { HealthStatus, Readiness } from "../../../src/shared/health_status.ts";
import type { PageRenderer } from "../../../src/shared/text_page.ts";
import {
  encodeGrpcMessage,
  requestEncoding,
  type ScreenedRequest,
  screenRequest,
} from "../../../src/transport/request_head.ts";

const PATH = "/quilt.QuiltRuntime/RemoveRoute";

const CALL: IncomingHttpHeaders = {
  ":method": "POST",
  ":path": PATH,
  "content-type": "application/grpc",
  "te": "trailers",
};

/** The screened request with these headers in the place of a call's. */
function screen(
  headers: IncomingHttpHeaders,
  health: HealthStatus = "SERVING",
  readiness: Readiness = { status: "SERVING", reasons: [] },
  metrics?: PageRenderer,
): ScreenedRequest {
  const context = {
    isServed: (path: string) => path === PATH,
    healthStatus: () => health,
    readiness: () => readiness,
    metrics,
  };
  return screenRequest({ ...CALL, ...headers }, context);
}

/** Fails unless the request is answered at once. */
function response(
  headers: IncomingHttpHeaders,
  health?: HealthStatus,
  readiness?: Readiness,
) {
  const screened = screen(headers, health, readiness);
  assert.ok(screened.kind === "response", JSON.stringify(headers));
  const { response } = screened;
  assert.ok(!(response instanceof Promise), "it is answered at once");
  return { ...response, body: new TextDecoder().decode(response.body) };
}

/** Fails unless the request is a call. */
function passed(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const screened = screen(headers);
  assert.ok(screened.kind === "call", JSON.stringify(screened));
  return screened.headers;
}

/** The status of a Trailers-Only answer, with its sentence. */
function grpcStatus({ headers, body }: {
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}): string {
  assert.equal(body, "", "the headers end the stream");
  assert.equal(headers["content-type"], "application/grpc");
  return `${headers[":status"]} ${headers["grpc-status"]} ${headers["grpc-message"]}`;
}

Deno.test("screenRequest lets a call pass, with te: trailers or without it", () => {
  assert.deepEqual(passed({}), CALL);
  assert.deepEqual(passed({ te: undefined }), { ...CALL, te: undefined });
});

for (
  const type of [
    "application/grpc+proto",
    "application/grpc+json",
    "application/grpc;charset=utf-8",
    "APPLICATION/GRPC",
  ]
) {
  Deno.test(`screenRequest takes ${type} for gRPC, and grpc-js will`, () => {
    assert.equal(passed({ "content-type": type })["content-type"], type.toLowerCase());
  });
}

for (
  const type of [
    undefined,
    "",
    "text/html",
    "application/json",
    "application/grpcfoo",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grp",
    " application/grpc",
    "text/plain, application/grpc",
  ]
) {
  Deno.test(`screenRequest answers 415 to the content-type ${type}`, () => {
    const answer = response({ "content-type": type });
    assert.equal(
      grpcStatus(answer),
      `415 3 Invalid content-type ${JSON.stringify(type ?? "")}; use application/grpc`,
    );
  });
}

for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "post"]) {
  Deno.test(`screenRequest answers 405 to ${method}`, () => {
    const answer = response({ ":method": method });
    assert.equal(
      grpcStatus(answer),
      `405 13 Method "${method}" is not allowed; use POST`,
    );
    assert.equal(answer.headers["allow"], "POST");
    // Whatever else is wrong with it.
    assert.equal(
      response({ ":method": method, ":path": "/", "content-type": "" })
        .headers[":status"],
      405,
    );
  });
}

Deno.test("screenRequest answers GET /healthz as HTTP/1.1 is, and HEAD without the body", () => {
  for (
    const [health, code] of [["SERVING", 200], ["NOT_SERVING", 503]] as const
  ) {
    const head = {
      ":status": code,
      "content-type": "text/plain",
      "content-length": String(health.length),
    };
    const request = {
      ":path": "/healthz",
      "content-type": undefined,
      "te": undefined,
    };
    assert.deepEqual(response({ ...request, ":method": "GET" }, health), {
      headers: head,
      body: health,
    });
    assert.deepEqual(response({ ...request, ":method": "HEAD" }, health), {
      headers: head,
      body: "",
    });
  }
});

Deno.test("screenRequest answers GET /readyz as HTTP/1.1 is, and HEAD without the body", () => {
  const request = { ":path": "/readyz", "content-type": undefined, "te": undefined };
  const reasons = ["device-down", "forwarding-off"];
  for (
    const [readiness, code, body] of [
      [{ status: "SERVING", reasons: [] }, 200, "SERVING\n"],
      [
        { status: "NOT_SERVING", reasons },
        503,
        "NOT_SERVING\ndevice-down\nforwarding-off\n",
      ],
    ] as const
  ) {
    const headers = {
      ":status": code,
      "content-type": "text/plain",
      "content-length": String(body.length),
    };
    const answer = (method: string) =>
      response({ ...request, ":method": method }, "SERVING", readiness);
    assert.deepEqual(answer("GET"), { headers, body });
    assert.deepEqual(answer("HEAD"), { headers, body: "" });
  }
});

Deno.test("screenRequest names at most eight reasons to GET /readyz, and counts the others", () => {
  const readiness = (count: number): Readiness => ({
    status: "NOT_SERVING",
    reasons: Array.from({ length: count }, (_, at) => `reason-${at}`),
  });
  const lines = (count: number) =>
    response({ ":method": "GET", ":path": "/readyz" }, "SERVING", readiness(count))
      .body.trimEnd().split("\n");
  assert.equal(lines(8).length, 9);
  assert.deepEqual(lines(10).slice(-2), ["reason-7", "and 2 more"]);
});

const shown: PageRenderer = (accept = "none") =>
  Promise.resolve({
    status: 200,
    contentType: "text/plain",
    body: new TextEncoder().encode(`for ${accept}\n`),
  });

Deno.test("screenRequest answers GET /metrics with the page for the Accept header, and HEAD without the body", async () => {
  const ask = async (headers: IncomingHttpHeaders) => {
    const request = { ":path": "/metrics", "content-type": undefined, ...headers };
    const screened = screen(request, "NOT_SERVING", undefined, shown);
    assert.ok(screened.kind === "response" && screened.response instanceof Promise);
    const { body, headers: sent } = await screened.response;
    return { ...sent, body: new TextDecoder().decode(body) };
  };
  const sent = (length: number, body: string) => ({
    ":status": 200,
    "content-type": "text/plain",
    "content-length": String(length),
    body,
  });
  assert.deepEqual(await ask({ ":method": "GET" }), sent(9, "for none\n"));
  assert.deepEqual(
    await ask({ ":method": "GET", "accept": "a/b;q=0.1" }),
    sent(14, "for a/b;q=0.1\n"),
  );
  assert.deepEqual(await ask({ ":method": "HEAD" }), sent(9, ""));
});

Deno.test("screenRequest has no /metrics without a source of metrics", () => {
  const answer = response({ ":method": "GET", ":path": "/metrics" });
  assert.equal(answer.headers[":status"], 405);
  assert.equal(answer.headers["allow"], "POST");
});

for (const path of ["/healthz", "/readyz"]) {
  Deno.test(`screenRequest answers other methods of ${path} with those that it has`, () => {
    const answer = response({ ":method": "PUT", ":path": path });
    assert.equal(answer.headers[":status"], 405);
    assert.equal(answer.headers["allow"], "GET, HEAD");
    const call = response({ ":path": path });
    assert.equal(grpcStatus(call), `200 12 No method "${path}" on this server`);
  });
}

Deno.test("screenRequest answers UNIMPLEMENTED to an unknown path, encoded and cut", () => {
  assert.equal(
    grpcStatus(response({ ":path": "/a.B/C" })),
    '200 12 No method "/a.B/C" on this server',
  );
  assert.equal(
    grpcStatus(response({ ":path": "/50%/\u00e9\u202e" })),
    String.raw`200 12 No method "/50%25/\u00e9\u202e" on this server`,
  );
  assert.equal(
    grpcStatus(response({ ":path": `/${"x".repeat(9_999)}` })),
    `200 12 No method "/${"x".repeat(63)}%E2%80%A6" on this server`,
  );
  for (const path of [undefined, "", "*", "/", "//", `${PATH}/`, `${PATH}?a=b`]) {
    assert.match(grpcStatus(response({ ":path": path })), /^200 12 No method "/);
  }
});

Deno.test("screenRequest sends nothing but printable ASCII back, whatever came", () => {
  const anything = fc.string({ unit: "binary" });
  fc.assert(fc.property(
    anything,
    fc.constantFrom(
      ":method",
      ":path",
      "content-type",
      "grpc-timeout",
      "grpc-encoding",
    ),
    (value, name) => {
      const screened = screen({ [name]: value });
      if (screened.kind === "call") return;
      assert.ok(!(screened.response instanceof Promise));
      for (const sent of Object.values(screened.response.headers)) {
        assert.match(String(sent), /^[ -~]{1,1000}$/);
      }
    },
  ));
});

for (const value of ["1H", "2M", "3S", "400m", "99999999u", "99999999n", "2147483S"]) {
  Deno.test(`screenRequest leaves the grpc-timeout ${value} to grpc-js`, () => {
    assert.equal(passed({ "grpc-timeout": value })["grpc-timeout"], value);
  });
}

for (const value of ["2592000S", "720H", "99999999H", "35792M", "2147484S"]) {
  Deno.test(`screenRequest drops the grpc-timeout ${value}, longer than any timer`, () => {
    assert.deepEqual(passed({ "grpc-timeout": value }), CALL);
  });
}

for (
  const value of [
    "",
    "1",
    "S",
    "1s",
    "1h",
    "-1S",
    "+1S",
    "1.5S",
    "1 S",
    " 1S",
    "1S ",
    "0x1S",
    "123456789S",
    "1S, 1S",
    "1SS",
    "\u0661S",
  ]
) {
  Deno.test(`screenRequest answers INTERNAL to the grpc-timeout ${JSON.stringify(value)}`, () => {
    assert.match(
      grpcStatus(response({ "grpc-timeout": value })),
      /^200 13 Invalid grpc-timeout ".*"; use at most 8 digits and one of /,
    );
  });
}

for (const value of ["0S", "00000000H", "1n", "999u", "999999n"]) {
  Deno.test(`screenRequest answers DEADLINE_EXCEEDED to the grpc-timeout ${value}`, () => {
    assert.match(
      grpcStatus(response({ "grpc-timeout": value })),
      /^200 4 The deadline passed before /,
    );
  });
}

Deno.test("screenRequest answers UNIMPLEMENTED to an encoding that grpc-js cannot read", () => {
  for (const encoding of ["snappy", "zstd", "GZIP", "gzip, gzip"]) {
    const answer = response({ "grpc-encoding": encoding });
    assert.equal(
      grpcStatus(answer),
      `200 12 Cannot decompress "${encoding}"; use identity, deflate, gzip`,
    );
    assert.equal(answer.headers["grpc-accept-encoding"], "identity,deflate,gzip");
  }
  for (const encoding of ["", "identity", "deflate", "gzip", undefined]) {
    const headers = passed({ "grpc-encoding": encoding });
    assert.equal(requestEncoding(headers), encoding || "identity");
  }
});

Deno.test("encodeGrpcMessage gives printable ASCII that decodes to the text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const encoded = encodeGrpcMessage(text);
    assert.match(encoded, /^(?:[ -$&-~]|%[0-9A-F]{2})*$/);
    assert.equal(decodeURIComponent(encoded), text);
  }));
});

Deno.test("encodeGrpcMessage leaves a plain sentence as it is", () => {
  const sentence = 'No method "/a.B/C" on this server; it\'s {fine} ~ #1 & <2> = 3!';
  assert.equal(encodeGrpcMessage(sentence), sentence);
});

Deno.test("encodeGrpcMessage encodes what would end or forge a header", () => {
  assert.equal(encodeGrpcMessage("a\r\nb%c\u007f"), "a%0D%0Ab%25c%7F");
  assert.equal(encodeGrpcMessage("\ud800"), "%EF%BF%BD", "a lone surrogate");
});
