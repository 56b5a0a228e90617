/** PEM, the textual encoding of RFC 7468: a label around base64 in lines of 64 characters. */

export function encodePem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** All blocks of a text with this label in DER, in order; other text is ignored. Throws `SyntaxError`. */
export function decodePem(label: string, text: string): Uint8Array<ArrayBuffer>[] {
  const block = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`, "g");
  return [...text.matchAll(block)].map(([, base64]) => Uint8Array.fromBase64(base64!));
}
