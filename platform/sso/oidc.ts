/**
 * OpenID Connect: the code flow with PKCE, state and nonce, as a confidential client. The platform trusts what the ID
 * token says, after its signature, issuer, audience, time and nonce were checked; `openid-client` does that, within the
 * algorithms and hosts that are given to it here.
 */
import * as client from "openid-client";
import { messageOf } from "../../common/core/errors.ts";
import type { Identity, Rechecked } from "./identity.ts";
import { providerFetch } from "./provider_fetch.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import type { Provider, SsoPlatform } from "./providers.ts";
import { wordsOf } from "./setting.ts";
import type { KeptOfSession } from "./sign_in_by_provider.ts";

/* Signatures that only the provider can make: with `none` anybody could, and with HS256 anyone who has the public key. */
export const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
const toleranceSeconds = 60;

/** What the browser brings the answer back with. */
export interface OidcKept {
  nonce: string;
  verifier: string;
  /** Whether the person must have proved who it is anew. */
  isFresh: boolean;
}

export interface Begun<Kept> {
  /** Where the browser is sent. */
  address: string;
  /** What the provider gives back: the key of the flow. */
  id: string;
  kept: Kept;
}

interface Discovered {
  metadata: client.ServerMetadata;
  jwks?: client.ExportedJWKSCache;
  /** By the machine's clock. */
  until: number;
}

/* Proxies take 4 kB of headers at least. */
const mostHintBytes = 3000;
const discoveredMs = 10 * 60_000, mostDiscovered = 200;
const known = new Map<string, Discovered>();

/** Where a sign-in begins. `silent`: without questions, or not at all. */
export async function beginOidc(
  platform: SsoPlatform,
  provider: Provider,
  { redirectUri, isFresh = false, isSilent = false }: { redirectUri: string; isFresh?: boolean; isSilent?: boolean },
): Promise<Begun<OidcKept>> {
  const { settings } = provider;
  return await asProvider(provider, platform, async (config) => {
    const kept: OidcKept = { nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier(), isFresh };
    const id = client.randomState();
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: settings["scopes"]!,
      code_challenge: await client.calculatePKCECodeChallenge(kept.verifier),
      code_challenge_method: "S256",
      state: id,
      nonce: kept.nonce,
      ...(settings["require-acr"] === undefined ? {} : { acr_values: settings["require-acr"] }),
      ...(isSilent ? { prompt: "none" } : isFresh ? { prompt: "login", max_age: "0" } : {}),
    });
    return { address: address.href, id, kept };
  });
}

/** The identity of an answer: `address` is where the provider sent the browser, with all that it has in it. */
export async function finishOidc(
  platform: SsoPlatform,
  provider: Provider,
  { address, state, kept }: { address: string; state: string; kept: OidcKept },
): Promise<Identity> {
  return await asProvider(provider, platform, async (config) => {
    const tokens = await client.authorizationCodeGrant(config, new URL(address), {
      pkceCodeVerifier: kept.verifier,
      expectedNonce: kept.nonce,
      expectedState: state,
      idTokenExpected: true,
      ...(kept.isFresh ? { maxAge: 300 } : {}),
    });
    return await identityOf(config, provider, { tokens, isSignIn: true });
  });
}

/** By the refresh token, which the provider no longer honours once the account is disabled. */
export async function recheckOidc(
  platform: SsoPlatform,
  provider: Provider,
  { subject, kept: refreshToken }: KeptOfSession,
): Promise<Rechecked> {
  try {
    const identity = await asProvider(provider, platform, async (config) => {
      const tokens = await client.refreshTokenGrant(config, refreshToken);
      return await identityOf(config, provider, { tokens, subject, isSignIn: false });
    });
    return { kind: "valid", identity: { ...identity, kept: identity.kept ?? refreshToken } };
  } catch (error) {
    if (!(error instanceof ProviderRefusal) || error.reason === "away") {
      return { kind: "away", reason: messageOf(error) };
    }
    return { kind: "gone", reason: error.message };
  }
}

/**
 * With the provider as it is configured; `key` is another one once it is asked in another way. Throws ProviderRefusal for
 * whatever goes wrong.
 */
