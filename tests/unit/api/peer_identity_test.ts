import assert from "node:assert/strict";
import { formatSubject, nameHolder } from "../../../src/api/peer_identity.ts";

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

Deno.test("no character of a certificate is invisible in a subject, and its length is bounded", () => {
  assert.equal(
    nameHolder({ subject: { O: "Quilt\u2028", CN: "agent\u202e\n\ufe0f" } }),
    String.raw`CN=agent\u202e\u000a\ufe0f,O=Quilt\u2028`,
  );
  assert.equal(
    nameHolder({ subject: {}, subjectaltname: "URI:spiffe://a/\u200b" }),
    String.raw`URI:spiffe://a/\u200b`,
  );
  assert.equal(nameHolder({ subject: { CN: "Zoë Łukasz 李" } }), "CN=Zoë Łukasz 李");
  assert.equal(nameHolder({ subject: { CN: "\u202e".repeat(10_000) } }).length, 256);
});
