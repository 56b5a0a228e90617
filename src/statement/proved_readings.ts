/** Which readings of a statement its agents have signed. Pure. */
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { Record as ReadRecord } from "../../proto/gen/opendca/v1/batch.ts";
import { type BatchLink, decodeLinks } from "../../common/protocol/batch_links.ts";
import { leafOf, rootOfPath } from "../../common/protocol/merkle_tree.ts";
import { type BatchHead, headOf, isSealedBy } from "../../common/protocol/signed_batch.ts";
import type { BatchLine, LinksLine, ProvedReading, StatementFile } from "./statement_file.ts";

/** A key that has signed. */
export interface SigningAgent {
  agent: string;
  /** SHA-256 of the certificate and of its public key, in hexadecimal. */
  certificate: string;
  key: string;
}

export type ReadingVerdict =
  | {
    kind: "proved";
    agent: string;
    deviceKey: string;
    serial: string | null;
    meters: Map<string, { value: number; unit: string }>;
  }
  | { kind: "unproved" | "wrong"; why: string };

export interface Evidence {
  /** By device and time in milliseconds. */
  readings: Map<string, ReadingVerdict>;
  agents: SigningAgent[];
  /** SHA-256 of the certificates of the authorities. */
  authorities: string[];
  /** What is wrong apart from single readings. */
  problems: string[];
  /** What the platform itself says about the chain. */
  notes: string[];
}