export async function asProvider<T>(
  provider: Provider,
  { clock }: SsoPlatform,
  work: (config: client.Configuration, fetch: ReturnType<typeof providerFetch>, key: string) => Promise<T>,
): Promise<T> {
  try {
    const { settings } = provider, issuer = settings["issuer"]!;
    const fetch = providerFetch({
      hosts: new Set([new URL(issuer).hostname, ...wordsOf(settings["hosts"] ?? "")]),
      ca: settings["ca"],
    });
    const key = `${provider.providerId} ${JSON.stringify([issuer, settings["hosts"], settings["ca"]])}`;
    const discovered = await discover(key, issuer, fetch);
    const { metadata } = discovered;
    const isBasic = (metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]).includes(
      "client_secret_basic",
    );
    const secret = settings["client-secret"];
    const config = new client.Configuration(
      metadata,
      settings["client-id"]!,
      {
        // The platform's clock counts, not the machine's.
        [client.clockSkew]: Math.round((clock.now().getTime() - Date.now()) / 1000),
        [client.clockTolerance]: toleranceSeconds,
      },
      isBasic ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret),
    );
    config[client.customFetch] = fetch as unknown as client.CustomFetch;
    config.timeout = 15;
    // Without it, the signature of an ID token from the token endpoint is not looked at.
    client.enableNonRepudiationChecks(config);
    if (discovered.jwks !== undefined) client.setJwksCache(config, discovered.jwks);
    try {
      return await work(config, fetch, key);
    } finally {
      const jwks = client.getJwksCache(config);
      if (jwks !== undefined) discovered.jwks = jwks;
    }
  } catch (error) {
    throw refusalOf(error);
  }
}

async function discover(key: string, issuer: string, fetch: ReturnType<typeof providerFetch>): Promise<Discovered> {
  const before = known.get(key);
  if (before !== undefined && Date.now() < before.until) return before;
  const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await fetch(address, { headers: { accept: "application/json" } });
  if (response.status !== 200) throw new ProviderRefusal("away", `${address} answers with ${response.status}`);
  const found = await response.json().catch(() => undefined) as client.ServerMetadata | undefined;
  if (typeof found?.authorization_endpoint !== "string" || typeof found.token_endpoint !== "string") {
    throw new ProviderRefusal("away", `${address} is not a description of a provider`);
  }
  if (found.issuer !== issuer) {
    throw new ProviderRefusal("away", `${address} is of "${found.issuer}", and not of "${issuer}"`);
  }
  if (!URL.canParse(found.authorization_endpoint) || new URL(found.authorization_endpoint).protocol !== "https:") {
    throw new ProviderRefusal("away", `${address} leads people to "${found.authorization_endpoint}"`);
  }
  const supported = found.id_token_signing_alg_values_supported ?? ["RS256"];
  const metadata = {
    ...found,
    id_token_signing_alg_values_supported: supported.filter((name) => algorithms.includes(name)),
  };
  const discovered = { metadata, until: Date.now() + discoveredMs };
  if (known.size >= mostDiscovered) known.clear();
  known.set(key, discovered);
  return discovered;
}

type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;
type Claims = Record<string, unknown>;

async function identityOf(
  config: client.Configuration,
  { settings }: Provider,
  { tokens, subject: expected, isSignIn }: { tokens: Tokens; subject?: string; isSignIn: boolean },
): Promise<Identity> {
  const ofToken = tokens.claims() as Claims | undefined;
  const subject = ofToken?.["sub"] as string | undefined ?? expected;
  if (subject === undefined) throw new ProviderRefusal("answer", "the provider gave no ID token");
  if (expected !== undefined && subject !== expected) {
    throw new ProviderRefusal("answer", "the provider spoke of another person");
  }
  const groupsClaim = settings["groups-claim"]!;
  let claims: Claims = ofToken ?? {};
  const isWhole = claims[groupsClaim] !== undefined && claims["email"] !== undefined && claims["name"] !== undefined;
  if (!isWhole && config.serverMetadata().userinfo_endpoint !== undefined && tokens.access_token !== undefined) {
    claims = { ...await client.fetchUserInfo(config, tokens.access_token, subject), ...claims };
  }
  if (isSignIn) requireFactor(settings, claims);
  const isUnchecked = claims["email_verified"] === false || claims["email_verified"] === "false";
  return {
    subject,
    email: isUnchecked ? undefined : emailOf(claims["email"]),
    name: typeof claims["name"] === "string" ? claims["name"] : undefined,
    groups: groupsOf(claims, groupsClaim),
    authenticatedAt: typeof claims["auth_time"] === "number" ? claims["auth_time"] * 1000 : undefined,
    kept: tokens.refresh_token,
    session: typeof claims["sid"] === "string" ? claims["sid"] : undefined,
    signOut: settings["sign-out-there"] === "yes" ? hintOf(tokens.id_token) : undefined,
  };
}

