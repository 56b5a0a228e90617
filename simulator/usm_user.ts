/** Protocol names of RFC 3414, 3826 and 7860, and of the two drafts that extend AES to 192 and 256 bits. */
export const authProtocols = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] as const;

/** `aes192b` and `aes256b` extend the key as draft-blumenthal-aes-usm-04 does, `…r` as draft-reeder-snmpv3-usm-3desede. */
export const privProtocols = ["des", "aes128", "aes192b", "aes256b", "aes192r", "aes256r"] as const;

export const securityLevels = ["noAuthNoPriv", "authNoPriv", "authPriv"] as const;

export type AuthProtocol = typeof authProtocols[number];
export type PrivProtocol = typeof privProtocols[number];
export type SecurityLevel = typeof securityLevels[number];

/** A user of a simulated device. Its passwords are no secrets: they stand in a fleet file that ships. */
export interface SimulatedUser {
  name: string;
  auth?: AuthProtocol;
  authKey?: string;
  priv?: PrivProtocol;
  privKey?: string;
  /** Requests below this level are refused with authorizationError; default: the highest level that the keys allow. */
  level?: SecurityLevel;
  /** Contexts that this user may read; default: all. */
  contexts?: readonly string[];
}
