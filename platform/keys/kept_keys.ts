/** The keys of the data directory, which are created if it is new. */
import { ConfigError } from "../../common/core/errors.ts";
import { createSigningKeyPem, loadSigningKey, type SigningKey } from "../../common/protocol/signature.ts";
import { type Authority, createAuthority, loadAuthority, validityFrom } from "./authority.ts";
import type { DataDirectory } from "./data_directory.ts";
import { certificateEnd, type CertificateFiles, createServerCertificate, isCurrent } from "./server_certificate.ts";

export interface KeptKeys {
  /** Signs the certificates of agents. */
  agentAuthority: Authority;
  /** Signs the server's certificate, if the operator has none from a public authority. */
  serverAuthority: Authority;
  signingKey: SigningKey;
  /** Key of the digests of activation codes. */
  pepper: Uint8Array;
}

const authorityDays = 3653;

interface KeyFolder {
  directory: DataDirectory;
  /** The store is not new: missing keys were lost. */
  isUsed: boolean;
}

/** Throws ConfigError if a key is missing beside a store that is in use. */
export async function keptKeys(
  directory: DataDirectory,
  { isUsed, now }: { isUsed: boolean; now: Date },
): Promise<KeptKeys> {
  const folder = { directory, isUsed };
  return {
    agentAuthority: await keptAuthority(folder, { name: "agent-authority", now }),
    serverAuthority: await keptAuthority(folder, { name: "server-authority", now }),
    signingKey: loadSigningKey(kept(folder, "signing.key", createSigningKeyPem)),
    pepper: Uint8Array.fromHex(
      kept(folder, "code-pepper.key", () => crypto.getRandomValues(new Uint8Array(32)).toHex()),
    ),
  };
}

/* A key that is there, or a new one beside a new store. */
function kept({ directory, isUsed }: KeyFolder, name: string, make: () => string): string {
  const known = directory.maybeText(name);
  if (known !== undefined) return known;
  if (isUsed) throw missingKey(directory, name);
  const text = make();
  directory.write(name, text);
  return text;
}

async function keptAuthority(folder: KeyFolder, options: { name: string; now: Date }): Promise<Authority> {
  const { directory, isUsed } = folder, { name, now } = options;
  const certificatePem = directory.maybeText(`${name}.pem`);
  const privateKeyPem = directory.maybeText(`${name}.key`);
  if (certificatePem !== undefined && privateKeyPem !== undefined) {
    return loadAuthority({ certificatePem, privateKeyPem });
  }
  if (isUsed) throw missingKey(directory, `${name}.${certificatePem === undefined ? "pem" : "key"}`);
  const files = await createAuthority(`OpenDCA ${name.replace("-", " ")}`, validityFrom(now, authorityDays));
  directory.write(`${name}.key`, files.privateKeyPem);
  directory.write(`${name}.pem`, files.certificatePem);
  return loadAuthority(files);
}

function missingKey(directory: DataDirectory, name: string): ConfigError {
  return new ConfigError(
    `Cannot use the store as "${directory.path(name)}" is missing`,
    "restore the file from a backup; with a new one, every agent would have to be activated again",
  );
}

/** When the certificate that the platform has made for its server ends; undefined if it has made none. */
export function serverCertificateEnd(directory: DataDirectory): Date | undefined {
  const pem = directory.maybeText("server.pem");
  return pem === undefined ? undefined : certificateEnd(pem);
}

/** The server's certificate for these names; renewed if the present one has other names or expires soon. */
export async function keptServerCertificate(
  directory: DataDirectory,
  { authority, names, now, file = "server.pem" }: { authority: Authority; names: string[]; now: Date; file?: string },
): Promise<CertificateFiles> {
  const check = { names, now };
  const known = directory.maybeText(file);
  if (known !== undefined && isCurrent(known, check)) return { certificatePem: known, privateKeyPem: known };
  const { certificatePem, privateKeyPem } = await createServerCertificate(authority, check);
  // TLS libraries pick the blocks that they need from a PEM file.
  directory.write(file, certificatePem + privateKeyPem);
  return { certificatePem, privateKeyPem };
}
