import assert from "node:assert/strict";
import fc from "fast-check";
import {
  classify,
  isError,
  isOfKernel,
  parseFailure,
  parseRefusal,
} from "../../../../src/dataplane/iproute2/errors.ts";
import type { FailureKind } from "../../../../src/dataplane/dataplane.ts";

/** Messages of iproute2 6.1 on Linux 6.18. */
const MESSAGES: readonly (readonly [text: string, kind: FailureKind])[] = [
  ["RTNETLINK answers: File exists", "exists"],
  ["RTNETLINK answers: No such process", "absent"],
  ["RTNETLINK answers: No such file or directory", "absent"],
  ['Cannot find device "vxlan100"', "no-device"],
  ['Device "vxlan100" does not exist.', "no-device"],
  ["RTNETLINK answers: No such device", "no-device"],
  ["Error: Device for nexthop is not up.", "link-down"],
  ["RTNETLINK answers: Network is down", "link-down"],
  ["RTNETLINK answers: Operation not permitted", "not-permitted"],
  ["RTNETLINK answers: Network is unreachable", "unreachable"],
  ["Error: ipv4: FIB table does not exist.", "no-table"],
  ["Error: ipv4: FIB table does not exist.\nDump terminated", "no-table"],
  // Answers to a look-up that found a route of type unreachable, prohibit or blackhole.
  ["RTNETLINK answers: No route to host", "other"],
  ["RTNETLINK answers: Permission denied", "other"],
  ["RTNETLINK answers: Invalid argument", "other"],
  ["Error: Invalid prefix for given prefix length.", "other"],
  ["", "other"],
];

for (const [text, kind] of MESSAGES) {
  Deno.test(`classify takes ${JSON.stringify(text)} for the kind ${kind}`, () => {
    assert.deepEqual(classify(`${text}\n`), { kind, message: text });
  });
}

Deno.test("parseRefusal takes what the FIB answers for an answer, and nothing else", () => {
  const refusals = MESSAGES.map(([text]) => parseRefusal(classify(text)));
  assert.deepEqual(refusals.filter((why) => why !== undefined), [
    "Network is unreachable",
    "No route to host",
    "Permission denied",
    "Invalid argument",
  ]);
});

Deno.test("isOfKernel is true for an answer of the kernel, and false for what ip says", () => {
  for (
    const [text, expected] of [
      ["RTNETLINK answers: File exists", true],
      ["Error: Invalid link layer address.", true],
      ['Cannot find device "vxlan100"', false],
      ["BusyBox v1.36.1 multi-call binary.", false],
      ["", false],
    ] as const
  ) {
    assert.equal(isOfKernel(classify(text)), expected, text);
  }
});

const WARNINGS = [
  "Database /etc/iproute2/rt_tables is corrupted at 200",
  "ERROR: ld.so: object '/x.so' from /etc/ld.so.preload cannot be preloaded " +
  "(cannot open shared object file): ignored.",
  "libbpf: Failed to bump RLIMIT_MEMLOCK (err = -1), you may need to do it explicitly!",
  "libquilt: warning: File exists",
  "warning: No such device, Network is unreachable, Operation not permitted",
  "Warning: a kernel that is kind enough to warn",
  "Picked up _JAVA_OPTIONS: -Xmx512m",
];

Deno.test("isError is true for the error messages of ip, and false for warnings", () => {
  assert.deepEqual(WARNINGS.filter(isError), []);
  for (
    const message of [
      "RTNETLINK answers: File exists",
      'Cannot find device "vxlan100"',
      'Device "vxlan100" does not exist.',
      "Error: Device for nexthop is not up.",
      "Error: ipv4: FIB table does not exist.",
      "Dump terminated",
      "Dump was interrupted and may be inconsistent.",
      "netlink receive error No buffer space available (105)",
      'Object "end-of-batch-3" is unknown, try "ip help".',
    ]
  ) assert.ok(isError(message), message);
});

for (const warning of WARNINGS) {
  Deno.test(`parseFailure separates an error message from ${warning.slice(0, 40)}`, () => {
    const message = "RTNETLINK answers: No such process";
    const expected = { message, warnings: [warning], stray: undefined };
    assert.deepEqual(parseFailure([warning, message], () => false), expected);
    assert.deepEqual(parseFailure([message, warning], () => false), expected);
  });
}

Deno.test("parseFailure joins the two lines of one failure, and reports a second failure as stray", () => {
  const dump = ["Error: ipv4: FIB table does not exist.", "Dump terminated"];
  assert.deepEqual(parseFailure(dump, () => false), {
    message: dump.join("\n"),
    warnings: [],
    stray: undefined,
  });
  const [exists, missing] = [
    "RTNETLINK answers: File exists",
    "RTNETLINK answers: No such process",
  ];
  assert.equal(parseFailure([exists, missing], () => false).stray, exists);
  const interrupted = "Dump was interrupted and may be inconsistent.";
  assert.equal(parseFailure([interrupted, missing], () => false).stray, interrupted);
});

Deno.test("parseFailure takes the last unknown line for the reason, unless it is a known warning", () => {
  const lines = ["warning: File exists", "the moon is down", "known warning"];
  assert.deepEqual(parseFailure(lines, (line) => line === "known warning"), {
    message: "the moon is down",
    warnings: ["warning: File exists", "known warning"],
    stray: undefined,
  });
});

Deno.test("parseFailure keeps every line as message, warning or stray, whatever the lines are", () => {
  const messages = [
    ...MESSAGES.map(([text]) => text),
    "Dump terminated",
    "Dump was interrupted and may be inconsistent.",
    "Cannot send dump request: Connection refused",
    ...WARNINGS,
  ];
  const line = fc.oneof(
    fc.constantFrom(...messages.flatMap((text) => text.split("\n"))),
    fc.string({ unit: "binary", maxLength: 60 }).map((text) => text.replace(/\n/g, "")),
  );
  const known = fc.func(fc.boolean());
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), known, (lines, isKnown) => {
      const { message, stray, warnings } = parseFailure(lines, isKnown);
      const own = message === "" ? [] : message.split("\n");
      for (const one of [...own, ...warnings]) assert.ok(lines.includes(one));
      if (stray === undefined) {
        const kept = [...own, ...warnings].filter((one) => one !== "");
        assert.deepEqual(
          kept.toSorted(),
          lines.filter((one) => one !== "").toSorted(),
        );
      } else assert.ok(isError(stray));
      assert.ok(warnings.every((one) => !isError(one)));
    }),
  );
});
