import assert from "node:assert/strict";
import { acceptedFormat } from "../../../src/observability/accepted_format.ts";
import type { MetricsFormat } from "../../../src/observability/openmetrics.ts";

const accepted: readonly (readonly [accept: string | undefined, MetricsFormat])[] = [
  [undefined, "prometheus"],
  ["", "prometheus"],
  ["*/*", "prometheus"],
  ["text/plain", "prometheus"],
  ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "prometheus"],
  ["application/openmetrics-text", "openmetrics"],
  ["application/openmetrics-text; version=1.0.0", "openmetrics"],
  ['APPLICATION/OpenMetrics-Text ; VERSION="1.0.0" ; charset=utf-8', "openmetrics"],
  ["application/openmetrics-text;version=0.0.1", "prometheus"],
  ["application/openmetrics-text;version=0.0.1,*/*;q=0.1", "prometheus"],
  ["application/*", "openmetrics"],
  ["application/openmetrics-text,text/plain", "prometheus"],
  ["application/openmetrics-text;q=0.5,text/plain;q=0.4", "openmetrics"],
  ["application/openmetrics-text;q=0.4,text/plain;q=0.5", "prometheus"],
  ["text/plain;q=0,*/*;q=0.1", "openmetrics"],
  ["application/openmetrics-text;q=0,*/*", "prometheus"],
  // The closest range counts, wherever it stands.
  ["*/*;q=1,text/plain;q=0.2", "openmetrics"],
  ["text/plain;version=0.0.4;q=0.1,text/plain,application/*;q=0.5", "openmetrics"],
  ["text/*;q=0.1,application/openmetrics-text;q=0.2", "openmetrics"],
  // Neither can be sent as asked, and a page is better than none.
  ["application/json", "prometheus"],
  ["text/plain;q=0,application/openmetrics-text;q=0", "prometheus"],
  // A range that is malformed is none.
  ["application/openmetrics-text;q=2", "prometheus"],
  ["application/openmetrics-text;q=0.1234,text/plain;q=0.1", "prometheus"],
  [",;,application/openmetrics-text;q=1.000,", "openmetrics"],
];

for (const [accept, format] of accepted) {
  Deno.test(`acceptedFormat gives ${format} to Accept: ${accept}`, () => {
    assert.equal(acceptedFormat(accept), format);
  });
}

Deno.test("acceptedFormat gives OpenMetrics to Prometheus 2 and 3", () => {
  for (
    const accept of [
      "application/openmetrics-text;version=1.0.0;q=0.75," +
      "application/openmetrics-text;version=0.0.1;q=0.5," +
      "text/plain;version=0.0.4;q=0.25,*/*;q=0.1",
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5," +
      "application/openmetrics-text;version=0.0.1;q=0.4," +
      "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3," +
      "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    ]
  ) {
    assert.equal(acceptedFormat(accept), "openmetrics");
  }
});
