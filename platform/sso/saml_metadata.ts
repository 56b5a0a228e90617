/** What a SAML provider reads of the portal: who it is, where messages go, and its keys. */
import { buildXmlBuilderObject } from "@node-saml/node-saml/lib/xml.js";
import type { Provider } from "./providers.ts";
import type { SamlAddresses } from "./saml.ts";
import type { SamlKey } from "./saml_keys.ts";
import { encryptionAlgorithms, keyTransport } from "./saml_xml.ts";

const bindings = "urn:oasis:names:tc:SAML:2.0:bindings:";

/** `keys`: the newest first. It is encrypted for the newest; requests may be signed by each. */
export function samlMetadata(
  { settings }: Provider,
  { entityId, consumer, signOut }: SamlAddresses,
  keys: readonly SamlKey[],
): string {
  const keyInfo = ({ certificatePem }: SamlKey) => ({
    "ds:KeyInfo": {
      "ds:X509Data": { "ds:X509Certificate": { "#text": certificatePem.replace(/-----[A-Z ]+-----|\s/g, "") } },
    },
  });
  const signingKeys = keys.map((key) => ({ "@use": "signing", ...keyInfo(key) }));
  const encryptionKeys = keys.slice(0, 1).map((key) => ({
    "@use": "encryption",
    ...keyInfo(key),
    EncryptionMethod: [...encryptionAlgorithms, keyTransport].map((name) => ({ "@Algorithm": name })),
  }));
  const logout = ["HTTP-Redirect", "HTTP-POST"].map((name) => ({ "@Binding": bindings + name, "@Location": signOut }));
  return buildXmlBuilderObject({
    EntityDescriptor: {
      "@xmlns": "urn:oasis:names:tc:SAML:2.0:metadata",
      "@xmlns:ds": "http://www.w3.org/2000/09/xmldsig#",
      "@entityID": entityId,
      SPSSODescriptor: {
        "@protocolSupportEnumeration": "urn:oasis:names:tc:SAML:2.0:protocol",
        "@AuthnRequestsSigned": "false",
        "@WantAssertionsSigned": "true",
        KeyDescriptor: [...signingKeys, ...encryptionKeys],
        ...(settings["sign-out-address"] === undefined ? {} : { SingleLogoutService: logout }),
        AssertionConsumerService: {
          "@index": "1",
          "@isDefault": "true",
          "@Binding": `${bindings}HTTP-POST`,
          "@Location": consumer,
        },
      },
    },
  }, true);
}
