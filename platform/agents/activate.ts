/**
 * Activation: creates an agent with a certificate from a code and the agent's key. A wrong code counts against the key
 * and against the code with its locator. A typing error, a bad request and a failed call are not counted.
 */
import * as x509 from "../keys/x509.ts";
import { maybeActivationCode } from "../../common/core/activation_code.ts";
import {
  type ActivateRequest,
  type ActivateResponse,
  ActivationRefusalReason,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { bundleOf, CsrError, issueAgentCertificate, parseCsr } from "./agent_certificate.ts";
import {
  type CodeRow,
  countFailedCode,
  isSecretRight,
  maxFailedAttempts,
  maybeAimedCode,
  useCode,
} from "./activation_codes.ts";
import { addAgent, maybeAgent, maybeAgentOfAttempt } from "./agents.ts";
import { type Actor, appendAudit } from "../audit/audit_log.ts";
import { addCertificate, latestCertificate } from "./certificates.ts";
import { maybeCustomer, maybeSite } from "../customers/customers.ts";
import { queueEvents } from "../events/queue_events.ts";
import { countFailedKey, failedAttemptsOf, forgetFailedKey } from "./failed_keys.ts";
import type { Transaction } from "../store/store.ts";
import { CallError } from "./call_error.ts";
import type { Caller } from "./caller.ts";
import type { Platform } from "./platform.ts";
import { isUuid } from "./request_checks.ts";

type Csr = x509.Pkcs10CertificateRequest;

interface Attempt {
  request: ActivateRequest;
  /** See sourceOf(). */
  source: string;
}

/* With the key that the certificate request proves to hold. */
interface ProvenAttempt extends Attempt {
  csr: Csr;
  keyDigest: Uint8Array;
}

/** Handles one attempt. Throws CallError for a malformed request. */
export async function activate(platform: Platform, { request, source }: Attempt): Promise<ActivateResponse> {
  if (!isUuid(request.installationId) || !isUuid(request.attemptId)) {
    throw new CallError("invalid-request", "Cannot activate as installation_id and attempt_id must be UUIDs");
  }
  const code = maybeActivationCode(request.code);
  if (code === undefined) {
    return refusal(platform, 0, {
      reason: ActivationRefusalReason.MALFORMED_CODE,
      message: "The code has a typing error: it is twelve characters, the last of which checks the others",
    });
  }
  let csr: Csr;
  try {
    csr = await parseCsr(request.csr);
  } catch (error) {
    if (!(error instanceof CsrError)) throw error;
    return refusal(platform, 0, { reason: ActivationRefusalReason.BAD_CSR, message: error.message });
  }
  const keyDigest = new Uint8Array(createHash("sha256").update(new Uint8Array(csr.publicKey.rawData)).digest());
  const attempt = { request: { ...request, code }, source, csr, keyDigest };
  const answer = await platform.store.transaction((tx) => accept(platform, tx, attempt));
  return "outcome" in answer ? answer : await activated(platform, answer, csr);
}

/* The new agent, or the refusal. All wrong codes get the same response, which does not reveal which codes exist. */
async function accept(
  platform: Platform,
  tx: Transaction,
  attempt: ProvenAttempt,
): Promise<Caller | ActivateResponse> {
  const { request, csr, keyDigest } = attempt;
  const { pepper, clock } = platform;
  const { code, installationId, attemptId } = request;
  const now = clock.now();
  const failed = await failedAttemptsOf(tx, keyDigest);
  if (failed >= maxFailedAttempts) {
    return refusal(platform, failed, {
      reason: ActivationRefusalReason.INSTALLATION_LOCKED,
      message: "This installation made too many wrong attempts: ask for an unlock token",
    });
  }
  const row = await maybeAimedCode(tx, code);
  const isRight = row !== undefined && isSecretRight(row, { code, pepper });
  const repeated = isRight ? await maybeRepeated(tx, { row, request, csr }) : undefined;
  if (repeated !== undefined) return { customerId: row!.customer_id, agentId: repeated };
  if (!isRight || row.state !== "open" || row.expires_at <= now.getTime()) {
    return await rejected(platform, tx, attempt, row);
  }

  const tenant = tx.tenant(row.customer_id);
  const agentId = await addAgent(tenant, {
    siteId: row.site_id,
    installationId,
    hostname: request.machine?.hostname ?? "",
    version: request.agentVersion,
    at: now,
    codeId: row.code_id,
    attemptId,
  });
  const usesLeft = await useCode(tenant, { codeId: row.code_id, agentId, at: now });
  const data = { agentId, siteId: row.site_id, hostname: request.machine?.hostname ?? "" };
  await queueEvents(tenant, [{ type: "agent.activated", at: now, data }], now);
  await forgetFailedKey(tx, keyDigest);
  await appendAudit(tx, {
    at: now,
    customerId: row.customer_id,
    actor: { kind: "agent", name: agentId },
    action: "agentActivated",
    subject: agentId,
    detail: { code: row.code_id, installation: installationId, usesLeft: usesLeft ?? 0 },
  });
  tx.afterCommit(() => platform.log("agentActivated", { agentId, customerId: row.customer_id }));
  return { customerId: row.customer_id, agentId };
}

/* The agent asks again because the answer was lost: same attempt, same installation, and the key of the certificate. */
async function maybeRepeated(
  tx: Transaction,
  again: { row: CodeRow; request: ActivateRequest; csr: Csr },
): Promise<string | undefined> {
  const { row, request, csr } = again;
  const tenant = tx.tenant(row.customer_id);
  const agent = await maybeAgentOfAttempt(tenant, { codeId: row.code_id, attemptId: request.attemptId });
  if (agent?.state !== "active" || agent.installation_id !== request.installationId) return undefined;
  const certificate = await latestCertificate(tenant, agent.agent_id);
  const isSame = certificate === undefined ||
    (certificate.first_used_at === null && isKeyOf(new Uint8Array(certificate.der), csr));
  return isSame ? agent.agent_id : undefined;
}

function isKeyOf(der: Uint8Array<ArrayBuffer>, csr: Csr): boolean {
  const key = Buffer.from(new x509.X509Certificate(der).publicKey.rawData);
  return key.equals(Buffer.from(csr.publicKey.rawData));
}

async function activated(platform: Platform, caller: Caller, csr: Csr): Promise<ActivateResponse> {
  const { agentAuthority, signingKey, clock } = platform;
  const { agentId } = caller;
  const issued = await issueAgentCertificate(agentAuthority, { agentId, csr, now: clock.now() });
  const { der, customerName, siteName } = await platform.store.transaction(async (tx) => {
    const tenant = tx.tenant(caller.customerId);
    const known = await latestCertificate(tenant, agentId);
    if (known === undefined) await addCertificate(tenant, { agentId, certificate: issued });
    const { site_id } = (await maybeAgent(tenant, agentId))!;
    return {
      der: known?.der ?? issued.der,
      customerName: (await maybeCustomer(tx, caller.customerId))!.name,
      siteName: (await maybeSite(tenant, site_id))!.name,
    };
  });
  return {
    outcome: {
      $case: "activated",
      value: {
        agentId,
        customerName,
        siteName,
        certificates: bundleOf(agentAuthority, { der }),
        signingPublicKey: Buffer.from(signingKey.publicKey),
      },
    },
    serverTime: clock.now(),
  };
}

async function rejected(
  platform: Platform,
  tx: Transaction,
  attempt: ProvenAttempt,
  row: CodeRow | undefined,
): Promise<ActivateResponse> {
  const { clock, guesses } = platform;
  const { request, source, keyDigest } = attempt;
  const { installationId } = request;
  const at = clock.now();
  const actor: Actor = { kind: "installation", name: installationId };
  const hostname = request.machine?.hostname ?? "";
  const failed = await countFailedKey(tx, { keyDigest, installationId, at });
  const burned = row !== undefined && await countFailedCode(tx.tenant(row.customer_id), row.code_id);
  if (row === undefined || row.failed_attempts >= maxFailedAttempts) {
    await guesses.noteWrong(tx, { source, actor, hostname });
  } else {
    await appendAudit(tx, {
      at,
      customerId: row.customer_id,
      actor,
      action: burned ? "activationCodeBurned" : "activationRejected",
      subject: row.code_id,
      detail: { hostname, source },
    });
    tx.afterCommit(() => platform.log("activationRejected", { installationId, burned }));
  }
  return refusal(platform, failed, {
    reason: ActivationRefusalReason.REJECTED,
    message: "The code is not valid: it may be wrong, expired or used",
    countsAsAttempt: true,
  });
}

function refusal(
  platform: Platform,
  failedAttempts: number,
  why: { reason: ActivationRefusalReason; message: string; countsAsAttempt?: boolean },
): ActivateResponse {
  const attemptsLeft = Math.max(0, maxFailedAttempts - failedAttempts);
  return {
    outcome: { $case: "refusal", value: { countsAsAttempt: false, ...why, attemptsLeft } },
    serverTime: platform.clock.now(),
  };
}
