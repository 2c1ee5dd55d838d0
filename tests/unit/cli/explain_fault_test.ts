import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { explainFault } from "../../../src/cli/explain_fault.ts";
import type { CallFault } from "../../../src/cli/grpc_client.ts";
import type { Target } from "../../../src/cli/target.ts";

const TARGET: Target = {
  address: { kind: "tcp", host: "127.0.0.1", port: 50051 },
  authority: "127.0.0.1:50051",
  tls: undefined,
  options: [],
};

const CASES: readonly (readonly [what: string, CallFault, expected: string])[] = [
  [
    "a refusal in the sidecar's own words",
    { code: status.INVALID_ARGUMENT, details: "Invalid owner", isAnswer: true },
    "Invalid owner",
  ],
  [
    "an answer without words by its status",
    { code: status.INTERNAL, details: "", isAnswer: true },
    "The sidecar on 127.0.0.1:50051 answers INTERNAL; read its log for the reason",
  ],
  [
    "a call that nobody answered in time",
    { code: status.DEADLINE_EXCEEDED, details: "Deadline exceeded", isAnswer: false },
    "The sidecar on 127.0.0.1:50051 does not answer: no answer came within 3 s; check " +
    "whether the sidecar runs, and read its log",
  ],
  [
    "a sidecar that is too old",
    { code: status.UNIMPLEMENTED, details: "no such method", isAnswer: true },
    "The sidecar on 127.0.0.1:50051 does not answer: it does not know this call; " +
    "upgrade the sidecar",
  ],
  [
    "the words of another server without its control codes",
    { code: status.INTERNAL, details: "all is well\u001b[2J\n", isAnswer: true },
    "all is well\\u001b[2J\\u000a",
  ],
  [
    "why a connection failed without control codes",
    { code: status.UNKNOWN, details: "\u001b]0;title\u0007", isAnswer: false },
    "The sidecar on 127.0.0.1:50051 does not answer: \\u001b]0;title\\u0007; check " +
    "whether the sidecar runs, and read its log",
  ],
];

for (const [what, fault, expected] of CASES) {
  Deno.test(`explainFault gives ${what}`, async () => {
    assert.equal(await explainFault(TARGET, fault, 3_000), expected);
  });
}
