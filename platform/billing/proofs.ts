/**
 * What proves the readings of a statement, for `opendca verify-statement`: each reading as the agent uploaded it, its way
 * up to the root that the agent signed, the batches of each agent from the first to the last one that is needed, and the
 * certificates. See docs/billing.md.
 */
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { type BatchLink, encodeLinks, isLinkable, mostLinks } from "../../common/protocol/batch_links.ts";
import { type BatchHead, headOf } from "../../common/protocol/signed_batch.ts";
import { canonicalJson } from "../../common/protocol/statement_lines.ts";
import { type SealRow, sealsBetween } from "../devices/batch_seals.ts";
import { unpackRecord } from "../store/stored_record.ts";
import type { Tenant } from "../store/store.ts";
import { agentAuthorities } from "./known_keys.ts";
import { type PlacedReading, placedReadings, wantedKey, type WantedReading } from "./placed_readings.ts";
import type { StatementRow } from "./statement.ts";

export interface ProofLines {
  readings: string[];
  batches: string[];
  certificates: string[];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What is not signed, or not kept any more, is told as such. */
export async function proofLines(tenant: Tenant, rows: readonly StatementRow[]): Promise<ProofLines> {
  const wanted = wantedBy(rows), found = await placedReadings(tenant, wanted);
  const { lines: batches, signed } = await batchLines(tenant, [...found.values()].flat());
  const readings = wanted.map(({ device_id, at }, i) => {
    const reading = { reading: i + 1, device: device_id, at: new Date(at).toISOString() };
    const placed = found.get(wantedKey({ device_id, at }));
    return placed === undefined ? { ...reading, missing: "notKept" } : provedReading(reading, placed, signed);
  });
  const certificates = await certificatesOf(tenant, [...signed.values()].map(({ seal }) => seal));
  return {
    readings: readings.map(canonicalJson),
    batches,
    certificates: [
      ...certificates.map(certificateLine).sort(),
      ...issuersOf(certificates, await agentAuthorities(tenant.transaction)).map(certificateLine),
    ],
  };
}

/** Readings at both ends of rows, and around each step that counts otherwise. */
function wantedBy(rows: readonly StatementRow[]): WantedReading[] {
  const wanted = new Map<string, WantedReading>();
  const add = (device_id: string, at: number) => void wanted.set(`${device_id} ${at}`, { device_id, at });
  for (const { first, last, marks } of rows) {
    if (first !== null) add(first.device, Date.parse(first.at));
    if (last !== null) add(last.device, Date.parse(last.at));
    for (const mark of marks) {
      if (!("beforeAt" in mark) || mark.kind === "board") continue;
      // There is no step without readings at both ends. Those of a merged device are of any of its parts.
      add(mark.beforePart ?? first!.device, mark.beforeAt);
      add(mark.part ?? first!.device, mark.at);
    }
  }
  return [...wanted.values()];
}

function sealKey(agentId: string, { epoch, sequence }: { epoch: string; sequence: number }): string {
  return `${agentId} ${epoch} ${sequence}`;
}

interface NumberedSeal {
  seal: SealRow;
  /** From 1. */
  number: number;
}

interface BatchLines {
  lines: string[];
  /** Those with a line of their own, by `sealKey`. */
  signed: Map<string, NumberedSeal>;
}

/** In the order of the agents and of their chains: all batches from the first to the last one that is needed. */
async function batchLines(tenant: Tenant, readings: readonly PlacedReading[]): Promise<BatchLines> {
  const found: BatchLines = { lines: [], signed: new Map() };
  let number = 1;
  const placed = readings.filter(({ epoch }) => epoch !== "");
  for (const [agentId, own] of Map.groupBy(placed, ({ agent_id }) => agent_id)) {
    let from = Infinity, to = -Infinity;
    for (const { received_at } of own) [from, to] = [Math.min(from, received_at), Math.max(to, received_at)];
    const wanted = new Set(own.map((reading) => sealKey(agentId, reading)));
    const isNeeded = (seal: SealRow) => wanted.has(sealKey(agentId, seal));
    const all = await sealsBetween(tenant, { agentId, from, to });
    const seals = all.slice(all.findIndex(isNeeded), all.findLastIndex(isNeeded) + 1);
    for (const { seals: [first, ...others], isLinks } of linesOf(seals, isNeeded)) {
      if (isLinks) {
        const { epoch, sequence } = first, links = encodeLinks([first, ...others].map(linkOf));
        found.lines.push(canonicalJson({ batch: number, agent: agentId, epoch, sequence, links }));
      } else {
        found.signed.set(sealKey(agentId, first), { seal: first, number });
        found.lines.push(canonicalJson(batchLine(first, number)));
      }
      number += 1 + others.length;
    }
  }
  return found;
}

interface Line {
  seals: [SealRow, ...SealRow[]];
  isLinks: boolean;
}

/*
 * One that no reading needs is a link without a signature, if the chain goes on from the one before to it, and from it to
 * the next: that one's signature covers it.
 */
function linesOf(seals: readonly SealRow[], isNeeded: (seal: SealRow) => boolean): Line[] {
  const chain = seals.filter(({ fault }) => ["", "gap", "refused"].includes(fault));
  const follows = new Set(chain.filter(({ previous, fault }, i) => {
    const before = chain[i - 1];
    return before !== undefined && fault !== "gap" && Buffer.compare(previous, headOf(headBy(before))) === 0;
  }));
  const links = new Set(chain.filter((seal, i) => {
    const next = chain[i + 1];
    return next !== undefined && follows.has(seal) && follows.has(next) && !isNeeded(seal) && isLinkable(linkOf(seal));
  }));
  const lines: Line[] = [];
  for (const [i, seal] of seals.entries()) {
    const before = seals[i - 1], last = lines.at(-1), isLinks = links.has(seal);
    const goesOn = isLinks && last?.isLinks && before!.epoch === seal.epoch && before!.sequence + 1 === seal.sequence &&
      last.seals.length < mostLinks;
    if (goesOn) last.seals.push(seal);
    else lines.push({ seals: [seal], isLinks });
  }
  return lines;
}

function headBy({ batch_id: batchId, ...seal }: SealRow): BatchHead {
  return { ...seal, batchId };
}

function linkOf({ batch_id: batchId, records, root }: SealRow): BatchLink {
  return { batchId, records, root };
}

function provedReading(
  reading: { reading: number; device: string; at: string },
  found: readonly PlacedReading[],
  batches: ReadonlyMap<string, NumberedSeal>,
) {
  let missing: string = "notSigned";
  for (const { agent_id: agent, epoch, sequence, leaf_index: index, path, record } of found) {
    const batch = epoch === "" ? undefined : batches.get(sealKey(agent, { epoch, sequence }));
    // A record that is kept may outlive its seal by a month.
    if (batch === undefined) continue;
    const { seal: { fault }, number } = batch;
    if (fault !== "" && fault !== "gap") {
      missing = fault;
      continue;
    }
    return {
      ...reading,
      agent,
      batch: number,
      index,
      path: hex(path),
      record: Buffer.from(unpackRecord(record)).toString("base64"),
    };
  }
  return { ...reading, missing };
}

function batchLine(seal: SealRow, batch: number) {
  return {
    batch,
    agent: seal.agent_id,
    epoch: seal.epoch,
    sequence: seal.sequence,
    batchId: seal.batch_id,
    records: seal.records,
    root: hex(seal.root),
    previous: hex(seal.previous),
    fault: seal.fault,
    certificate: hex(seal.certificate),
    signature: Buffer.from(seal.signature).toString("base64"),
  };
}

async function certificatesOf(tenant: Tenant, seals: readonly SealRow[]): Promise<Uint8Array[]> {
  const digests = new Map(seals.map(({ certificate }) => [hex(certificate), certificate]));
  const found: Uint8Array[] = [];
  for (const fingerprint of digests.values()) {
    const row = await tenant.get<{ der: Uint8Array }>(
      "SELECT der FROM certificates WHERE customer_id = :customer AND fingerprint = :fingerprint",
      { fingerprint },
    );
    if (row !== undefined) found.push(row.der);
  }
  return found;
}

/* There are several after the authority was replaced. */
function issuersOf(certificates: readonly Uint8Array[], authorities: readonly Uint8Array[]): Uint8Array[] {
  if (certificates.length === 0) return [];
  const all = authorities.map((der) => ({ der, x509: new X509Certificate(der) }));
  const used = new Set<Uint8Array>();
  for (const certificate of certificates) {
    const x509 = new X509Certificate(certificate);
    const issuer = all.find((each) => x509.checkIssued(each.x509) && x509.verify(each.x509.publicKey));
    if (issuer !== undefined) used.add(issuer.der);
  }
  return [...used];
}

function certificateLine(der: Uint8Array): string {
  return canonicalJson({
    certificate: createHash("sha256").update(der).digest("hex"),
    der: Buffer.from(der).toString("base64"),
  });
}
