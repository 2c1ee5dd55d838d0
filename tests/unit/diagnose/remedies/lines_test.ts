import assert from "node:assert/strict";
import { setSysctl } from "../../../../src/diagnose/remedies/lines.ts";
import { device } from "../../../support/fixtures.ts";

Deno.test("setSysctl separates the parts of a setting by slashes if the name has a dot", () => {
  assert.equal(
    setSysctl(device("vxlan100"), "rp_filter", 2),
    "sysctl -w net.ipv4.conf.vxlan100.rp_filter=2",
  );
  assert.equal(
    setSysctl(device("vxlan.7"), "proxy_arp", 1),
    "sysctl -w net/ipv4/conf/vxlan.7/proxy_arp=1",
  );
});
