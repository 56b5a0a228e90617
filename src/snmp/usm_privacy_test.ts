import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { snmp } from "./net_snmp.ts";
import { aesPrivacy, aesSalts, createUsmKeys, desPrivacy, installUsmPrivacy, type UsmKeys } from "./usm_privacy.ts";
import { authProtocols, privProtocols } from "./usm_protocols.ts";

const engine = { engineID: Uint8Array.fromHex("80001f8804"), engineBoots: 7, engineTime: 1234 };

function fixedKeys(hex: string): UsmKeys {
  return { localized: () => Buffer.from(hex, "hex"), expanded: () => Buffer.from(hex, "hex") };
}

const plaintext = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const sp80038a = [
  {
    section: "F.3.13",
    key: "2b7e151628aed2a6abf7158809cf4f3c",
    ciphertext: "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b" +
      "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
  },
  {
    section: "F.3.15",
    key: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    ciphertext: "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a" +
      "2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff",
  },
  {
    section: "F.3.17",
    key: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    ciphertext: "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b" +
      "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
  },
];
for (const { section, key, ciphertext } of sp80038a) {
  Deno.test(`aesPrivacy() gives NIST SP 800-38A ${section} with the IV of RFC 3826 section 3.1.2.1`, () => {
    const options = {
      keyLength: key.length / 2,
      expansion: "reeder",
      nextSalt: aesSalts(0x08090a0b0c0d0e0fn),
    } as const;
    const privacy = aesPrivacy(fixedKeys(key), options);
    const vectorEngine = { engineID: engine.engineID, engineBoots: 0x00010203, engineTime: 0x04050607 };
    // 45 octets: CFB keeps the length of what is no whole block.
    for (const length of [64, 45]) {
      const plain = Buffer.from(plaintext, "hex").subarray(0, length);
      const cipher = Buffer.from(ciphertext, "hex").subarray(0, length);
      const salt = Buffer.from("08090a0b0c0d0e0f", "hex");
      assert.deepEqual(privacy.decryptPdu(cipher, 0, salt, "", authProtocols.sha1, vectorEngine), plain);
    }
    const sent = privacy.encryptPdu(Buffer.from(plaintext, "hex"), 0, "", authProtocols.sha1, vectorEngine);
    assert.equal(sent.msgPrivacyParameters.toString("hex"), "08090a0b0c0d0e0f");
    assert.equal(sent.encryptedPdu.toString("hex"), ciphertext);
  });
}

