import { Buffer } from "node:buffer";
import type { RenewRequest, RenewResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { bundleOf, CsrError, issueAgentCertificate, parseCsr } from "./agent_certificate.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { addCertificate } from "./certificates.ts";
import { CallError } from "./call_error.ts";
import type { Caller } from "./caller.ts";
import type { Platform } from "./platform.ts";
import { countedTransaction } from "./quota.ts";

/** Issues a further certificate; the present one becomes invalid when the new one is used. */
export async function renew(platform: Platform, caller: Caller, request: RenewRequest): Promise<RenewResponse> {
  const { agentAuthority, signingKey, clock } = platform;
  const { agentId } = caller;
  const csr = await parseCsr(request.csr).catch((error) => {
    if (!(error instanceof CsrError)) throw error;
    throw new CallError("invalid-request", error.message, 0, { cause: error });
  });
  const certificate = await issueAgentCertificate(agentAuthority, { agentId, csr, now: clock.now() });
  await countedTransaction(platform, caller, async ({ tenant }) => {
    await addCertificate(tenant, { agentId, certificate });
    await appendAudit(tenant.transaction, {
      at: clock.now(),
      customerId: tenant.customerId,
      actor: { kind: "agent", name: agentId },
      action: "certificateRenewed",
      subject: agentId,
      detail: { serial: certificate.serial },
    });
  });
  return {
    certificates: bundleOf(agentAuthority, certificate),
    signingPublicKey: Buffer.from(signingKey.publicKey),
    serverTime: clock.now(),
  };
}
