import assert from "node:assert/strict";
import { readJunit } from "../../runner/junit.ts";

/** Written by Deno 2.9.3. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="1" errors="0" time="1.268">
    <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="1">
        <testcase name="ok &amp; &lt;good&gt;" classname="./a_test.ts" time="0.002" line="1" col="6">
        </testcase>
        <testcase name="later" classname="./a_test.ts" time="0.000" line="2" col="6">
            <skipped/>
        </testcase>
        <testcase name="bad" classname="./a_test.ts" time="0.001" line="3" col="6">
            <failure message="Uncaught Error: no">Error: &lt;skipped</failure>
        </testcase>
        <testcase name="a &gt; b" classname="./a_test.ts" time="1.243" line="4" col="6">
        </testcase>
        <testcase name="ok &amp; &lt;good&gt; &gt; step one" classname="./a_test.ts" time="0.000" line="1" col="68">
        </testcase>
    </testsuite>
</testsuites>
`;

Deno.test("of a report each test is read, and none of its steps", () => {
  assert.deepEqual(readJunit(REPORT), [
    { name: "ok & <good>", seconds: 0.002, end: "passed" },
    { name: "later", seconds: 0, end: "skipped" },
    { name: "bad", seconds: 0.001, end: "failed" },
    { name: "a > b", seconds: 1.243, end: "passed" },
  ]);
});

Deno.test("a report without tests has none", () => {
  assert.deepEqual(
    readJunit(`<testsuites name="deno test" tests="0"></testsuites>`),
    [],
  );
});
