import type { Clock } from "../../common/core/clock.ts";
import type { Authority } from "../keys/authority.ts";
import type { SigningKey } from "../../common/protocol/signature.ts";
import type { GuessWatch } from "./guess_watch.ts";
import type { Quotas } from "./quota.ts";
import type { Store } from "../store/store.ts";

/** What the services work with; put together in platform/compose.ts. */
export interface Platform {
  store: Store;
  agentAuthority: Authority;
  signingKey: SigningKey;
  /** Key of the digests of activation codes. */
  pepper: Uint8Array;
  guesses: GuessWatch;
  quotas: Quotas;
  clock: Pick<Clock, "now" | "monotonicMs">;
  /** For agents without a platform's configuration that says it; undefined where each goes by its own file. */
  pollSeconds: number | undefined;
  log(event: string, fields: Record<string, string | number | boolean>): void;
}
