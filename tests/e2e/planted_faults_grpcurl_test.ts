/**
 * @needs go
 */
import { fullTest } from "../support/suite.ts";
import { goTool } from "../support/tools.ts";
import { testFault } from "./faulty_mesh.ts";
import { needsGrpcurl, PLANTED_FAULTS } from "./planted_faults.ts";

for (const fault of PLANTED_FAULTS.filter(needsGrpcurl)) {
  fullTest(
    `status, log and doctor name ${fault.id} within 3 s, and its remedy, with grpcurl, ends it: ${fault.title}`,
    async () => {
      const folder = (await goTool("grpcurl")).replace(/\/[^/]*$/, "");
      await testFault(fault, `${folder}:$PATH`);
    },
  );
}
