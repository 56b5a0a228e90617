import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const yearMs = 365 * 86_400_000;

/** A certificate that a printer made for itself, as nearly all have: signed by its own key, for ten years. */
export async function createWebCertificate(
  { name, address }: { name: string; address: string },
): Promise<{ certificatePem: string; privateKeyPem: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - yearMs),
    notAfter: new Date(Date.now() + 9 * yearMs),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: address }])],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificatePem: certificate.toString("pem"), privateKeyPem: x509.PemConverter.encode(key, "PRIVATE KEY") };
}
