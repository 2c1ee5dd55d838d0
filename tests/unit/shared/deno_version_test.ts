import assert from "node:assert/strict";
import {
  refuseDenoVersion,
  TESTED_DENO_VERSION,
} from "../../../src/shared/deno_version.ts";

Deno.test("versions that crash are refused with a sentence naming a good one", () => {
  for (const version of ["2.9.4", "2.9.5", "2.9.6", "2.9.5+5a1b2c3"]) {
    const sentence = refuseDenoVersion(version) ?? "";
    assert.match(sentence, new RegExp(`^Deno ${version.replace("+", "\\+")} crashes`));
    assert.match(sentence, /use 2\.9\.3/);
  }
});

Deno.test("versions on which a gRPC server does not work are refused", () => {
  for (const version of ["1.46.3", "2.0.0", "2.6.10"]) {
    assert.match(refuseDenoVersion(version) ?? "", /does not work .* use 2\.9\.3/);
  }
});

Deno.test("versions that are known to work, and unknown newer ones, are accepted", () => {
  for (const version of ["2.7.14", "2.8.3", "2.9.0", "2.9.3", "2.10.0", "3.0.0"]) {
    assert.equal(refuseDenoVersion(version), undefined);
  }
});

Deno.test("the version that everything is tested with runs these tests", () => {
  assert.equal(Deno.version.deno, TESTED_DENO_VERSION);
});
