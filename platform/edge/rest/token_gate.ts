/** Who calls, by the token of a request; how often a token may call, and how often an address may try a wrong one. */
import { Buffer } from "node:buffer";
import type { Context } from "hono";
import type { Platform } from "../../agents/platform.ts";
import { maybeTokenCaller, type TokenCaller } from "../../users/api_tokens.ts";
import { rateLimit } from "../connections/rate_limit.ts";
import { Problem } from "./problem.ts";

export interface TokenGate {
  /** Throws Problem. */
  caller(c: Context, text: string | undefined): Promise<TokenCaller>;
}

export interface TokenGateOptions {
  sourceOf(c: Context): string;
  /** Requests of a token at once, and a minute. */
  limit?: { burst: number; perMinute: number } | undefined;
}

export function tokenGate(platform: Platform, { sourceOf, limit }: TokenGateOptions): TokenGate {
  const monotonicMs = () => platform.clock.monotonicMs();
  const ofToken = rateLimit({ ...(limit ?? { burst: 120, perMinute: 1200 }), monotonicMs });
  const wrongOf = rateLimit({ burst: 30, perMinute: 30, monotonicMs });
  return {
    async caller(c, text) {
      const token = text === undefined ? undefined : await maybeTokenCaller(platform, text);
      if (token === undefined) {
        refuseTooMany(c, wrongOf.waitMs(sourceOf(c)));
        throw new Problem(401, text === undefined ? "Send a token" : "The token is wrong, has expired or was revoked");
      }
      refuseTooMany(c, ofToken.waitMs(token.tokenId));
      return token;
    },
  };
}

function refuseTooMany(c: Context, waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  c.header("retry-after", String(seconds));
  throw new Problem(429, `Try again in ${seconds} s`);
}

/** The token of an Authorization header: as a bearer's, or as the password of Basic, as Excel sends it. */
export function tokenOf(header: string | undefined, schemes: readonly ("bearer" | "basic")[]): string | undefined {
  const [, scheme = "", value = ""] = /^(\w+) +([\w+/=~.-]+) *$/.exec(header ?? "") ?? [];
  const name = scheme.toLowerCase();
  if (name === "bearer" && schemes.includes("bearer")) return value;
  if (name !== "basic" || !schemes.includes("basic")) return undefined;
  const pair = Buffer.from(value, "base64").toString(), colon = pair.indexOf(":");
  return colon < 0 ? undefined : pair.slice(colon + 1);
}
