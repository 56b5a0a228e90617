/** Agents of a customer whose signed batches come at any time of a clock of its own; without a network. */
import { Buffer } from "node:buffer";
import { canonicalJson, createStatementHash, signedHash } from "../../common/protocol/statement_lines.ts";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { leafOf, merkleRoot } from "../../common/protocol/merkle_tree.ts";
import { headOf, sealBatch } from "../../common/protocol/signed_batch.ts";
import { issueAgentCertificate, parseCsr } from "../../platform/agents/agent_certificate.ts";
import { addAgent } from "../../platform/agents/agents.ts";
import { addCertificate } from "../../platform/agents/certificates.ts";
import type { Platform } from "../../platform/agents/platform.ts";
import type { TenantBy } from "../../platform/audit/use_case.ts";
import { keepProofs } from "../../platform/billing/keep_proofs.ts";
import { noteKeys } from "../../platform/billing/known_keys.ts";
import { type Preview, previewStatement, type StatementWanted } from "../../platform/billing/make_statement.ts";
import { type ProofLines, proofLines } from "../../platform/billing/proofs.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { defaultRetention, dropOld, type Retention } from "../../platform/devices/retention.ts";
import { upload } from "../../platform/devices/upload.ts";
import { createAuthority, loadAuthority, validityFrom } from "../../platform/keys/authority.ts";
import type { Store, Tenant } from "../../platform/store/store.ts";
import { Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import type { Meter } from "../../proto/gen/opendca/v1/reading.ts";
import { parseStatement } from "../../src/statement/statement_file.ts";
import { type StatementVerdict, verifyStatement } from "../../src/statement/verify_statement.ts";
import { openTestStore } from "../fixtures/each_database.ts";
import { addTestCustomer, looseTenant } from "../fixtures/loose_queries.ts";
import { newKeyAndCsr } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

export interface SentReading {
  serial: string;
  address: string;
  observedAt: number;
  meters: Record<string, number>;
}

export interface ProofScene extends AsyncDisposable {
  store: Store;
  platform: Platform;
  by: TenantBy;
  tenant: Tenant;
  agentIds: string[];
  now(): number;
  /** Never goes back. */
  at(ms: number): void;
  /** As one batch of the agent, with its signature unless it is of an agent that has none. */
  send(agent: number, readings: readonly SentReading[], options?: { isSigned?: boolean }): Promise<void>;
  /** As retention does it now. */
  drop(retention?: Partial<Retention>): Promise<void>;
  statement(wanted: StatementWanted): Promise<{ preview: Preview; lines: ProofLines }>;
}

/* Making keys takes longer than all the rest. */
const keys = Promise.all([newKeyAndCsr(), newKeyAndCsr()]);
const authorities = createAuthority("Agents", validityFrom(new Date("2024-01-01"), 10_000)).then(loadAuthority);

export async function proofScene(begin: number, store?: Store): Promise<ProofScene> {
  const own = store ?? await openTestStore(), agentAuthority = await authorities;
  let ms = begin;
  const clock = { now: () => new Date(ms), monotonicMs: () => ms };
  const signingKey = loadSigningKey(createSigningKeyPem());
  const platform = {
    store: own,
    quotas: { agentBytes: 1e12, customerBytes: 1e12 },
    clock,
    signingKey,
    agentAuthority,
    log() {},
  } as unknown as Platform;
  const made = await own.transaction(async (tx) => {
    const { customer_id: customerId } = await addTestCustomer(tx, {
      name: `Acme ${crypto.randomUUID()}`,
      at: clock.now(),
    });
    const tenant = tx.tenant(customerId), agents = [];
    for (const [i, { csr, privateKeyPem: keyPem }] of (await keys).entries()) {
      const { site_id: siteId } = await addSite(tenant, { name: `Site ${i}`, at: clock.now() });
      const installationId = crypto.randomUUID();
      const agentId = await addAgent(tenant, { siteId, installationId, hostname: "h", version: "1", at: clock.now() });
      const certificate = await issueAgentCertificate(agentAuthority, {
        agentId,
        csr: await parseCsr(new Uint8Array(csr)),
        now: clock.now(),
      });
      await addCertificate(tenant, { agentId, certificate });
      agents.push({
        agentId,
        installationId,
        runId: crypto.randomUUID(),
        keyPem,
        der: certificate.der,
        sequence: 0,
        head: new Uint8Array() as Uint8Array,
      });
    }
    await noteKeys(tx, platform, clock.now());
    return { customerId, agents };
  });
  const { customerId, agents } = made, tenant = looseTenant(own, customerId);
  const by: TenantBy = { actor: { kind: "operator", name: "eva" }, tenant: customerId };
  return {
    store: own,
    platform,
    by,
    tenant,
    agentIds: agents.map(({ agentId }) => agentId),
    now: () => ms,
    at: (to) => void (ms = Math.max(ms, to)),
    async send(n, readings, { isSigned = true } = {}) {
      const agent = agents[n]!, sequence = ++agent.sequence;
      const records = readings.map(recordBy);
      const batch = batchOf(agent, { sequence, records });
      if (isSigned) {
        const { agentEpoch: epoch, batchId } = batch;
        const root = merkleRoot(records.map((record) => leafOf(UploadedRecord.encode(record).finish())));
        const head = { epoch, sequence, batchId, records: records.length, root, previous: agent.head };
        batch.seal = sealBatch(head, { keyPem: agent.keyPem, certificateDer: agent.der });
        agent.head = headOf(head);
      }
      await upload(platform, { customerId, agentId: agent.agentId }, batch);
    },
    async drop(retention) {
      await dropOld(own, { now: clock.now(), retention: { ...defaultRetention, ...retention }, keepProofs });
    },
    async statement(wanted) {
      const preview = await previewStatement(platform, by, wanted);
      return { preview, lines: await own.transaction((tx) => proofLines(tx.tenant(customerId), preview.rows)) };
    },
    async [Symbol.asyncDispose]() {
      if (store === undefined) await own[Symbol.asyncDispose]();
    },
  };
}

function recordBy({ serial, address, observedAt, meters }: SentReading): UploadedRecord {
  const at = new Date(observedAt), reading = readingOf({ serial, address, observedAt: at });
  reading.meters = Object.entries(meters).map(([name, value]): Meter => ({ ...reading.meters[0]!, name, value }));
  return recordOf(reading, { observedAt: at });
}

/** What `opendca verify-statement` says of it, as an exported file. */
export function verdictOf(
  { platform: { signingKey } }: Pick<ProofScene, "platform">,
  { preview, lines }: { preview: Preview; lines: ProofLines },
): StatementVerdict & { bytes: number } {
  const statement = { ...preview.head, number: 1 }, parse = (text: string) => JSON.parse(text);
  const hash = createStatementHash();
  for (const line of [statement, ...preview.rows]) hash.add(canonicalJson(line));
  for (const line of [...lines.readings, ...lines.batches, ...lines.certificates]) hash.add(line);
  const hex = hash.hex();
  const text = JSON.stringify({
    statement,
    hash: hex,
    signature: {
      keyId: signingKey.keyId,
      publicKey: Buffer.from(signingKey.publicKey).toString("base64"),
      value: Buffer.from(signingKey.sign("opendca.statement.v1", signedHash(hex))).toString("base64"),
    },
    rows: preview.rows,
    readings: lines.readings.map(parse),
    batches: lines.batches.map(parse),
    certificates: lines.certificates.map(parse),
  });
  return { ...verifyStatement(parseStatement(text)), bytes: text.length };
}
