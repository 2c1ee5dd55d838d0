import assert from "node:assert/strict";
import fc from "fast-check";
import type { Finding } from "../../../src/diagnose/finding.ts";
import { FindingsLog } from "../../../src/diagnose/findings_log.ts";
import { cidr, device } from "../../support/fixtures.ts";

const DOWN: Finding = {
  id: "device-down",
  severity: "critical",
  subject: { kind: "device", device: device("vxlan100") },
  found: "vxlan100 is down",
  meaning: "no packet reaches the 2 nodes behind it",
  remedy: ["ip link set dev vxlan100 up"],
};

const OFF: Finding = {
  id: "forwarding-off",
  severity: "critical",
  subject: { kind: "node" },
  found: "IPv4 forwarding is off",
  meaning: "no container reaches another node",
  remedy: ["sysctl -w net.ipv4.ip_forward=1"],
};

Deno.test("FindingsLog says a finding once with its remedy, and once that it is gone and how long it lasted", () => {
  const log = new FindingsLog();
  assert.deepEqual(log.take([], 0), []);
  assert.deepEqual(log.take([DOWN], 1_000), [{
    level: "warn",
    message: "device-down (vxlan100): vxlan100 is down: no packet reaches the 2 " +
      "nodes behind it; run: ip link set dev vxlan100 up",
    fields: { finding: "device-down", device: "vxlan100" },
  }]);
  assert.deepEqual(log.take([DOWN], 2_000), []);
  assert.deepEqual(log.take([DOWN, OFF], 3_000).map(({ message }) => message), [
    "forwarding-off (this node): IPv4 forwarding is off: no container reaches another " +
    "node; run: sysctl -w net.ipv4.ip_forward=1",
  ]);
  assert.deepEqual(log.take([OFF], 6_000), [{
    level: "info",
    message: "device-down (vxlan100): gone after 5 s",
    fields: { finding: "device-down", device: "vxlan100" },
  }]);
  assert.deepEqual(log.take([], 9_000).map(({ message }) => message), [
    "forwarding-off (this node): gone after 6 s",
  ]);
});

Deno.test("FindingsLog says of a finding that flaps what it is at last, and how often it changed", () => {
  const log = new FindingsLog();
  const lines: string[] = [];
  for (let at = 0; at < 20; at += 1) {
    const findings = at % 2 === 0 ? [DOWN] : [];
    lines.push(...log.take(findings, at * 1_000).map(({ message }) => message));
  }
  assert.equal(lines.length, 2);
  assert.deepEqual(log.take([DOWN], 30_000), []);
  const [late] = log.take([DOWN], 61_000);
  assert.match(
    late?.message ?? "",
    /run: .* \(changed 19 times since it was logged\)$/,
  );
});

Deno.test("FindingsLog says at most two lines a minute of each finding, and in the end what is so", () => {
  const step = fc.record({ open: fc.boolean(), ms: fc.nat({ max: 20_000 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
    const log = new FindingsLog();
    const linesMs: number[] = [];
    let isOpen = false;
    let now = 0;
    const take = (open: boolean) => {
      for (const { level } of log.take(open ? [DOWN] : [], now)) {
        linesMs.push(now);
        isOpen = level === "warn";
      }
    };
    for (const { ms, open } of steps) {
      now += ms;
      take(open);
      const recent = linesMs.filter((at) => now - at < 60_000);
      assert.ok(recent.length <= 2, `${recent.length} lines in a minute`);
    }
    const last = steps.at(-1)?.open ?? false;
    now += 60_000;
    take(last);
    assert.equal(isOpen, last);
  }));
});

Deno.test("FindingsLog cuts a long remedy, and says where all of it is", () => {
  const remedy = Array.from({ length: 20 }, (_, at) => `echo ${at}`);
  const [line] = new FindingsLog().take([{ ...DOWN, remedy }], 0);
  assert.match(
    line?.message ?? "",
    /echo 7 && … \(12 more lines: quilt-sidecar status\)$/,
  );
});

/** So many routes that another process keeps changing, from 10.42.1.0/24 on. */
function contended(count: number): readonly Finding[] {
  return Array.from({ length: count }, (_, at) => ({
    id: "route-contended",
    severity: "critical",
    subject: { kind: "destination", destination: cidr(`10.42.${at + 1}.0/24`) },
    found: "Another process deletes the route",
    meaning: "packets are lost",
    remedy: [],
  }));
}

Deno.test("FindingsLog has eight of 250 findings with one id in full, and one line for the others", () => {
  const log = new FindingsLog();
  const messages = (findings: readonly Finding[], nowMs: number) =>
    log.take(findings, nowMs).map(({ message }) => message);
  const opened = messages([OFF, ...contended(250)], 0);
  assert.equal(opened.length, 10);
  assert.match(opened[0] ?? "", /^forwarding-off /);
  assert.match(opened[8] ?? "", /^route-contended \(10\.42\.8\.0\/24\): Another /);
  assert.equal(
    opened[9],
    "route-contended (10.42.9.0/24, 10.42.10.0/24, 10.42.11.0/24 and 239 more): " +
      "same finding; quilt-sidecar status lists each",
  );
  assert.deepEqual(messages([OFF, ...contended(250)], 1_000), []);
  const gone = messages([OFF], 2_000);
  assert.equal(gone.length, 9);
  assert.equal(gone[7], "route-contended (10.42.8.0/24): gone after 2 s");
  assert.equal(
    gone[8],
    "route-contended (10.42.9.0/24, 10.42.10.0/24, 10.42.11.0/24 and 239 more): gone",
  );
});

Deno.test("FindingsLog gathers for a minute what comes after the line for the others", () => {
  const log = new FindingsLog();
  log.take(contended(20), 0);
  assert.deepEqual(log.take(contended(22), 10_000), []);
  assert.deepEqual(log.take(contended(21), 20_000), [], "neither half was logged");
  assert.deepEqual(log.take(contended(21), 60_000), [{
    level: "warn",
    message:
      "route-contended (10.42.21.0/24): same finding; quilt-sidecar status lists " +
      "each",
    fields: { finding: "route-contended" },
  }]);
});

Deno.test("FindingsLog writes a bounded number of lines a minute, however many findings flap", () => {
  const step = fc.record({ count: fc.nat(60), ms: fc.nat({ max: 20_000 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
    const log = new FindingsLog();
    const linesMs: number[] = [];
    let now = 0;
    for (const { count, ms } of steps) {
      now += ms;
      linesMs.push(...log.take(contended(count), now).map(() => now));
      const recent = linesMs.filter((at) => now - at < 60_000);
      // Of those that came, and of those that went: eight, and all others.
      assert.ok(recent.length <= 2 * (8 + 1), `${recent.length} lines in a minute`);
    }
  }));
});
