import assert from "node:assert/strict";
import { list, LISTINGS } from "../../src/bundle_node.ts";
import { batch, ip, makeGround } from "../support/fixtures.ts";

Deno.test("each listing of a bundle is what ip shows, and changes nothing", async () => {
  await using _ground = await makeGround("vxlan100");
  await batch([
    "route add 10.42.2.0/24 dev vxlan100 proto 142",
    "route add unreachable 10.42.2.0/24 table 142 proto 142 metric 142 window 7",
  ]);
  const before = await ip("-4 route show table all");
  const texts = new Map<string, string>();
  for (const listing of LISTINGS) {
    const { fault, text } = await list(listing);
    assert.equal(fault, undefined, listing.name);
    texts.set(listing.name, text);
  }
  assert.equal(await ip("-4 route show table all"), before);
  assert.equal(texts.get("routes"), before);
  assert.match(texts.get("version") ?? "", /^ip utility, iproute2-/);
  assert.match(texts.get("rules") ?? "", /^32766:\tfrom all lookup main/m);
  assert.match(texts.get("links") ?? "", / vxlan id \d+ /);
  assert.match(texts.get("addresses") ?? "", /inet 127\.0\.0\.1\/8 /);
  assert.match(texts.get("settings") ?? "", /^inet vxlan100 forwarding /m);
});

Deno.test("a listing that ip refuses says why", async () => {
  const { fault, text } = await list({ name: "odd", args: ["nonsense"] });
  assert.equal(text, "");
  assert.match(fault ?? "", /^ip wrote: Object "nonsense" is unknown/);
  const nothing = await list({ name: "odd", args: ["route", "show", "dev", "none"] });
  assert.match(nothing.fault ?? "", /^ip wrote: Cannot find device "none"/);
});
