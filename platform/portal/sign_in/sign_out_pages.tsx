/**
 * Signing out: here, and at the provider that the session is by, if it has an address for that; and what providers say of
 * people who have signed out there. Their messages need no cookie: whose sessions end is in what they have signed.
 */
import { messageOf } from "../../../common/core/errors.ts";
import { ProviderRefusal } from "../../sso/provider_refusal.ts";
import { maybeActiveProvider, openJson, type Provider } from "../../sso/providers.ts";
import type { SignOutMessage } from "../../sso/saml_sign_out.ts";
import { ensuredSamlKeys } from "../../sso/saml_keys.ts";
import { signOutSealed } from "../../sso/sign_in_by_provider.ts";
import { signOutByProvider } from "../../sso/sign_out_by_provider.ts";
import { type SessionRow, signOut } from "../../users/sessions.ts";
import { dropSession, sessionSecret } from "../page/cookies.ts";
import { field } from "../page/form.ts";
import { Message, pageOf } from "../page/layout.tsx";
import type { PublicRequest, Route } from "../page/route.ts";
import { atProvider } from "./provider_sign_in.tsx";
import { addressesOf, maxFormBytes } from "./saml_pages.tsx";

async function leave(request: PublicRequest): Promise<Response> {
  const { c, t, platform } = request, secret = sessionSecret(c);
  const session = secret === undefined ? undefined : await signOut(platform, secret);
  dropSession(c);
  const there = session && await maybeSignOutThere(request, session);
  if (there === undefined) return c.redirect("/sign-in", 303);
  // A form must not lead to another origin (`form-action`), so that a page stands between.
  c.header("refresh", `0; url=${there.address}`);
  return await pageOf(request, {
    title: t("signOut"),
    narrow: true,
    children: (
      <>
        <p>{t("ssoSignedOut", { name: there.name })}</p>
        <p>
          <a class="button" href={there.address}>{t("continue")}</a>
        </p>
      </>
    ),
  });
}

/** The session here has ended, whatever becomes of the one at the provider. */
async function maybeSignOutThere(
  request: PublicRequest,
  { provider_id, provider_session: session, provider_sign_out: sealed, user_id, step }: SessionRow,
): Promise<{ name: string; address: string } | undefined> {
  const { platform, origin } = request, { pepper } = platform;
  const provider = provider_id === null || step !== "full"
    ? undefined
    : await maybeActiveProvider(platform, provider_id);
  if (provider === undefined || sealed === null) return undefined;
  const { providerId, name } = provider;
  try {
    const kept = openJson<string>(sealed, { pepper, of: `${providerId} ${user_id}${signOutSealed}` });
    if (provider.kind === "oidc") {
      const { oidcSignOutAddress } = await import("../../sso/oidc_sign_out.ts");
      const address = await oidcSignOutAddress(platform, provider, { idToken: kept, returnTo: `${origin}/sign-in` });
      return address === undefined ? undefined : { name, address };
    }
    if (provider.settings["sign-out-address"] === undefined) return undefined;
    const { samlSignOutAddress } = await import("../../sso/saml_sign_out.ts");
    const keys = await ensuredSamlKeys(platform, providerId);
    return {
      name,
      address: await samlSignOutAddress(provider, addressesOf(request, provider), { keys, signOut: kept, session }),
    };
  } catch (error) {
    platform.log("providerSignOutFailed", { provider: providerId, name, message: messageOf(error) });
    return undefined;
  }
}

/** The provider's own request, or its answer to that of the portal. */
async function samlMessage(request: PublicRequest, provider: Provider): Promise<Response> {
  const { c, t, platform, client } = request;
  if (provider.kind !== "saml" || provider.settings["sign-out-address"] === undefined) {
    throw new ProviderRefusal("answer", "single logout is not set up for this provider: it has no sign-out-address");
  }
  const isForm = c.req.method === "POST", query = new URL(c.req.url).search.slice(1);
  const isAnswer = isForm ? await field(c, "SAMLResponse") !== "" : /(^|&)SAMLResponse=/.test(query);
  const of = async (name: string): Promise<SignOutMessage> => isForm ? { form: await field(c, name) } : { query };
  const { checkSamlSignOut, isSignedOutThere, samlSignOutAnswer } = await import("../../sso/saml_sign_out.ts");
  if (isAnswer) {
    if (isSignedOutThere(await of("SAMLResponse"))) return c.redirect("/sign-in", 303);
    const children = (
      <>
        <Message>{t("ssoNotSignedOut", { name: provider.name })}</Message>
        <p>
          <a class="button" href="/sign-in">{t("signIn")}</a>
        </p>
      </>
    );
    return await pageOf(request, { title: t("signOut"), narrow: true, children });
  }
  const keys = await ensuredSamlKeys(platform, provider.providerId), addresses = addressesOf(request, provider);
  const now = platform.clock.now().getTime();
  const asked = await checkSamlSignOut(provider, await of("SAMLRequest"), { addresses, keys, now });
  await signOutByProvider(platform, provider, { ...asked, source: client.source });
  const relayState = isForm ? await field(c, "RelayState") : c.req.query("RelayState") ?? "";
  const answer = { keys, id: asked.id, relayState: relayState.slice(0, 500) };
  return c.redirect(await samlSignOutAnswer(provider, addresses, answer), 303);
}

/** From the provider itself, without a browser (OpenID Connect Back-Channel Logout 1.0, 2.8). */
async function oidcMessage({ c, platform, client }: PublicRequest): Promise<Response> {
  const provider = await maybeActiveProvider(platform, c.req.param("provider") ?? "");
  try {
    if (provider?.kind !== "oidc") throw new ProviderRefusal("over", "there is no such provider of OpenID Connect");
    const token = await field(c, "logout_token");
    const { checkSignOutToken } = await import("../../sso/oidc_sign_out.ts");
    const said = await checkSignOutToken(platform, provider, token);
    await signOutByProvider(platform, provider, { ...said, source: client.source });
    return c.body(null, 200);
  } catch (error) {
    if (!(error instanceof ProviderRefusal)) throw error;
    platform.log("providerSignOutFailed", {
      provider: provider?.providerId ?? "",
      message: messageOf(error),
      source: client.source,
    });
    return c.json({ error: "invalid_request" }, 400);
  }
}

const samlPath = "/sign-out/saml/:provider";

export const signOutRoutes: Route[] = [
  { method: "POST", path: "/sign-out", access: "public", handle: leave },
  {
    method: "GET",
    path: samlPath,
    access: "public",
    handle: (request) => atProvider(request, (provider) => samlMessage(request, provider)),
  },
  {
    method: "POST",
    path: samlPath,
    access: "public",
    fromElsewhere: { maxBytes: maxFormBytes },
    handle: (request) => atProvider(request, (provider) => samlMessage(request, provider)),
  },
  {
    method: "POST",
    path: "/sign-out/oidc/:provider",
    access: "public",
    fromElsewhere: { maxBytes: 32 * 1024 },
    handle: oidcMessage,
  },
];
