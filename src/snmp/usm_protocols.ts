/** Numbers of net-snmp's AuthProtocols by the names of this product. */
export const authProtocols = { md5: 2, sha1: 3, sha224: 4, sha256: 5, sha384: 6, sha512: 7 } as const;

export type AuthProtocolName = keyof typeof authProtocols;

/** Numbers of net-snmp's PrivProtocols by the names of this product; 5 and 7 are added by `installUsmPrivacy()`. */
export const privProtocols = {
  "des": 2,
  "aes128": 4,
  "aes192-blumenthal": 5,
  "aes192-reeder": 7,
  "aes256-blumenthal": 6,
  "aes256-reeder": 8,
} as const;

export type PrivProtocolName = keyof typeof privProtocols;
