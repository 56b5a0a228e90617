/**
 * Agents of bench/platform.ts and bench/design_load.ts: their rows are made beforehand; their connections, polls and
 * batches are real.
 */
import { Buffer } from "node:buffer";
import { credentials } from "@grpc/grpc-js";
import { readingToMessage } from "../common/reading/encode_reading.ts";
import type { Reading } from "../common/reading/reading.ts";
import { addCertificate } from "../platform/agents/certificates.ts";
import { issueAgentCertificate, parseCsr } from "../platform/agents/agent_certificate.ts";
import { addAgent } from "../platform/agents/agents.ts";
import type { OpenPlatform } from "../platform/agents/platform.ts";
import { addSite } from "../platform/customers/customers.ts";
import { addTestCustomer } from "../tests/fixtures/loose_queries.ts";
import { AgentServiceClient } from "../proto/gen/opendca/v1/agent_service.ts";
import type { Batch, Record as UploadedRecord } from "../proto/gen/opendca/v1/batch.ts";
import { batchOf as batchWith, recordOf } from "../tests/fixtures/platform_uploads.ts";
import {
  call,
  type ClientIdentity,
  newKeyAndCsr,
  pemOfDer,
  pollOf,
  type TestAgent,
} from "../tests/fixtures/platform_fixture.ts";

export type BenchAgent = Pick<TestAgent, "agentId" | "installationId" | "runId" | "identity"> & {
  customerId: string;
  sequence: number;
  epoch: string;
  /** How many times its meters went on. */
  steps: number;
  /** When its latest reading was made. */
  latestMs: number;
};

/** Activated, as far as the store can tell; all with one key, as making keys is no work of the platform. */
export async function makeAgents(platform: OpenPlatform, count: number, ofCustomer = 50): Promise<BenchAgent[]> {
  const { privateKeyPem, csr: der } = await newKeyAndCsr();
  const key = { privateKeyPem, csr: await parseCsr(der) };
  const customers = await platform.store.transaction(async (tx) => {
    const ids: string[] = [];
    for (let n = 0; n * ofCustomer < count; n++) {
      ids.push((await addTestCustomer(tx, { name: `Customer ${n}`, at: new Date() })).customer_id);
    }
    return ids;
  });
  const agents: BenchAgent[] = [];
  while (customers.length > 0) {
    const some = customers.splice(0, customersAtOnce).map((customerId, i) => {
      const many = Math.min(ofCustomer, count - agents.length - i * ofCustomer);
      return agentsOf(platform, { customerId, many, ...key });
    });
    agents.push(...(await Promise.all(some)).flat());
  }
  return agents;
}

const customersAtOnce = 8;

function agentsOf(
  platform: OpenPlatform,
  { customerId, many, privateKeyPem, csr }: {
    customerId: string;
    many: number;
    privateKeyPem: string;
    csr: Awaited<ReturnType<typeof parseCsr>>;
  },
): Promise<BenchAgent[]> {
  const now = new Date();
  return platform.store.transaction(async (tx) => {
    const tenant = tx.tenant(customerId);
    const agents: BenchAgent[] = [];
    for (let i = 0; i < many; i++) {
      // One office each: in one, all agents would see different printers at one address.
      const { site_id: siteId } = await addSite(tenant, { name: `Office ${i}`, at: now });
      const installationId = crypto.randomUUID();
      const agentId = await addAgent(tenant, { siteId, installationId, hostname: "bench", version: "1", at: now });
      const certificate = await issueAgentCertificate(platform.agentAuthority, { agentId, csr, now });
      await addCertificate(tenant, { agentId, certificate });
      agents.push({
        customerId,
        agentId,
        installationId,
        runId: crypto.randomUUID(),
        identity: { privateKeyPem, chain: pemOfDer(certificate.der) },
        sequence: 0,
        steps: 0,
        epoch: crypto.randomUUID(),
        latestMs: 0,
      });
    }
    return agents;
  });
}

export interface Server {
  target: string;
  authorityPem: string;
  port: number;
}

export function clientOf({ target, authorityPem }: Server, identity: ClientIdentity): AgentServiceClient & Disposable {
  const { privateKeyPem, chain } = identity;
  const channel = credentials.createSsl(Buffer.from(authorityPem), Buffer.from(privateKeyPem), Buffer.from(chain));
  // The target may be an address.
  const name = { "grpc.ssl_target_name_override": "localhost", "grpc.default_authority": "localhost" };
  const client = new AgentServiceClient(target, channel, { "grpc.use_local_subchannel_pool": 1, ...name });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

export function poll(client: AgentServiceClient, agent: BenchAgent): Promise<unknown> {
  const request = pollOf(agent, {}, { agentEpoch: agent.epoch });
  return call(client, { method: client.poll, request });
}

export interface NextReadings {
  readings: readonly Reading[];
  printers: number;
  count: number;
}

/** The agent's next batch: readings of its own printers, whose meters went on since the last one. */
export function nextBatch(agent: BenchAgent, next: NextReadings): Batch {
  const records = nextRecords(agent, next);
  return batchWith(agent, { sequence: agent.sequence, records, epoch: agent.epoch });
}

/** What is in the batch with the agent's sequence. */
export function nextRecords(agent: BenchAgent, { readings, printers, count }: NextReadings): UploadedRecord[] {
  const sequence = ++agent.sequence, steps = ++agent.steps;
  agent.latestMs = Math.max(Date.now() - count, agent.latestMs + 1);
  return Array.from({ length: count }, (_, i) => {
    const printer = (sequence * count + i) % printers;
    const reading = readings[printer % readings.length]!;
    const observedAt = new Date(agent.latestMs++);
    const serial = `${agent.agentId}-${printer}`;
    const message = readingToMessage({
      ...reading,
      observedAt: observedAt.toISOString(),
      serial,
      mac: null,
      address: `10.${printer >> 8 & 255}.${printer & 255}.7`,
      meters: reading.meters.map((meter) => ({ ...meter, value: meter.value + 3 * steps })),
    });
    return recordOf({ ...message, observedAt }, { deviceKey: serial });
  });
}

export async function upload(client: AgentServiceClient, request: Batch): Promise<void> {
  const { rejections } = await call(client, { method: client.upload, request });
  if (rejections.length > 0) throw new Error(`The platform rejected a batch: ${rejections[0]!.message}`);
}
