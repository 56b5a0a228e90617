import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { isAuthentic, localizedKey, localizedPrivKey, packetDigest, passwordKey } from "./usm_keys.ts";
import type { AuthProtocol, PrivProtocol } from "./usm_user.ts";

const engineId = Uint8Array.fromHex("000000000000000000000002");

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

// md5 and sha1: RFC 3414 sections A.3.1 and A.3.2. The SHA-2 family has no vectors in RFC 7860: what pysnmp 4.4.12 makes
// of the same password and engine.
const keys: { protocol: AuthProtocol; ku: string; kul: string }[] = [
  { protocol: "md5", ku: "9faf3283884e92834ebc9847d8edd963", kul: "526f5eed9fcce26f8964c2930787d82b" },
  {
    protocol: "sha1",
    ku: "9fb5cc0381497b3793528939ff788d5d79145211",
    kul: "6695febc9288e36282235fc7151f128497b38f3f",
  },
  {
    protocol: "sha224",
    ku: "282a5867ee9aac639ad59df9572c7d3ac0fbc13a905b6df07dbbf00b",
    kul: "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674",
  },
  {
    protocol: "sha256",
    ku: "ab51014d1e077f6017df2b12bee5f5aa72993177e9bb569c4dff5a4ca0b4afac",
    kul: "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
  },
  {
    protocol: "sha384",
    ku: "e06eccdf2c68a06ed034723c9c26e0db3b669e1e2efed49150b55377a2e98f383c86fb836857444654b287c93f51ff64",
    kul: "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f0455a53689a3937eea07319a633d2ccba78",
  },
  {
    protocol: "sha512",
    ku: "7e4396de5aadc77be853819b98c9406265b3a9c37cc3176569847a4e4f6fba63" +
      "dd3a73d04924d31a63f95a601f9385af6be4ed1b37f87d040f7c6ed6f8d38a91",
    kul: "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099" +
      "ad1ea87a8db096714d9788bd544047c9021e4229ce27e4c0a69250adfcffbb0b",
  },
];
for (const { protocol, ku, kul } of keys) {
  Deno.test(`passwordKey() and localizedKey() make the known keys of ${protocol}`, () => {
    const key = passwordKey(protocol, "maplesyrup");
    assert.equal(hex(key), ku);
    assert.equal(hex(localizedKey(protocol, key, engineId)), kul);
  });
}

// aes256r with md5: draft-reeder-snmpv3-usm-3desede-00 section B.1; the others as pysnmp 4.4.12.
const extended: { auth: AuthProtocol; priv: PrivProtocol; want: string }[] = [
  { auth: "md5", priv: "aes256r", want: "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12" },
  { auth: "sha1", priv: "aes192b", want: "6695febc9288e36282235fc7151f128497b38f3f505e07eb" },
  { auth: "sha1", priv: "aes256b", want: "6695febc9288e36282235fc7151f128497b38f3f505e07eb9af25568fa1f5dbe" },
  { auth: "sha1", priv: "aes192r", want: "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78" },
  { auth: "sha1", priv: "aes256r", want: "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9c" },
  { auth: "sha1", priv: "aes128", want: "6695febc9288e36282235fc7151f1284" },
  { auth: "md5", priv: "des", want: "526f5eed9fcce26f8964c2930787d82b" },
];
for (const { auth, priv, want } of extended) {
  Deno.test(`localizedPrivKey() makes the known key of ${priv} with ${auth}`, () => {
    assert.equal(hex(localizedPrivKey(auth, { priv, password: "maplesyrup", engineId })), want);
  });
}

Deno.test("passwordKey() refuses an empty password", () => assert.throws(() => passwordKey("md5", ""), RangeError));

Deno.test("isAuthentic() accepts the digest of the packet and refuses any changed octet and any other length", () => {
  const key = Uint8Array.of(1, 2, 3);
  const packet = new Uint8Array(60).fill(7);
  packet.fill(0, 20, 44);
  const digest = Uint8Array.from(packetDigest("sha256", key, packet));
  const options = { protocol: "sha256", key, digest, offset: 20 } as const;
  packet.set(digest, 20);
  assert.equal(isAuthentic(packet, options), true);
  assert.equal(isAuthentic(packet.with(50, 8), options), false);
  assert.equal(isAuthentic(packet, { ...options, digest: digest.with(0, digest[0]! ^ 1) }), false);
  assert.equal(isAuthentic(packet, { ...options, digest: digest.subarray(0, 12) }), false);
});
