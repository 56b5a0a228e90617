/**
 * Privacy protocols of USM for net-snmp. The library asks node:crypto for aes-128-cfb, aes-256-cfb and des-cbc, none of
 * which Deno has; here @noble/ciphers and des.js take their place, AES-192 is added, and the library's cache of keys,
 * which grows with every engine ever met, is replaced by bounded ones.
 */
import { cfb } from "@noble/ciphers/aes.js";
import des from "des.js";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { KeyCache } from "./key_cache.ts";
import { type NetSnmpEngine, type NetSnmpPrivacy, snmp } from "./net_snmp.ts";
import { expandKey, type KeyExpansion, localizeKey, passwordToUserKey } from "./usm_keys.ts";
import { type AuthProtocolName, authProtocols, privProtocols } from "./usm_protocols.ts";

/** The part of des.js that is used; it ships no types. */
interface DesCipher {
  update(data: Uint8Array): number[];
  final(): number[];
}
interface DesOptions {
  type: "encrypt" | "decrypt";
  key: Uint8Array;
  iv: Uint8Array;
  padding: boolean;
}
interface DesLibrary {
  DES: unknown;
  CBC: { instantiate(cipher: unknown): { create(options: DesOptions): DesCipher } };
}
const { DES, CBC } = des as DesLibrary;
const desCbc = CBC.instantiate(DES);

/** Number of cached keys (engines × users × 2); an evicted one is computed again. */
const maxLocalizedKeys = 4096;
const maxUserKeys = 256;

const desKeyLength = 8, desBlockLength = 8, aesBlockLength = 16, saltLength = 8;

let installed = false;

/** Makes v3 privacy work in this thread; a second call does nothing. */
export function installUsmPrivacy(): void {
  if (installed) return;
  installed = true;
  const keys = createUsmKeys();
  snmp.Authentication.passwordToKey = (auth, password, engineId) =>
    keys.localized(authNameOf(auth), password, engineId);
  const { algorithms } = snmp.Encryption;
  algorithms[privProtocols.des] = desPrivacy(keys, randomBytes(4).readUInt32BE());
  const nextSalt = aesSalts(randomBytes(saltLength).readBigUInt64BE());
  const aes = (keyLength: number, expansion: KeyExpansion) => aesPrivacy(keys, { keyLength, expansion, nextSalt });
  algorithms[privProtocols.aes128] = aes(16, "blumenthal");
  algorithms[privProtocols["aes192-blumenthal"]] = aes(24, "blumenthal");
  algorithms[privProtocols["aes192-reeder"]] = aes(24, "reeder");
  algorithms[privProtocols["aes256-blumenthal"]] = aes(32, "blumenthal");
  algorithms[privProtocols["aes256-reeder"]] = aes(32, "reeder");
}

/** Localised keys of this thread, computed once while they are in use. */
export interface UsmKeys {
  localized(auth: AuthProtocolName, password: string, engineId: Uint8Array): Buffer;
  /** A localised key of `length` octets for a cipher. */
  expanded(
    auth: AuthProtocolName,
    password: string,
    engineId: Uint8Array,
    options: { expansion: KeyExpansion; length: number },
  ): Buffer;
}

/** Keys with their caches. */
export function createUsmKeys(): UsmKeys {
  const userKeys = new KeyCache<Buffer>(maxUserKeys);
  const localizedKeys = new KeyCache<Buffer>(maxLocalizedKeys);
  const expandedKeys = new KeyCache<Buffer>(maxLocalizedKeys);
  // The password comes last, as only it may contain any character.
  const localized = (auth: AuthProtocolName, password: string, engineId: Uint8Array): Buffer =>
    localizedKeys.getOrMake(`${auth} ${engineId.toHex()} ${password}`, () => {
      const userKey = userKeys.getOrMake(`${auth} ${password}`, () => passwordToUserKey(auth, password));
      return localizeKey(auth, userKey, engineId);
    });
  return {
    localized,
    expanded(auth, password, engineId, options) {
      const key = `${auth} ${options.expansion} ${options.length} ${engineId.toHex()} ${password}`;
      return expandedKeys.getOrMake(
        key,
        () => expandKey(localized(auth, password, engineId), { auth, engineId, ...options }),
      );
    },
  };
}

