import assert from "node:assert/strict";
import { err, ok } from "../../../../src/shared/result.ts";
import { Renewal, type TlsNews } from "../../../../src/transport/tls/certificate_reload.ts";

const inUse = { cert: "c", key: "k", ca: undefined };

function watched() {
  const news: TlsNews[] = [];
  return { news, renewal: new Renewal(inUse, (one) => void news.push(one)) };
}

Deno.test("what is seen once tells nothing: files are written one after another", () => {
  const { news, renewal } = watched();
  renewal.see(ok({ ...inUse, cert: "half" }));
  renewal.see(ok({ ...inUse, cert: "whole" }));
  renewal.see(ok(inUse));
  renewal.see(ok(inUse));
  assert.deepEqual(news, []);
});

Deno.test("what cannot be used is told once, however often it is seen", () => {
  const { news, renewal } = watched();
  for (let look = 0; look < 5; look += 1) renewal.see(err("gone"));
  assert.deepEqual(news, [{ kind: "unusable", why: "gone" }]);
  for (let look = 0; look < 5; look += 1) renewal.see(ok({ ...inUse, cert: "x" }));
  assert.deepEqual(news.slice(1), [
    { kind: "unusable", why: "The file of --tls-cert is no certificate in PEM" },
  ]);
});
