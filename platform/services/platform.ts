import type { Clock } from "../../src/core/clock.ts";
import type { Authority } from "../certificates/authority.ts";
import type { SigningKey } from "../signing/signing_key.ts";
import type { Store } from "../store/store.ts";

/** What the services work with; put together in platform/compose.ts. */
export interface Platform {
  store: Store;
  agentAuthority: Authority;
  signingKey: SigningKey;
  /** Key of the digests of activation codes. */
  pepper: Uint8Array;
  clock: Pick<Clock, "now" | "monotonicMs">;
  /** Where an agent that has no setting of its own polls next. */
  pollSeconds: number;
  log(event: string, fields: Record<string, string | number | boolean>): void;
}
