/**
 * key.pem, certificate.pem (the agent's own first) and ca.pem in the state directory. They are not used until
 * agent.json says `activated`, which is written last; a renewal only replaces certificate.pem, as the key stays.
 */
import {
  type CertificateFacts,
  certificateFacts,
  certificatesToPem,
  firstCertificate,
  makeClientKey,
} from "./client_key.ts";
import { type Disk, saveFile } from "../../common/host/disk.ts";

export interface ClientIdentity {
  keyPem: string;
  certificatePem: string;
  facts: CertificateFacts;
}

export interface IdentityFiles {
  /** The key; created if there is none. */
  key(): Promise<string>;
  /** Undefined if there is no certificate, or none for the key. */
  read(): Promise<ClientIdentity | undefined>;
  /** `chain` and `authority` in DER. */
  write(chain: readonly Uint8Array[], authority: Uint8Array): void;
}

/** The files of one state directory. */
export function identityFiles(disk: Disk, stateDirectory: string): IdentityFiles {
  const keyPath = `${stateDirectory}/key.pem`;
  const certificatePath = `${stateDirectory}/certificate.pem`;
  return {
    async key() {
      const found = disk.read(keyPath);
      if (found !== undefined && found.includes("PRIVATE KEY")) return found;
      disk.makeDirectory(stateDirectory);
      const made = await makeClientKey();
      saveFile(disk, keyPath, made);
      return made;
    },
    async read() {
      const [keyPem, certificatePem] = [disk.read(keyPath), disk.read(certificatePath)];
      const der = certificatePem === undefined ? undefined : firstCertificate(certificatePem);
      if (keyPem === undefined || certificatePem === undefined || der === undefined) return undefined;
      const facts = await certificateFacts(der, keyPem);
      return facts.isForKey ? { keyPem, certificatePem, facts } : undefined;
    },
    write(chain, authority) {
      saveFile(disk, `${stateDirectory}/ca.pem`, certificatesToPem([authority]));
      saveFile(disk, certificatePath, certificatesToPem(chain));
    },
  };
}
