/** Opening what a SAML provider has encrypted for the portal. It proves nothing of who did: the signature within does. */
import { decryptXml } from "@node-saml/node-saml/lib/xml.js";
import type { SamlKey } from "./saml_keys.ts";
import { refused, refuseOddXml } from "./saml_xml.ts";

/** Whether there is anything encrypted. */
export function hasEncrypted(xml: string): boolean {
  return /<(?:[\w.-]{1,50}:)?Encrypted/.test(xml);
}

/** Of an element with EncryptedData, whose algorithms were looked at. Throws ProviderRefusal. */
export async function decryptedXml(encrypted: string, keys: readonly SamlKey[]): Promise<string> {
  // By all of them, whichever opens it: how long it takes must not tell how far it came.
  const opened = await Promise.all(
    keys.map(({ privateKeyPem }) => decryptXml(encrypted, privateKeyPem).catch(() => undefined)),
  );
  const text = opened.find((one) => typeof one === "string");
  if (text !== undefined) {
    const xml = text.replace(/^\s*<\?xml[^>]{0,200}>/, "");
    // Whoever has the portal's public key can put anything there.
    refuseOddXml(xml);
    return xml;
  }
  // For whatever is wrong: padding, key, and what is within must not be told apart.
  throw refused("nothing of it can be decrypted: let the provider read the portal's metadata again");
}
