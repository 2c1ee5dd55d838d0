import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeGrpcMessage } from "../../../src/transport/grpc_message.ts";

Deno.test("encodeGrpcMessage gives printable ASCII that decodes to the text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const encoded = encodeGrpcMessage(text);
    assert.match(encoded, /^(?:[ -$&-~]|%[0-9A-F]{2})*$/);
    assert.equal(decodeURIComponent(encoded), text);
  }));
});

Deno.test("encodeGrpcMessage leaves a plain sentence as it is", () => {
  const sentence = 'No method "/a.B/C" on this server; it\'s {fine} ~ #1 & <2> = 3!';
  assert.equal(encodeGrpcMessage(sentence), sentence);
});

Deno.test("encodeGrpcMessage encodes what would end or forge a header", () => {
  assert.equal(encodeGrpcMessage("a\r\nb%c\u007f"), "a%0D%0Ab%25c%7F");
  assert.equal(encodeGrpcMessage("\ud800"), "%EF%BF%BD", "a lone surrogate");
});