/** By it the provider knows whose sign-out is meant; without it, it asks. It must fit into an address. */
function hintOf(idToken = ""): string {
  return idToken.length > mostHintBytes ? "" : idToken;
}

function emailOf(claim: unknown): string | undefined {
  return typeof claim === "string" && claim.length <= 254 &&
      /^[^\s@<>"\p{Cc}\p{Cf}]{1,64}@[^\s@<>"]+\.[^\s@<>"]+$/u.test(claim)
    ? claim
    : undefined;
}

/** Throws ProviderRefusal where Entra says elsewhere which groups there are, as they are too many for a token. */
function groupsOf(claims: Claims, name: string): string[] {
  const groups = claims[name];
  const elsewhere = claims["_claim_names"];
  const isElsewhere = typeof elsewhere === "object" && elsewhere !== null && Object.hasOwn(elsewhere, name);
  if (isElsewhere || claims["hasgroups"] === true || claims["hasgroups"] === "true") {
    throw new ProviderRefusal(
      "overage",
      `the provider left out the claim "${name}", as this person is in too many groups: let it send only the groups ` +
        `that are assigned to the application (in Entra: "Groups assigned to the application")`,
    );
  }
  const list = Array.isArray(groups) ? groups : groups === undefined ? [] : [groups];
  return list.filter((group): group is string => typeof group === "string" && group.length <= 500).slice(0, 5000);
}

function requireFactor(settings: Provider["settings"], claims: Claims): void {
  const amr = wordsOf(settings["require-amr"] ?? ""), acr = wordsOf(settings["require-acr"] ?? "");
  const said = Array.isArray(claims["amr"]) ? claims["amr"] : [];
  if (amr.length > 0 && !amr.some((word) => said.includes(word))) {
    throw new ProviderRefusal("factor", `the claim amr has none of: ${amr.join(", ")}`);
  }
  if (acr.length > 0 && !acr.includes(String(claims["acr"]))) {
    throw new ProviderRefusal("factor", `the claim acr is none of: ${acr.join(", ")}`);
  }
}

/* What a provider says that means: not without questions (OpenID Connect Core, 3.1.2.6). */
const questions = ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/** As the page and the log need it. Tokens and codes are in none of these texts. */
function refusalOf(error: unknown): ProviderRefusal {
  if (error instanceof ProviderRefusal) return error;
  if (error instanceof Error && error.cause instanceof ProviderRefusal) return error.cause;
  if (error instanceof client.AuthorizationResponseError) {
    if (questions.includes(error.error)) return new ProviderRefusal("questions", error.error);
    return new ProviderRefusal("cancelled", textOf(error.error, error.error_description));
  }
  if (error instanceof client.ResponseBodyError) {
    const isOurs = ["invalid_client", "unauthorized_client", "temporarily_unavailable", "server_error", "slow_down"];
    const reason = isOurs.includes(error.error) || error.status >= 500 || error.status === 429 ? "away" : "answer";
    return new ProviderRefusal(reason, textOf(error.error, error.error_description));
  }
  if (error instanceof client.WWWAuthenticateChallengeError) {
    return new ProviderRefusal("answer", `the provider answers with ${error.status}`);
  }
  if (error instanceof client.ClientError) {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    // An answer with another status or type than it should have says nothing of the person.
    const isAway = ["OAUTH_TIMEOUT", "OAUTH_ABORT", "OAUTH_RESPONSE_IS_NOT_CONFORM", "OAUTH_PARSE_ERROR"]
      .includes(error.code ?? "");
    return new ProviderRefusal(isAway ? "away" : "answer", `${error.message}${cause}`, { cause: error });
  }
  throw error;
}

function textOf(error: string, description: string | undefined): string {
  return `${error}${description === undefined ? "" : `: ${description}`}`.slice(0, 300);
}
