import assert from "node:assert/strict";
import {
  refuseDenoVersion,
  TESTED_DENO_VERSION,
} from "../../../src/shared/versions.ts";

Deno.test("refuseDenoVersion refuses versions that crash, and names a version that works", () => {
  for (const version of ["2.9.4", "2.9.5", "2.9.6", "2.9.5+5a1b2c3"]) {
    const sentence = refuseDenoVersion(version) ?? "";
    assert.match(sentence, new RegExp(`^Deno ${version.replace("+", "\\+")} crashes`));
    assert.match(sentence, /use 2\.9\.3/);
  }
});

Deno.test("refuseDenoVersion refuses versions on which a gRPC server does not work", () => {
  for (const version of ["1.46.3", "2.0.0", "2.6.10"]) {
    assert.match(refuseDenoVersion(version) ?? "", /does not work .* use 2\.9\.3/);
  }
});

Deno.test("refuseDenoVersion accepts versions that work and unknown newer ones", () => {
  for (const version of ["2.7.14", "2.8.3", "2.9.0", "2.9.3", "2.10.0", "3.0.0"]) {
    assert.equal(refuseDenoVersion(version), undefined);
  }
});

Deno.test("TESTED_DENO_VERSION is the version that runs these tests", () => {
  assert.equal(Deno.version.deno, TESTED_DENO_VERSION);
});
