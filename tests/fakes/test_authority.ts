import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface TestCertificate {
  keyPem: string;
  certificatePem: string;
  der: Uint8Array;
}

/** A certificate authority of a test; names and dates are as the test wants them. */
export interface TestAuthority {
  pem: string;
  der: Uint8Array;
  issue(options?: { names?: string[]; notBefore?: Date; notAfter?: Date }): Promise<TestCertificate>;
  /** A certificate for the key of a PKCS #10 request in DER. */
  sign(csr: Uint8Array, options?: { notBefore?: Date; notAfter?: Date }): Promise<Uint8Array>;
}

const hour = 3_600_000;

export async function createTestAuthority(name = "OpenDCA Test Authority"): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 24 * 365 * hour * 10),
    notAfter: new Date(Date.now() + 24 * 365 * hour * 10),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  async function certify(publicKey: CryptoKey | x509.PublicKey, subject: string, options: {
    names?: string[];
    notBefore?: Date;
    notAfter?: Date;
  }): Promise<Uint8Array> {
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: crypto.randomUUID().replaceAll("-", "").slice(0, 16).replace(/^[89a-f]/, "1"),
      subject,
      issuer: root.subject,
      notBefore: options.notBefore ?? new Date(Date.now() - hour),
      notAfter: options.notAfter ?? new Date(Date.now() + 24 * hour),
      signingAlgorithm: algorithm,
      publicKey,
      signingKey: keys.privateKey,
      extensions: options.names === undefined ? [] : [
        new x509.SubjectAlternativeNameExtension(options.names.map((value) => ({ type: "dns" as const, value }))),
      ],
    });
    return new Uint8Array(made.rawData);
  }
  return {
    pem: root.toString("pem"),
    der: new Uint8Array(root.rawData),
    async issue(options = {}) {
      const names = options.names ?? ["localhost"];
      const own = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const der = await certify(own.publicKey, `CN=${names[0]}`, { ...options, names });
      return {
        keyPem: x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", own.privateKey), "PRIVATE KEY"),
        certificatePem: x509.PemConverter.encode(new Uint8Array(der), "CERTIFICATE"),
        der,
      };
    },
    async sign(csr, options = {}) {
      const request = new x509.Pkcs10CertificateRequest(new Uint8Array(csr));
      if (!await request.verify()) throw new Error("The certificate request is not signed by its key");
      return await certify(request.publicKey, "CN=agent", options);
    },
  };
}
