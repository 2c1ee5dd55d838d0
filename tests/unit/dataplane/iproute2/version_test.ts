import assert from "node:assert/strict";
import { identifyIp, readAnswer } from "../../../../src/dataplane/iproute2/version.ts";
import { BUSYBOX, makeIp } from "../../../support/foreign_ip.ts";

const REMEDY =
  "; the sidecar needs the ip of iproute2: install the package iproute2, " +
  "and put its ip before any other (BusyBox) in PATH";

const VERSIONS: readonly (readonly [line: string, version: string, isOld: boolean])[] =
  [
    ["ip utility, iproute2-6.1.0, libbpf 1.1.2", "6.1.0", false],
    ["ip utility, iproute2-5.10.0", "5.10.0", false],
    ["ip utility, iproute2-5.9.0", "5.9.0", true],
    ["ip utility, iproute2-4.20.0", "4.20.0", true],
    ["ip utility, iproute2-ss200127", "ss200127", true],
    ["ip utility, iproute2-v7.3.0-12-g0ab1c2d", "v7.3.0-12-g0ab1c2d", false],
    ["ip utility, iproute2-next", "next", false],
  ];

Deno.test("readAnswer reads the version of iproute2, and whether it is older than 5.10", () => {
  for (const [line, version, isOld] of VERSIONS) {
    assert.deepEqual(readAnswer(line, 0), { kind: "iproute2", version, isOld }, line);
  }
});

Deno.test("readAnswer takes any other answer for another program, and quotes it", () => {
  for (const line of ["ip utility, 1.2.3", "BusyBox v1.37.0", "\u001b[31mip"]) {
    const answer = readAnswer(line, 0);
    assert.equal(answer.kind, "foreign");
    assert.ok(answer.kind === "foreign" && answer.why.endsWith(REMEDY), answer.kind);
    assert.doesNotMatch(answer.why, /\p{C}/u);
  }
  assert.deepEqual(readAnswer(undefined, 1), {
    kind: "foreign",
    why: `ip ended before it answered (exit code 1), and wrote nothing${REMEDY}`,
  });
  // An ip of iproute2 exits with 0.
  assert.equal(readAnswer("ip utility, iproute2-6.1.0", 1).kind, "foreign");
});

/** The `ip` that this process finds, until it is disposed. */
function usePath(path: string): Disposable {
  const before = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", path);
  return { [Symbol.dispose]: () => Deno.env.set("PATH", before) };
}

Deno.test("identifyIp asks the ip in PATH", async () => {
  const found = await identifyIp();
  assert.equal(found.kind, "iproute2");
  using busybox = makeIp(BUSYBOX);
  using _path = usePath(`${busybox.directory}:${Deno.env.get("PATH")}`);
  assert.deepEqual(await identifyIp(), {
    kind: "foreign",
    why: "ip ended before it answered (exit code 1), and wrote first: " +
      `"BusyBox v1.37.0 multi-call binary."${REMEDY}`,
  });
});

Deno.test("identifyIp says that there is no ip, as the sidecar does", async () => {
  using _path = usePath("/nonexistent");
  assert.deepEqual(await identifyIp(), {
    kind: "missing",
    why: "the command ip was not found; install the package iproute2",
  });
});

Deno.test("identifyIp ends an ip that hangs, also one that writes without end", async () => {
  for (const script of ["exec sleep 600", "while :; do echo usage; done"]) {
    using hanging = makeIp(`#!/bin/sh\n${script}\n`);
    using _path = usePath(`${hanging.directory}:${Deno.env.get("PATH")}`);
    const found = await identifyIp(200);
    assert.ok(found.kind === "foreign");
    assert.match(found.why, /^ip did not print its version within 200 ms, and wrote /);
  }
});
