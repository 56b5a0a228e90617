/** Renews the agent's certificate automatically, long before it expires. The key stays the same. */
import { Buffer } from "node:buffer";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import type { AgentApi } from "./agent_api.ts";
import { jitteredBackoff } from "./retry.ts";
import { areCertificates, certificateFacts, makeCertificateRequest } from "./client_key.ts";
import type { ClientIdentity, IdentityFiles } from "./identity_files.ts";

/** At two thirds of a certificate's lifetime, plus up to a twentieth of it. `random` is 0 to 1. */
export function renewalTime(certificate: { notBefore: Date; notAfter: Date }, random: number): Date {
  const begin = certificate.notBefore.getTime();
  const life = certificate.notAfter.getTime() - begin;
  return new Date(begin + life * (2 / 3 + random / 20));
}

export type RenewalEvent =
  | { event: "certificateRenewed"; notAfter: Date }
  | { event: "renewalFailed"; error: Error; waitMs: number }
  | { event: "agentRevoked"; error: NotPermittedError };

export interface RenewalOptions {
  files: IdentityFiles;
  api: Pick<AgentApi, "renew">;
  clock: Clock;
  /** Resolves when `clock` is reliable, as a wrong clock could make every certificate due; default: at once. */
  timeKnown?: Promise<void>;
  installationId: string;
  /** Passes the new certificate to the transport. `signingKey`: the platform's, 32 bytes in base64, or null. */
  onRenewed(identity: ClientIdentity, signingKey: string | null): Promise<void> | void;
  report(event: RenewalEvent): void;
  random?: () => number;
}

/** Longest sleep, so that a set clock or a suspend is noticed. */
const lookEveryMs = 3_600_000;

/** Requests a new certificate for the present key and stores it. Throws for an invalid response. */
export async function renewCertificate(
  options: Pick<RenewalOptions, "files" | "api" | "installationId" | "onRenewed">,
  signal?: AbortSignal,
): Promise<ClientIdentity> {
  const { files, api, installationId } = options;
  const keyPem = await files.key();
  const csr = Buffer.from(await makeCertificateRequest(keyPem, installationId));
  const { certificates, signingPublicKey } = await api.renew({ csr }, signal);
  const leaf = certificates?.chain[0];
  const facts = leaf === undefined ? undefined : await certificateFacts(leaf, keyPem).catch(() => undefined);
  const isSound = certificates !== undefined && areCertificates([...certificates.chain, certificates.agentAuthority]);
  if (!isSound || facts === undefined || !facts.isForKey) {
    throw new UnavailableError(
      "Cannot use the renewed certificate as it is for another key",
      "the agent retries",
    );
  }
  await files.write(certificates.chain, certificates.agentAuthority);
  const identity = await files.read();
  if (identity === undefined) {
    throw new UnavailableError("Cannot read the renewed certificate after writing it", "check the disk");
  }
  try {
    await options.onRenewed(identity, signingPublicKey.length === 32 ? signingPublicKey.toString("base64") : null);
  } catch (cause) {
    // A local storage error must not be taken for a revocation by the platform.
    throw new UnavailableError(`Cannot store the renewed certificate: ${messageOf(cause)}`, "the agent retries", 0, {
      cause,
    });
  }
  return identity;
}

/** Runs in the background until disposed of; retries failures with backoff, up to hourly. */
export function startRenewal(first: ClientIdentity, options: RenewalOptions): AsyncDisposable {
  const { clock, report } = options;
  const random = options.random ?? Math.random;
  const backoffMs = jitteredBackoff({ firstMs: 60_000, maxMs: lookEveryMs, random });
  const stop = new AbortController();

  async function run(signal: AbortSignal): Promise<void> {
    let due = renewalTime(first.facts, random());
    for (let failures = 0; !signal.aborted;) {
      const leftMs = due.getTime() - clock.now().getTime();
      if (leftMs > 0) {
        await clock.sleep(Math.min(leftMs, lookEveryMs), signal);
        continue;
      }
      try {
        const identity = await renewCertificate(options, signal);
        failures = 0;
        due = renewalTime(identity.facts, random());
        report({ event: "certificateRenewed", notAfter: identity.facts.notAfter });
        // If the platform issues certificates that are already due, do not loop.
        if (due <= clock.now()) due = new Date(clock.now().getTime() + lookEveryMs);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NotPermittedError) return report({ event: "agentRevoked", error });
        const asked = error instanceof UnavailableError ? error.retryAfterMs : 0;
        const waitMs = Math.max(backoffMs(++failures), asked);
        report({ event: "renewalFailed", error: error instanceof Error ? error : new Error(messageOf(error)), waitMs });
        await clock.sleep(waitMs, signal);
      }
    }
  }

  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve(), { once: true })
  );
  const begun = options.timeKnown === undefined ? Promise.resolve() : Promise.race([options.timeKnown, stopped]);
  const running = begun.then(() => run(stop.signal)).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The renewal was stopped"));
      await running;
    },
  };
}
