/** Opening what a SAML provider has encrypted for the portal. It proves nothing of who did: the signature within does. */
import { decryptXml } from "@node-saml/node-saml/lib/xml.js";
import type { SamlKey } from "./saml_keys.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
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
  const xml = opened.find((one) => typeof one === "string")?.replace(/^\s*<\?xml[^>]{0,200}>/, "");
  // For whatever is wrong: padding, key, and what is within must not be told apart.
  if (xml === undefined || isOdd(xml)) {
    throw refused("nothing of it can be decrypted: let the provider read the portal's metadata again");
  }
  return xml;
}

/** Whoever has the portal's public key can put anything there; of a changed block, what is left is odd as well. */
function isOdd(xml: string): boolean {
  try {
    refuseOddXml(xml);
    return false;
  } catch (error) {
    if (error instanceof ProviderRefusal) return true;
    throw error;
  }
}
