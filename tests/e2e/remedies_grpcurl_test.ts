/**
 * @needs go
 */
import assert from "node:assert/strict";
import { startQuilt } from "../support/quilt.ts";
import { fullTest } from "../support/suite.ts";
import { done, openHost } from "./host.ts";
import { printedCall, runPrinted } from "./remedies.ts";

fullTest(
  "grpcurl releases the addresses that forbid another subnet, by the lines that refusals print",
  async () => {
    await using host = await openHost();
    await using quilt = startQuilt(host.namespace);
    await host.client.configureNodeSubnet("10.42.1.0/24");
    for (const owner of ['it\'s-"quoted"', "$(reboot)"]) await quilt.allocate(owner);
    for (const address of ["10.42.1.2", "10.42.1.3"]) {
      const { error } = await host.client.configureNodeSubnet("10.42.2.0/24");
      const released = await runPrinted(host.namespace, printedCall(error));
      assert.match(released, new RegExp(`"address": "${address}"`));
    }
    assert.deepEqual(await host.client.configureNodeSubnet("10.42.2.0/24"), done);
  },
);
