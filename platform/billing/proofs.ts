/**
 * What proves the readings of a statement, for `opendca verify-statement`: each reading as the agent uploaded it, its way
 * up to the root that the agent signed, the batches of each agent from the first to the last one that is needed, and the
 * certificates. See docs/billing.md.
 */
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { canonicalJson } from "../../common/protocol/statement_lines.ts";
import { leafOf, type MerkleLevels, merkleLevels, merklePath } from "../../common/protocol/merkle_tree.ts";
import { leavesAt, type SealRow, sealsBetween } from "../devices/batch_seals.ts";
import { unpackRecord } from "../store/stored_record.ts";
import type { Tenant } from "../store/store.ts";
import { agentAuthorities } from "./known_keys.ts";
import type { StatementRow } from "./statement.ts";

export interface ProofLines {
  readings: string[];
  batches: string[];
  certificates: string[];
}

interface WantedReading {
  device_id: string;
  at: number;
}

interface FoundRecord extends WantedReading {
  agent_id: string;
  received_at: number;
  record: Uint8Array;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What is not signed, or not kept any more, is told as such. */
export async function proofLines(tenant: Tenant, rows: readonly StatementRow[]): Promise<ProofLines> {
  const wanted = wantedBy(rows);
  const records = await tenant.allOf<FoundRecord>(
    `SELECT device_id, observed_at AS at, agent_id, received_at, record FROM records
     WHERE customer_id = :customer AND device_id = :device_id AND observed_at = :at AND kind = 'reading'`,
    wanted.map((each) => ({ ...each })),
  );
  const byReading = Map.groupBy(records, ({ device_id, at }) => `${device_id} ${at}`);
  const leaves = await leafPlaces(tenant, records);
  const batches = await batchesOf(tenant, records.filter((record) => leaves.has(placeKey(record))));
  const readings = wanted.flatMap(({ device_id, at }, i) => {
    const reading = { reading: i + 1, device: device_id, at: new Date(at).toISOString() };
    const found = byReading.get(`${device_id} ${at}`);
    if (found === undefined) return [{ ...reading, missing: "notKept" }];
    return [provedReading(reading, found, leaves, batches)];
  });
  const seals = [...batches.values()];
  const certificates = await certificatesOf(tenant, seals.map(({ seal }) => seal));
  return {
    readings: readings.map(canonicalJson),
    batches: seals.map(({ seal, number }) => canonicalJson(batchLine(seal, number))),
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
  for (const { device, first, last, marks } of rows) {
    if (first !== null) add(first.device, Date.parse(first.at));
    if (last !== null) add(last.device, Date.parse(last.at));
    for (const mark of marks) {
      if (!("beforeAt" in mark) || mark.kind === "board") continue;
      add(first?.device ?? device.id, mark.beforeAt);
      add(last?.device ?? device.id, mark.at);
    }
  }
  return [...wanted.values()];
}

interface Leaf {
  epoch: string;
  sequence: number;
  index: number;
  levels: MerkleLevels;
}

/** For each agent and time of arrival, the records of its batches by digest. */
async function leafPlaces(tenant: Tenant, records: readonly FoundRecord[]): Promise<Map<string, Map<string, Leaf>>> {
  const times = new Map(records.map(({ agent_id, received_at }) => [
    placeKey({ agent_id, received_at }),
    { agent_id, received_at },
  ]));
  const places = new Map<string, Map<string, Leaf>>();
  for (const seal of await leavesAt(tenant, [...times.values()])) {
    const { epoch, sequence } = seal;
    const leaves = Array.from({ length: seal.leaves.length / 32 }, (_, i) => seal.leaves.subarray(32 * i, 32 * i + 32));
    const levels = merkleLevels(leaves), key = placeKey(seal), own = places.get(key) ?? new Map<string, Leaf>();
    for (const [index, leaf] of leaves.entries()) own.set(hex(leaf), { epoch, sequence, index, levels });
    places.set(key, own);
  }
  return places;
}

function placeKey({ agent_id, received_at }: { agent_id: string; received_at: number }): string {
  return `${agent_id} ${received_at}`;
}

function sealKey(agentId: string, { epoch, sequence }: { epoch: string; sequence: number }): string {
  return `${agentId} ${epoch} ${sequence}`;
}

interface NumberedSeal {
  seal: SealRow;
  /** From 1. */
  number: number;
}

/** By key, in the order of the agents and of their chains: all from the first to the last one that is needed. */
async function batchesOf(tenant: Tenant, records: readonly FoundRecord[]): Promise<Map<string, NumberedSeal>> {
  const batches = new Map<string, NumberedSeal>();
  for (const [agentId, own] of Map.groupBy(records, ({ agent_id }) => agent_id)) {
    let from = Infinity, to = -Infinity;
    for (const { received_at } of own) [from, to] = [Math.min(from, received_at), Math.max(to, received_at)];
    for (const seal of await sealsBetween(tenant, { agentId, from, to })) {
      batches.set(sealKey(agentId, seal), { seal, number: batches.size + 1 });
    }
  }
  return batches;
}

function provedReading(
  reading: { reading: number; device: string; at: string },
  found: readonly FoundRecord[],
  leaves: ReadonlyMap<string, Map<string, Leaf>>,
  batches: ReadonlyMap<string, NumberedSeal>,
) {
  let missing: string = "notSigned";
  for (const record of found) {
    const bytes = unpackRecord(record.record);
    const leaf = leaves.get(placeKey(record))?.get(hex(leafOf(bytes)));
    if (leaf === undefined) continue;
    const { seal, number } = batches.get(sealKey(record.agent_id, leaf))!;
    if (seal.fault !== "" && seal.fault !== "gap") {
      missing = seal.fault;
      continue;
    }
    return {
      ...reading,
      agent: record.agent_id,
      batch: number,
      index: leaf.index,
      path: hex(Buffer.concat(merklePath(leaf.levels, leaf.index))),
      record: Buffer.from(bytes).toString("base64"),
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
