import assert from "node:assert/strict";
import { err, ok } from "../../../../src/shared/result.ts";
import {
  type CertificateReload,
  ReloadDetector,
} from "../../../../src/transport/tls/certificate_reload.ts";

const inUse = { cert: "c", key: "k", ca: undefined };

function open() {
  const reloads: CertificateReload[] = [];
  const detector = new ReloadDetector(inUse, (reload) => void reloads.push(reload));
  return { detector, reloads };
}

Deno.test("ReloadDetector ignores what it reads only once, because files are written one after another", () => {
  const { detector, reloads } = open();
  detector.observe(ok({ ...inUse, cert: "half" }));
  detector.observe(ok({ ...inUse, cert: "whole" }));
  detector.observe(ok(inUse));
  detector.observe(ok(inUse));
  assert.deepEqual(reloads, []);
});

Deno.test("ReloadDetector reports unusable files once, however often it reads them", () => {
  const { detector, reloads } = open();
  for (let times = 0; times < 5; times += 1) detector.observe(err("gone"));
  assert.deepEqual(reloads, [{ kind: "unusable", reason: "gone" }]);
  for (let times = 0; times < 5; times += 1) {
    detector.observe(ok({ ...inUse, cert: "x" }));
  }
  assert.deepEqual(reloads.slice(1), [
    { kind: "unusable", reason: "The file of --tls-cert is not a PEM certificate" },
  ]);
});
