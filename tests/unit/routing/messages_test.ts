import assert from "node:assert/strict";
import {
  describeConnected,
  describeLost,
  describeOwnSubnet,
  describePending,
  describeRefused,
  describeReplaced,
  describeReplacedAlike,
  PERMISSION_DENIED,
} from "../../../src/routing/messages.ts";
import { cidr, device as named } from "../../support/fixtures.ts";

const VXLAN = named("vxlan100");
const BRIDGE = named("quilt0");

Deno.test("messages for clients are the sentences of the contract, word for word", () => {
  assert.equal(describePending("missing", VXLAN), "Interface 'vxlan100' not found");
  assert.equal(describePending("down", VXLAN), "Interface 'vxlan100' is down");
  assert.equal(
    describeOwnSubnet(cidr("10.42.1.0/24")),
    "Destination 10.42.1.0/24 is this node's own subnet",
  );
  assert.equal(
    describeConnected(cidr("10.42.5.0/24"), BRIDGE),
    "10.42.5.0/24 is directly connected on quilt0; refusing to replace it",
  );
  assert.match(PERMISSION_DENIED, /^Permission denied: .* needs CAP_NET_ADMIN/);
});

Deno.test("describeConnected is a whole sentence for a route without a device", () => {
  assert.equal(
    describeConnected(cidr("10.42.5.0/24"), undefined),
    "10.42.5.0/24 is directly connected on this node; refusing to replace it",
  );
});

Deno.test("describeRefused and describeLost write a message of ip on one line, so that it forges no log line", () => {
  const message = "Error: first.\n  second\r\nINFO: forged\n";
  for (const describe of [describeRefused, describeLost]) {
    const sentence = describe("10.42.2.0/24", message.trim());
    assert.doesNotMatch(sentence, /[\r\n]/);
    assert.match(sentence, /10\.42\.2\.0\/24.*first\.; second; INFO: forged/);
  }
});

Deno.test("describeReplaced names the route, its owner and its replacement", () => {
  const over = {
    destination: cidr("10.42.2.0/24"),
    device: named("eth0"),
    gateway: false,
    protocol: 4,
    metric: 100,
    tos: 0,
    type: 1,
    table: 254,
  };
  assert.equal(
    describeReplaced(over, VXLAN),
    "Replaced route 10.42.2.0/24 dev eth0 proto 4 metric 100 with ours dev vxlan100",
  );
  assert.equal(
    describeReplaced({ ...over, device: undefined }, VXLAN),
    "Replaced route 10.42.2.0/24 proto 4 metric 100 with ours dev vxlan100",
  );
  assert.equal(
    describeReplacedAlike({ ...over, tos: 16 }, VXLAN, 2),
    "Replaced 2 routes dev eth0 proto 4 metric 100 tos 0x10 with ours dev vxlan100",
  );
});
