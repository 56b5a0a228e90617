/**
 * Sign-out of OpenID Connect: a browser is led to the provider (RP-Initiated Logout 1.0), and the provider says by a token
 * of its own that somebody has signed out (Back-Channel Logout 1.0).
 */
import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTPayload, jwtVerify } from "jose";
import * as client from "openid-client";
import { algorithms, asProvider } from "./oidc.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import type { Provider, SsoPlatform } from "./providers.ts";

/* A token that took longer was kept by somebody. */
const mostAgeSeconds = 5 * 60, toleranceSeconds = 60;
export const mostTokenBytes = 16 * 1024;
const event = "http://schemas.openid.net/event/backchannel-logout";

/** Whose sessions end. `id`: the token counts once until `endsAt`. */
export interface SignOutToken {
  id: string;
  endsAt: number;
  subject: string | undefined;
  sessions: string[];
}

/** Where the browser is sent; undefined where the provider has no such address, or is not to be told. */
export async function oidcSignOutAddress(
  platform: SsoPlatform,
  provider: Provider,
  { idToken, returnTo }: { idToken: string; returnTo: string },
): Promise<string | undefined> {
  if (provider.settings["sign-out-there"] !== "yes") return undefined;
  return await asProvider(provider, platform, (config) => {
    const address = config.serverMetadata().end_session_endpoint;
    if (address === undefined || URL.parse(address)?.protocol !== "https:") return Promise.resolve(undefined);
    const hint = idToken === "" ? {} : { id_token_hint: idToken };
    return Promise.resolve(client.buildEndSessionUrl(config, { post_logout_redirect_uri: returnTo, ...hint }).href);
  });
}

type Keys = ReturnType<typeof createRemoteJWKSet>;

/* Keys of a provider are asked for twice in a minute at most, whoever sends tokens. */
const known = new Map<string, Keys>(), mostKnown = 200;

/** Throws ProviderRefusal for a token with anything wrong. */
export async function checkSignOutToken(
  platform: SsoPlatform,
  provider: Provider,
  token: string,
): Promise<SignOutToken> {
  const { issuer, "client-id": audience } = provider.settings, now = platform.clock.now();
  if (token.length > mostTokenBytes) throw refused("it is too long");
  return await asProvider(provider, platform, async (config, fetch, key) => {
    const { payload, protectedHeader } = await jwtVerify(token, keysOf(key, config, fetch), {
      issuer: issuer!,
      audience: audience!,
      algorithms,
      currentDate: now,
      clockTolerance: toleranceSeconds,
      maxTokenAge: mostAgeSeconds,
      requiredClaims: ["jti", "iat"],
    }).catch((error) => {
      throw error instanceof errors.JOSEError ? refused(error.message, error) : error;
    });
    if (!["logout+jwt", "jwt", undefined].includes(protectedHeader.typ?.toLowerCase())) {
      throw refused(`it is of the type ${protectedHeader.typ!.slice(0, 50)}`);
    }
    return readToken(payload);
  });
}

const refused = (message: string, cause?: unknown) =>
  new ProviderRefusal("answer", `the logout token is refused: ${message}`, { cause });

function keysOf(
  ofProvider: string,
  config: client.Configuration,
  fetch: (url: string, options?: object) => Promise<Response>,
): Keys {
  const address = config.serverMetadata().jwks_uri;
  if (address === undefined) throw refused("the provider says nowhere which keys it has");
  const key = `${ofProvider} ${address}`;
  let keys = known.get(key);
  if (keys === undefined) {
    keys = createRemoteJWKSet(new URL(address), { [customFetch]: fetch as unknown as FetchImplementation });
    if (known.size >= mostKnown) known.clear();
    known.set(key, keys);
  }
  return keys;
}

/** Back-Channel Logout 1.0, 2.6. Pure. */
function readToken(payload: JWTPayload): SignOutToken {
  const { jti, iat, sub, sid, events, nonce } = payload;
  if (typeof events !== "object" || events === null || !Object.hasOwn(events, event)) {
    throw refused("it is of no sign-out");
  }
  // An ID token, which browsers have, must not be taken for one.
  if (nonce !== undefined) throw refused("it has a nonce");
  const hasSubject = typeof sub === "string" && sub !== "", hasSession = typeof sid === "string" && sid !== "";
  if (!hasSubject && !hasSession) throw refused("it names neither a person nor a session");
  return {
    id: jti!,
    endsAt: (iat! + mostAgeSeconds + 2 * toleranceSeconds) * 1000,
    subject: hasSubject ? sub : undefined,
    sessions: hasSession ? [sid] : [],
  };
}
