/** What a provider of OpenID Connect may not say, and where the platform does not go. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type JWTPayload, SignJWT } from "jose";
import { addProvider } from "../../platform/sso/manage_providers.ts";
import { beginOidc, finishOidc, type OidcKept, recheckOidc } from "../../platform/sso/oidc.ts";
import { ProviderRefusal } from "../../platform/sso/provider_refusal.ts";
import { maybeActiveProvider, type Provider } from "../../platform/sso/providers.ts";
import { type HandmadeOidc, startHandmadeOidc } from "../fixtures/handmade_oidc.ts";
import { newRsaKeys } from "../fixtures/rsa_keys.ts";
import { movedClock } from "../fixtures/platform_fixture.ts";
import { operator, type UsersScene, usersScene } from "./users_fixture.ts";

interface Scene extends AsyncDisposable {
  scene: UsersScene;
  peer: HandmadeOidc;
  provider: Provider;
  attempt(query?: (state: string) => string): ReturnType<typeof finishOidc>;
}

const redirectUri = "https://portal.example/sign-in/oidc/idp-1";

async function attackScene(settings: Record<string, string> = {}): Promise<Scene> {
  await using built = new AsyncDisposableStack();
  const scene = built.use(await usersScene());
  const platform = { ...scene.platform, clock: movedClock() };
  let kept: OidcKept | undefined;
  const peer = built.use(await startHandmadeOidc({ nonce: () => kept!.nonce }));
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Handmade",
    dealer: "Print Partner",
    settings: { ...peer.settings, ...settings },
  });
  const provider = (await maybeActiveProvider(platform, providerId))!;
  const all = built.move();
  return {
    scene: Object.assign(scene, { platform }),
    peer,
    provider,
    async attempt(query = (state) => `code=c&state=${state}`) {
      const begun = await beginOidc(platform, provider, { redirectUri });
      kept = begun.kept;
      return await finishOidc(platform, provider, {
        address: `${redirectUri}?${query(begun.id)}`,
        state: begun.id,
        kept,
      });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const refusal = (reason: string) => (error: unknown) => error instanceof ProviderRefusal && error.reason === reason;
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

Deno.test("an ID token counts if everything of it is right", async () => {
  await using scene = await attackScene();
  const identity = await scene.attempt();
  assert.deepEqual(identity, {
    subject: "mia-1",
    email: "mia@partner.example",
    name: "Mia",
    groups: ["techs"],
    authenticatedAt: undefined,
    kept: "refresh 1",
    session: undefined,
    signOut: undefined,
  });
  scene.peer.idToken = (claims) => scene.peer.sign({ ...claims, email_verified: false, groups: "techs" });
  const unchecked = await scene.attempt();
  assert.deepEqual([unchecked.email, unchecked.groups], [undefined, ["techs"]]);
});

Deno.test("an ID token with anything wrong is refused", async () => {
  await using scene = await attackScene();
  const { peer } = scene, hour = 3600, other = await newRsaKeys();
  const wrong: Record<string, (claims: JWTPayload) => string | Promise<string>> = {
    "another issuer": (claims) => peer.sign({ ...claims, iss: "https://other.example" }),
    "another client": (claims) => peer.sign({ ...claims, aud: "another" }),
    "several clients, issued to another": (claims) => peer.sign({ ...claims, aud: ["portal", "b"], azp: "b" }),
    "no client": ({ aud: _, ...claims }) => peer.sign(claims),
    "another nonce": (claims) => peer.sign({ ...claims, nonce: "another" }),
    "no nonce": ({ nonce: _, ...claims }) => peer.sign(claims),
    "expired": (claims) => peer.sign({ ...claims, exp: claims.iat! - hour, iat: claims.iat! - 2 * hour }),
    "not yet": (claims) => peer.sign({ ...claims, nbf: claims.iat! + hour }),
    "no end": ({ exp: _, ...claims }) => peer.sign(claims),
    "no subject": ({ sub: _, ...claims }) => peer.sign(claims),
    "the key of another provider": (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "one" }).sign(other.privateKey),
    "alg none": (claims) => `${base64({ alg: "none" })}.${base64(claims)}.`,
    "alg None, with a signature": async (claims) =>
      `${base64({ alg: "None" })}.${base64(claims)}.${(await peer.sign(claims)).split(".")[2]}`,
    "HS256 with the public key": (claims) => peer.signWith(claims, new TextEncoder().encode(peer.publicKeyPem)),
    "HS256 with the client's secret": (claims) =>
      peer.signWith(claims, new TextEncoder().encode("a secret of the portal")),
    "other claims under the signature": async (claims) => {
      const [head, , signature] = (await peer.sign(claims)).split(".");
      return `${head}.${base64({ ...claims, sub: "boss-1" })}.${signature}`;
    },
    "no token": () => "",
    "no JWT": () => "x.y.z",
  };
  for (const [what, idToken] of Object.entries(wrong)) {
    peer.idToken = idToken;
    await assert.rejects(scene.attempt(), (error) => {
      assert(error instanceof ProviderRefusal, `${what}: ${error}`);
      return true;
    }, what);
  }
  peer.idToken = (claims) => peer.sign(claims);
  assert.equal((await scene.attempt()).subject, "mia-1");
});

Deno.test("an answer in the address with anything wrong is refused", async () => {
  await using scene = await attackScene();
  const wrong: Record<string, (state: string) => string> = {
    "another state": () => "code=c&state=x",
    "no state": () => "code=c",
    "two states": (state) => `code=c&state=${state}&state=${state}`,
    "no code": (state) => `state=${state}`,
    "another issuer": (state) => `code=c&state=${state}&iss=https%3A%2F%2Fother.example`,
    "a token beside the code": (state) => `code=c&state=${state}&id_token=x`,
  };
  for (const [what, query] of Object.entries(wrong)) {
    await assert.rejects(scene.attempt(query), refusal("answer"), what);
  }
  assert.equal(
    (await scene.attempt((state) => `code=c&state=${state}&iss=${encodeURIComponent(scene.peer.issuer)}`)).subject,
    "mia-1",
  );
  await assert.rejects(scene.attempt((state) => `error=access_denied&state=${state}`), refusal("cancelled"));
  await assert.rejects(scene.attempt((state) => `error=login_required&state=${state}`), refusal("questions"));
});

const descriptions: Record<string, Record<string, unknown>> = {
  "another issuer": { issuer: "https://other.example" },
  "the issuer of any tenant": { issuer: "https://login.microsoftonline.com/{tenantid}/v2.0" },
  "people sent by HTTP": { authorization_endpoint: "http://localhost/authorize" },
  "tokens at another host": { token_endpoint: "https://127.0.0.1/token" },
  "tokens by HTTP": { token_endpoint: "http://localhost/token" },
  "keys at another host": { jwks_uri: "https://169.254.169.254/jwks" },
  "keys in a file": { jwks_uri: "file:///etc/passwd" },
  "no algorithm that counts": { id_token_signing_alg_values_supported: ["none", "HS256"] },
};
for (const [what, description] of Object.entries(descriptions)) {
  Deno.test(`a provider's description is refused: ${what}`, async () => {
    await using scene = await attackScene();
    scene.peer.description = description;
    // By the description alone, before anything that it names is asked.
    const isOfIssuer = description["issuer"] === undefined ? /./ : /is of "https:.*, and not of "/;
    await assert.rejects(
      scene.attempt(),
      (error) => error instanceof ProviderRefusal && isOfIssuer.test(error.message),
    );
  });
}

Deno.test("a provider that answers with too much, or something else, is away", async () => {
  await using scene = await attackScene();
  const { peer } = scene;
  const answers = [
    { status: 500, body: "{}" },
    { status: 302, body: "" },
    { status: 200, body: "<html>" },
    { status: 401, body: `{"error":"invalid_client"}` },
    { status: 200, body: `"${"x".repeat(1_100_000)}"` },
  ];
  for (const answer of answers) {
    peer.answer = answer;
    await assert.rejects(scene.attempt(), refusal("away"), String(answer.status));
    const said = await recheckOidc(scene.scene.platform, scene.provider, { subject: "mia-1", kept: "refresh 1" });
    assert.equal(said.kind, "away", JSON.stringify(said));
  }
  peer.answer = { status: 400, body: `{"error":"invalid_grant","error_description":"AADSTS50057: disabled"}` };
  const said = await recheckOidc(scene.scene.platform, scene.provider, { subject: "mia-1", kept: "refresh 1" });
  assert.deepEqual(said, { kind: "gone", reason: "invalid_grant: AADSTS50057: disabled" });
});

Deno.test("an ID token of a refresh must be of the same person, and right as well", async () => {
  await using scene = await attackScene();
  const { peer } = scene;
  await scene.attempt();
  const ask = (subject = "mia-1") => recheckOidc(scene.scene.platform, scene.provider, { subject, kept: "refresh 1" });
  peer.refreshToken = "refresh 2";
  const said = await ask();
  assert.equal(said.kind === "valid" && said.identity.kept, "refresh 2");
  peer.refreshToken = undefined;
  const same = await ask();
  assert.equal(same.kind === "valid" && same.identity.kept, "refresh 1");
  assert.equal((await ask("max-1")).kind, "gone");
  peer.idToken = (claims) => peer.sign({ ...claims, aud: "another" });
  assert.equal((await ask()).kind, "gone");
});

Deno.test("a certificate of another authority is refused", async () => {
  await using scene = await attackScene();
  const { ca: _, ...settings } = scene.provider.settings;
  const provider = { ...scene.provider, settings };
  await assert.rejects(beginOidc(scene.scene.platform, provider, { redirectUri }), refusal("away"));
  assert.deepEqual(scene.peer.asked, []);
});