Deno.test("desPrivacy() gives the CBC vector of FIPS 81 with the pre-IV of RFC 3414 section 8.1.1.1", () => {
  // The localised key is the DES key and the pre-IV; boots 0 and counter 1 flip the last bit of the IV.
  const privacy = desPrivacy(fixedKeys("0123456789abcdef" + "1234567890abcdee"), 1);
  const plain = Buffer.from("Now is the time for all ");
  const zeroBoots = { ...engine, engineBoots: 0 };
  const sent = privacy.encryptPdu(plain, 0, "", authProtocols.md5, zeroBoots);
  assert.equal(sent.encryptedPdu.toString("hex"), "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
  assert.equal(sent.msgPrivacyParameters.toString("hex"), "0000000000000001");
  const { encryptedPdu, msgPrivacyParameters } = sent;
  assert.deepEqual(privacy.decryptPdu(encryptedPdu, 0, msgPrivacyParameters, "", authProtocols.md5, zeroBoots), plain);
});

Deno.test("desPrivacy() salts with engineBoots and a counter that wraps", () => {
  const privacy = desPrivacy(fixedKeys("00".repeat(16)), 0xffffffff);
  const salts = [1, 2].map(() =>
    privacy.encryptPdu(Buffer.alloc(8), 0, "", authProtocols.md5, engine).msgPrivacyParameters.toString("hex")
  );
  assert.deepEqual(salts, ["00000007ffffffff", "0000000700000000"]);
});

Deno.test("aesSalts() counts up from its start and wraps at 64 bits", () => {
  const next = aesSalts(0xfffffffffffffffen);
  const salts = [1, 2, 3].map(() => next().toString("hex"));
  assert.deepEqual(salts, ["fffffffffffffffe", "ffffffffffffffff", "0000000000000000"]);
});

for (const [name, protocol] of Object.entries(privProtocols)) {
  Deno.test(`installUsmPrivacy() decrypts what it encrypts with ${name}`, () => {
    installUsmPrivacy();
    const privacy = snmp.Encryption.algorithms[protocol]!;
    fc.assert(fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc.constantFrom(...Object.values(authProtocols)),
      (plain, auth) => {
        const sent = privacy.encryptPdu(plain, protocol, "privacy-key", auth, engine);
        const { encryptedPdu, msgPrivacyParameters } = sent;
        const got = privacy.decryptPdu(encryptedPdu, protocol, msgPrivacyParameters, "privacy-key", auth, engine);
        assert.deepEqual(new Uint8Array(got.subarray(0, plain.length)), plain);
        assert.ok(got.length - plain.length < 8);
      },
    ));
  });

  Deno.test(`installUsmPrivacy() refuses a salt of the wrong length with ${name}`, () => {
    installUsmPrivacy();
    const privacy = snmp.Encryption.algorithms[protocol]!;
    for (const length of [0, 7, 9]) {
      assert.throws(
        () =>
          privacy.decryptPdu(
            Buffer.alloc(16),
            protocol,
            Buffer.alloc(length),
            "privacy-key",
            authProtocols.md5,
            engine,
          ),
        RangeError,
      );
    }
  });
}

Deno.test("desPrivacy() refuses what is not whole blocks", () => {
  const privacy = desPrivacy(createUsmKeys(), 0);
  for (const length of [0, 7, 9]) {
    assert.throws(
      () => privacy.decryptPdu(Buffer.alloc(length), 0, Buffer.alloc(8), "privacy-key", authProtocols.md5, engine),
      RangeError,
    );
  }
});

Deno.test("installUsmPrivacy() makes net-snmp localise keys as RFC 3414 A.3.1 and A.3.2", () => {
  installUsmPrivacy();
  const engineId = Buffer.from("000000000000000000000002", "hex");
  const key = (auth: number) => snmp.Authentication.passwordToKey(auth, "maplesyrup", engineId).toString("hex");
  assert.equal(key(authProtocols.md5), "526f5eed9fcce26f8964c2930787d82b");
  assert.equal(key(authProtocols.sha1), "6695febc9288e36282235fc7151f128497b38f3f");
});

Deno.test("installUsmPrivacy() does nothing the second time, so that no salt comes twice", () => {
  installUsmPrivacy();
  const before = { ...snmp.Encryption.algorithms };
  installUsmPrivacy();
  for (const protocol of Object.values(privProtocols)) {
    assert.equal(snmp.Encryption.algorithms[protocol], before[protocol]);
  }
});

Deno.test("createUsmKeys() keeps keys of users, engines and expansions apart", () => {
  const keys = createUsmKeys();
  const [one, two] = [Buffer.from("01", "hex"), Buffer.from("02", "hex")];
  const options = { length: 32 };
  const all = [
    keys.localized("md5", "privacy-key", one),
    keys.localized("md5", "privacy-key", two),
    keys.localized("md5", "another-key", one),
    keys.localized("sha1", "privacy-key", one),
    keys.expanded("md5", "privacy-key", one, { expansion: "reeder", ...options }),
    keys.expanded("md5", "privacy-key", one, { expansion: "blumenthal", ...options }),
    keys.expanded("md5", "privacy-key", two, { expansion: "blumenthal", ...options }),
    keys.expanded("md5", "privacy-key", one, { expansion: "blumenthal", length: 24 }),
  ].map((key) => key.toString("hex"));
  assert.equal(new Set(all).size, all.length);
  assert.equal(keys.localized("md5", "privacy-key", one).toString("hex"), all[0]);
});