/** CBC-DES of RFC 3414 section 8: the salt is engineBoots and a counter, and is XORed with the pre-IV. */
export function desPrivacy(keys: UsmKeys, firstSalt: number): NetSnmpPrivacy {
  let counter = firstSalt;
  return {
    KEY_LENGTH: desKeyLength,
    BLOCK_LENGTH: desBlockLength,
    encryptPdu(scopedPdu, _privProtocol, password, authProtocol, engine) {
      const salt = Buffer.alloc(saltLength);
      salt.writeUInt32BE(engine.engineBoots >>> 0, 0);
      salt.writeUInt32BE(counter, 4);
      counter = (counter + 1) >>> 0;
      // Section 8.1.1.2: padded to whole blocks; the receiver ignores what follows the PDU.
      const padded = Buffer.alloc(Math.ceil(scopedPdu.length / desBlockLength) * desBlockLength);
      padded.set(scopedPdu);
      const key = keys.localized(authNameOf(authProtocol), password, engine.engineID);
      return { encryptedPdu: runDes("encrypt", padded, { key, salt }), msgPrivacyParameters: salt };
    },
    decryptPdu(encryptedPdu, _privProtocol, salt, password, authProtocol, engine) {
      if (encryptedPdu.length === 0 || encryptedPdu.length % desBlockLength !== 0) {
        throw new RangeError(
          `Cannot decrypt what is not whole DES blocks: current value is ${encryptedPdu.length} octets`,
        );
      }
      const key = keys.localized(authNameOf(authProtocol), password, engine.engineID);
      return runDes("decrypt", encryptedPdu, { key, salt: checkedSalt(salt) });
    },
  };
}

function runDes(
  type: "encrypt" | "decrypt",
  data: Uint8Array,
  { key, salt }: { key: Uint8Array; salt: Uint8Array },
): Buffer {
  const iv = salt.map((octet, i) => octet ^ key[desKeyLength + i]!);
  const cipher = desCbc.create({ type, key: key.subarray(0, desKeyLength), iv, padding: false });
  return Buffer.from([...cipher.update(data), ...cipher.final()]);
}

/** CFB128-AES of RFC 3826 section 3, for any key length; the IV is engineBoots, engineTime and the salt. */
export function aesPrivacy(
  keys: UsmKeys,
  options: { keyLength: number; expansion: KeyExpansion; nextSalt: () => Buffer },
): NetSnmpPrivacy {
  const { keyLength, expansion, nextSalt } = options;
  const cipherOf = (password: string, authProtocol: number, engine: NetSnmpEngine, salt: Uint8Array) => {
    const auth = authNameOf(authProtocol);
    const key = keys.expanded(auth, password, engine.engineID, { expansion, length: keyLength });
    const iv = Buffer.alloc(aesBlockLength);
    iv.writeUInt32BE(engine.engineBoots >>> 0, 0);
    iv.writeUInt32BE(engine.engineTime >>> 0, 4);
    iv.set(salt, 8);
    return cfb(key, iv);
  };
  return {
    KEY_LENGTH: keyLength,
    BLOCK_LENGTH: aesBlockLength,
    encryptPdu(scopedPdu, _privProtocol, password, authProtocol, engine) {
      const salt = nextSalt();
      const encrypted = cipherOf(password, authProtocol, engine, salt).encrypt(scopedPdu);
      return { encryptedPdu: Buffer.from(encrypted), msgPrivacyParameters: salt };
    },
    decryptPdu(encryptedPdu, _privProtocol, salt, password, authProtocol, engine) {
      return Buffer.from(cipherOf(password, authProtocol, engine, checkedSalt(salt)).decrypt(encryptedPdu));
    },
  };
}

/** The 64-bit counter of RFC 3826 section 3.1.1.1: no value comes twice under one key. */
export function aesSalts(first: bigint): () => Buffer {
  let counter = first;
  return () => {
    const salt = Buffer.alloc(saltLength);
    salt.writeBigUInt64BE(counter);
    counter = BigInt.asUintN(64, counter + 1n);
    return salt;
  };
}

function checkedSalt(salt: Uint8Array): Uint8Array {
  if (salt.length === saltLength) return salt;
  throw new RangeError(`Cannot decrypt with a salt that is not ${saltLength} octets: current value is ${salt.length}`);
}

function authNameOf(authProtocol: number): AuthProtocolName {
  for (const [name, number] of Object.entries(authProtocols)) {
    if (number === authProtocol) return name as AuthProtocolName;
  }
  throw new RangeError(`Cannot make a key for an unknown auth protocol: current value is ${authProtocol}`);
}
