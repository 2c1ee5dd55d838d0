import assert from "node:assert/strict";
import { certificateName, formatSubject } from "../../../src/api/peer_identity.ts";

Deno.test("formatSubject writes a subject as in RFC 4514, the most specific part first", () => {
  assert.equal(
    formatSubject({ C: "IT", O: "Quilt", CN: "agent" }),
    "CN=agent,O=Quilt,C=IT",
  );
  assert.equal(formatSubject({ OU: ["a", "b"], CN: "x" }), "CN=x,OU=a,OU=b");
  assert.equal(formatSubject({}), "");
});

Deno.test("formatSubject escapes what could pass for another part", () => {
  assert.equal(formatSubject({ CN: "agent,O=Root" }), String.raw`CN=agent\,O\=Root`);
  assert.equal(formatSubject({ CN: ' #"<>;+\\ ' }), String.raw`CN=\ #\"\<\>\;\+\\\ `);
});

Deno.test("certificateName escapes invisible characters, and is at most 256 characters long", () => {
  assert.equal(
    certificateName({ subject: { O: "Quilt\u2028", CN: "agent\u202e\n\ufe0f" } }),
    String.raw`CN=agent\u202e\u000a\ufe0f,O=Quilt\u2028`,
  );
  assert.equal(
    certificateName({ subject: {}, subjectaltname: "URI:spiffe://a/\u200b" }),
    String.raw`URI:spiffe://a/\u200b`,
  );
  assert.equal(
    certificateName({ subject: { CN: "Zoë Łukasz 李" } }),
    "CN=Zoë Łukasz 李",
  );
  assert.equal(
    certificateName({ subject: { CN: "\u202e".repeat(10_000) } }).length,
    256,
  );
});