/** What the reader trusts, in hexadecimal; undefined: what the file says. */
export interface Pins {
  /** SHA-256 of the certificates of authorities. */
  authorities?: readonly string[] | undefined;
  /** SHA-256 of certificates or of public keys of agents. */
  agents?: readonly string[] | undefined;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const isHex = (text: unknown, bytes: number) =>
  typeof text === "string" && text.length === 2 * bytes && /^[0-9a-f]*$/.test(text);

export function readEvidence(file: StatementFile, pins: Pins): Evidence {
  const problems: string[] = [], notes: string[] = [];
  const certificates = readCertificates(file, pins, problems);
  const batches = readBatches(file, certificates.agents, { problems, notes });
  const readings = new Map<string, ReadingVerdict>();
  for (const [i, reading] of file.readings.entries()) {
    if (reading.reading !== i + 1) problems.push(`reading ${i + 1} has another number`);
    const key = readingKey(reading.device, Date.parse(reading.at));
    if (readings.has(key)) problems.push(`reading ${i + 1} is there twice`);
    readings.set(key, verdictOf(reading, batches));
  }
  return {
    readings,
    agents: [...certificates.agents.values()].map(({ certificate, agent, key }) => ({ certificate, agent, key })),
    authorities: certificates.authorities,
    problems,
    notes,
  };
}

export function readingKey(device: string, at: number): string {
  return `${device} ${at}`;
}

interface AgentCertificate extends SigningAgent {
  x509: X509Certificate;
}

function readCertificates(
  { certificates }: StatementFile,
  pins: Pins,
  problems: string[],
): { agents: Map<string, AgentCertificate>; authorities: string[] } {
  const all: { digest: string; key: string; x509: X509Certificate }[] = [];
  for (const [i, { certificate, der }] of certificates.entries()) {
    try {
      const bytes = Buffer.from(der, "base64");
      if (bytes.toString("base64") !== der || sha256(bytes) !== certificate) throw new Error("another digest");
      const x509 = new X509Certificate(bytes);
      all.push({ digest: certificate, x509, key: sha256(x509.publicKey.export({ type: "spki", format: "der" })) });
    } catch {
      problems.push(`certificate ${i + 1} is damaged`);
    }
  }
  const authorities = all.filter(({ x509 }) => x509.ca);
  const trusted = authorities.filter(({ digest }) => pins.authorities?.includes(digest) !== false);
  if (authorities.length > trusted.length) problems.push("an authority is none of those that you trust");
  const agents = new Map<string, AgentCertificate>();
  for (const { digest, key, x509 } of all) {
    if (x509.ca) continue;
    const agent = /(?:^|\n|,\s*)CN=([^\n,]+)/.exec(x509.subject)?.[1] ?? "";
    const isIssued = trusted.some((each) => isIssuedBy(x509, each.x509));
    if (!isIssued) problems.push(`the certificate of ${agent} is not of the authority`);
    else if (pins.agents !== undefined && !pins.agents.includes(digest) && !pins.agents.includes(key)) {
      problems.push(`the certificate of ${agent} is none of those that you trust`);
    } else agents.set(digest, { agent, certificate: digest, key, x509 });
  }
  return { agents, authorities: authorities.map(({ digest }) => digest) };
}

function isIssuedBy(x509: X509Certificate, authority: X509Certificate): boolean {
  try {
    return x509.checkIssued(authority) && x509.verify(authority.publicKey);
  } catch {
    return false; // A key that cannot verify.
  }
}

/** How far the chain of an agent has been read. */
interface ChainEnd {
  head: Uint8Array;
  /** Names links that the next signature has to cover; empty if there are none. */
  unsigned: string;
}

/** Those that are signed, by number. */
function readBatches(
  { batches }: StatementFile,
  agents: ReadonlyMap<string, AgentCertificate>,
  { problems, notes }: { problems: string[]; notes: string[] },
): Map<number, BatchLine> {
  const sound = new Map<number, BatchLine>(), chains = new Map<string, ChainEnd>();
  let number = 1;
  for (const line of batches) {
    const { batch, agent } = line, name = `batch ${number} of ${agent}`, end = chains.get(agent);
    if (batch !== number) problems.push(`${name} has another number`);
    if ("links" in line) {
      const links = decodeLinks(line.links);
      if (links === undefined || end === undefined || !Number.isSafeInteger(line.sequence)) {
        problems.push(`${name} is damaged`);
        number++;
        continue;
      }
      chains.set(agent, { head: headAfter(end.head, links, line), unsigned: end.unsigned || name });
      number += links.length;
      continue;
    }
    number++;
    const head = maybeHead(line);
    if (head === undefined) {
      problems.push(`${name} is damaged`);
      continue;
    }
    const { fault } = line;
    if (!["", "gap", "refused"].includes(fault)) {
      notes.push(`${name} proves nothing, as the platform says: ${fault}`);
      continue;
    }
    if (!isSigned(line, head, agents.get(line.certificate))) problems.push(`${name} is not signed by the agent`);
    else if (fault !== "refused") sound.set(batch, line);
    chains.set(agent, { head: headOf(head), unsigned: "" });
    if (end === undefined || Buffer.from(end.head).toString("hex") === line.previous) continue;
    // The agent lost its memory of the chain, or batches are missing: the platform said so when it came.
    if (fault === "gap" && end.unsigned === "") {
      notes.push(`${name} does not follow the one before it: one is missing, or the agent started a new chain`);
    } else problems.push(`${name} does not follow the one before it: one was removed, altered or put in`);
  }
  for (const { unsigned } of chains.values()) {
    if (unsigned !== "") problems.push(`${unsigned} is not signed by the agent, nor is one after it`);
  }
  return sound;
}

/* Each link holds the head of the one before. */
function headAfter(before: Uint8Array, links: readonly BatchLink[], { epoch, sequence }: LinksLine): Uint8Array {
  let previous = before;
  for (const [i, link] of links.entries()) previous = headOf({ ...link, epoch, sequence: sequence + i, previous });
  return previous;
}

function maybeHead({ epoch, sequence, batchId, records, root, previous }: BatchLine): BatchHead | undefined {
  const isDigests = isHex(root, 32) && (previous === "" || isHex(previous, 32));
  if (!isDigests || !Number.isSafeInteger(sequence) || !Number.isSafeInteger(records)) return undefined;
  return { epoch, sequence, batchId, records, root: Buffer.from(root, "hex"), previous: Buffer.from(previous, "hex") };
}

function isSigned({ agent, signature: text }: BatchLine, head: BatchHead, certificate?: AgentCertificate): boolean {
  const signature = Buffer.from(text, "base64");
  return certificate?.agent === agent && signature.toString("base64") === text &&
    isSealedBy(certificate.x509.publicKey, head, signature);
}

const reasons: Record<string, string> = {
  notSigned: "the agent did not sign it",
  notKept: "the platform no longer keeps it",
  forged: "the signature of its batch was wrong",
  altered: "its batch was not what the agent signed",
  unknownKey: "its batch was signed by an unknown key",
};

/* A reading may be some seconds in the future of the platform, which takes its own time for it then. */
const aheadMs = 3000;

function verdictOf(reading: ProvedReading, batches: ReadonlyMap<number, BatchLine>): ReadingVerdict {
  const { missing, agent, batch, index, path, record } = reading;
  if (missing !== undefined) {
    const isAlone = agent === undefined && record === undefined;
    return isAlone && Object.hasOwn(reasons, missing)
      ? { kind: "unproved", why: reasons[missing]! }
      : { kind: "wrong", why: "its proof is damaged" };
  }
  const line = batches.get(Number(batch));
  if (line === undefined) return { kind: "wrong", why: `batch ${batch} does not prove it` };
  if (line.agent !== agent) return { kind: "wrong", why: "its batch is of another agent" };
  if (typeof path !== "string" || path.length % 64 !== 0 || !/^[0-9a-f]*$/.test(path) || typeof record !== "string") {
    return { kind: "wrong", why: "its proof is damaged" };
  }
  const bytes = Buffer.from(record, "base64");
  const steps = Array.from({ length: path.length / 64 }, (_, i) => Buffer.from(path.slice(64 * i, 64 * i + 64), "hex"));
  const root = rootOfPath(leafOf(bytes), { index: Number(index), size: line.records, path: steps });
  if (root === undefined || !Buffer.from(line.root, "hex").equals(root) || bytes.toString("base64") !== record) {
    return { kind: "wrong", why: "it is not what the agent signed" };
  }
  return contentOf(bytes, agent, Date.parse(reading.at));
}

function contentOf(bytes: Uint8Array, agent: string, at: number): ReadingVerdict {
  const record = maybeRecord(bytes);
  if (record?.content?.$case !== "reading") return { kind: "wrong", why: "it is no reading" };
  const told = (record.correctedAt ?? record.observedAt)?.getTime() ?? NaN;
  if (!(told - at >= 0 && told - at <= aheadMs)) {
    const time = Number.isNaN(told) ? "no time" : new Date(told).toISOString();
    return { kind: "wrong", why: `the agent read it at another time: ${time}` };
  }
  const { serial, meters } = record.content.value;
  return {
    kind: "proved",
    agent,
    deviceKey: record.deviceKey,
    serial: serial ?? null,
    // The first counts, where a name occurs twice.
    meters: new Map(meters.toReversed().map(({ name, value, unit }) => [name, { value, unit }])),
  };
}

/* Whoever makes up an agent signs anything. */
function maybeRecord(bytes: Uint8Array): ReadRecord | undefined {
  try {
    return ReadRecord.decode(bytes);
  } catch {
    return undefined;
  }
}

/** SHA-256 of a certificate and of its public key, in hexadecimal. Throws an `Error` for other data. */
export function certificateDigest(der: Uint8Array): { certificate: string; key: string } {
  const key = new X509Certificate(der).publicKey.export({ type: "spki", format: "der" });
  return { certificate: sha256(der), key: sha256(key) };
}
