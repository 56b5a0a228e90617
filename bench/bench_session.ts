/** What simulated agents have of the real one: its connections (src/link), its deadlines, and its pauses. */
import { systemClock } from "../common/core/clock.ts";
import { UnavailableError } from "../common/core/errors.ts";
import { createGrpcAgentApi, type GrpcAgentApi } from "../src/link/grpc_agent_api.ts";
import { jitteredBackoff } from "../src/link/retry.ts";
import type { BenchAgent } from "./platform_agents.ts";

export interface Platforms {
  /** That the name "localhost" stands for: each is another source. */
  address: string;
  port: number;
  authorityPem: string;
}

export function apiOf({ identity }: BenchAgent, { address, port, authorityPem }: Platforms): GrpcAgentApi {
  const api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port }],
    address,
    trust: { ca: { pem: authorityPem }, pins: [] },
    proxy: null,
    clock: systemClock,
  });
  api.useCertificate({ keyPem: identity.privateKeyPem, certificatePem: identity.chain, notAfter: new Date(8.64e15) });
  return api;
}

const random = Math.random;
/** As src/link/poller.ts, src/link/uplink.ts and src/link/mqtt_link.ts have them. */
export const pollPause = jitteredBackoff({ firstMs: 5000, maxMs: 5 * 60_000, random });
export const uploadPause = jitteredBackoff({ firstMs: 2000, maxMs: 15 * 60_000, random });
export const mqttPause = jitteredBackoff({ firstMs: 4000, maxMs: 5 * 60_000, random });

/** Again after each failure, until it succeeds or its time is over; then it throws what the last try threw. */
export async function untilDone<T>(
  work: () => Promise<T>,
  { pause, mayGoOn, onFailure }: {
    pause: (attempt: number) => number;
    mayGoOn: () => boolean;
    onFailure?: (error: unknown) => void;
  },
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await work();
    } catch (error) {
      onFailure?.(error);
      const asked = error instanceof UnavailableError ? error.retryAfterMs : 0;
      const againAt = Date.now() + Math.max(pause(attempt), asked);
      // In steps, as the time may be over meanwhile.
      while (Date.now() < againAt && mayGoOn()) {
        await new Promise((resolve) => setTimeout(resolve, Math.min(1000, againAt - Date.now())));
      }
      if (!mayGoOn()) throw error;
    }
  }
}
