import { createHash } from "node:crypto";
import { type Owner, OWNER_KEY_WORDS, type OwnerKey, ownerKey } from "../ipam/owner.ts";

/** The first 192 bits of the SHA-256 of an owner's name: no two names share them. */
export function hashOwner(owner: Owner): OwnerKey {
  const digest = createHash("sha256").update(owner).digest();
  return ownerKey(
    Array.from({ length: OWNER_KEY_WORDS }, (_, at) => digest.readUInt32BE(at * 4)),
  );
}
