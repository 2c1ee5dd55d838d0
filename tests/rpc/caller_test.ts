import assert from "node:assert/strict";
import { formatSubject } from "../../src/rpc/caller.ts";

Deno.test("a subject is written as RFC 4514 has it, the most particular first", () => {
  assert.equal(
    formatSubject({ C: "IT", O: "Quilt", CN: "agent" }),
    "CN=agent,O=Quilt,C=IT",
  );
  assert.equal(formatSubject({ OU: ["a", "b"], CN: "x" }), "CN=x,OU=a,OU=b");
  assert.equal(formatSubject({}), "");
});

Deno.test("nothing in a subject can pass for another part of it", () => {
  assert.equal(formatSubject({ CN: "agent,O=Root" }), String.raw`CN=agent\,O\=Root`);
  assert.equal(formatSubject({ CN: ' #"<>;+\\ ' }), String.raw`CN=\ #\"\<\>\;\+\\\ `);
});
