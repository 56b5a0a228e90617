import { Buffer } from "node:buffer";
import type { RenewRequest, RenewResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { bundleOf, CsrError, issueAgentCertificate, parseCsr } from "./agent_certificate.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { addCertificate, renewalTimes } from "./certificates.ts";
import { CallError } from "./call_error.ts";
import type { Caller } from "./caller.ts";
import type { Platform } from "./platform.ts";
import { countedTransaction } from "./quota.ts";

/** Certificates that an agent may be issued at once, and again over time, by all processes together. */
export const renewalRate = { burst: 5, perMinute: 1 / 60 };

/** 0 if a further certificate may be issued now, otherwise milliseconds to wait. Times in order. */
export function renewalWaitMs(renewedAt: readonly number[], now: number): number {
  const stepMs = 60_000 / renewalRate.perMinute, fullMs = renewalRate.burst * stepMs;
  // When the bucket is full again; a time of a clock that is ahead counts as now.
  const after = (fullAt: number, at: number) => Math.max(fullAt, Math.min(at, now)) + stepMs;
  return Math.max(0, after(renewedAt.reduce(after, 0), now) - fullMs - now);
}

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
    const waitMs = renewalWaitMs(await renewalTimes(tenant, agentId), clock.now().getTime());
    if (waitMs > 0) throw new CallError("too-many-requests", "Cannot issue a further certificate so soon", waitMs);
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
