/** An installation and a platform of a test, in folders of their own. */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, sign } from "node:crypto";
import {
  type ActivateRequest,
  ActivateResponse,
  ActivationRefusalReason,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { UnlockGrant } from "../../proto/gen/opendca/v1/unlock.ts";
import { activate, type ActivationResult } from "../../src/activation/activate.ts";
import { denoStateDisk, type StateDisk } from "../../common/host/state_disk.ts";
import type { StateStoreOptions } from "../../src/activation/state_store.ts";
import { systemClock } from "../../common/core/clock.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import type { TestAuthority } from "./test_authority.ts";

export const goodCode = "0EY9-M29P-1G7W";
export const badCode = "0829-M29P-1G7Q";

const unlockPair = generateKeyPairSync("ed25519");
export const unlockKey = rawKey(unlockPair.publicKey.export({ format: "jwk" }).x!);

function rawKey(base64url: string): string {
  return Buffer.from(base64url, "base64url").toString("base64");
}

/** A token as the platform makes it. */
export function unlockTokenFor(grant: Partial<UnlockGrant>, key = unlockPair.privateKey): string {
  const bytes = UnlockGrant.encode(UnlockGrant.fromPartial(grant)).finish();
  const signature = sign(null, Buffer.concat([Buffer.from("opendca.unlock.v1\0"), bytes]), key);
  return `opendca-unlock-1.${Buffer.from(bytes).toString("base64url")}.${signature.toString("base64url")}`;
}

/** The store of a folder: `state` in it, and a guard beside it. */
export function storeIn(
  folder: string,
  options: { machine?: string; disk?: StateDisk; state?: string } = {},
): StateStoreOptions {
  return {
    stateDirectory: `${folder}/${options.state ?? "state"}`,
    guardDirectories: [`${folder}/guard`],
    machineIdentity: options.machine ?? "machine-id:0123",
    disk: options.disk ?? denoStateDisk,
  };
}

/** Tries a code against a platform on a port of loopback. */
export async function tryCode(
  code: string,
  store: StateStoreOptions,
  platform: { port: number; authority: { pem: string } },
  options: { callTimeoutMs?: number; unlockKeys?: string[] } = {},
): Promise<ActivationResult> {
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port: platform.port }],
    trust: { ca: { pem: platform.authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
    connectTimeoutMs: 5000,
    callTimeoutMs: options.callTimeoutMs ?? 5000,
  });
  return await activate(code, {
    store,
    api,
    agentVersion: "0.0.0",
    machine: { hostname: "test", os: "linux", arch: "x86_64", fingerprint: "" },
    unlockKeys: options.unlockKeys ?? [unlockKey],
    now: () => new Date(),
  });
}

/** Judges codes as the platform does: `goodCode` gives a certificate, any other is refused and counts. */
export function judging(authority: TestAuthority): (request: ActivateRequest) => Promise<ActivateResponse> {
  return async (request) => {
    if (request.code !== goodCode) {
      return ActivateResponse.fromPartial({
        outcome: {
          $case: "refusal",
          value: { reason: ActivationRefusalReason.REJECTED, message: "The code is not valid", countsAsAttempt: true },
        },
      });
    }
    const certificate = await authority.sign(request.csr);
    return ActivateResponse.fromPartial({
      outcome: {
        $case: "activated",
        value: {
          agentId: "11111111-2222-4333-8444-555555555555",
          customerName: "Acme",
          siteName: "Berlin",
          signingPublicKey: Buffer.from(unlockKey, "base64"),
          certificates: { chain: [Buffer.from(certificate)], agentAuthority: Buffer.from(authority.der) },
        },
      },
    });
  };
}
