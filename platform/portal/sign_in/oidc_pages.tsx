/** OpenID Connect in the browser: to the provider, and back. The library is loaded when somebody signs in by it. */
import { maybeFlow } from "../../sso/flows.ts";
import type { OidcKept } from "../../sso/oidc.ts";
import { ProviderRefusal } from "../../sso/provider_refusal.ts";
import type { Provider } from "../../sso/providers.ts";
import { flowSecret } from "../page/cookies.ts";
import type { PublicRequest, Route } from "../page/route.ts";
import { atProvider, type Attempt, finishAtProvider, leadAway } from "./provider_sign_in.tsx";

/** What the provider must know: "redirect URI". */
export function oidcRedirect(origin: string, providerId: string): string {
  return `${origin}/sign-in/oidc/${providerId}`;
}

export async function leadToOidc(request: PublicRequest, provider: Provider, attempt: Attempt): Promise<Response> {
  const { beginOidc } = await import("../../sso/oidc.ts");
  const begun = await beginOidc(request.platform, provider, {
    redirectUri: oidcRedirect(request.origin, provider.providerId),
    isFresh: attempt.purpose === "confirm",
    isSilent: attempt.purpose === "renew",
  });
  return await leadAway(request, provider, attempt, begun);
}

async function comeBack(request: PublicRequest, provider: Provider): Promise<Response> {
  const { c, platform, origin } = request, { providerId } = provider;
  if (provider.kind !== "oidc") throw new ProviderRefusal("over", "this provider gives no answers by OpenID Connect");
  const state = c.req.query("state") ?? "";
  // Used up by any answer, also by one that is refused.
  const flow = await maybeFlow<OidcKept>(platform, { providerId, id: state, browserSecret: flowSecret(c) });
  if (flow === undefined || flow.purpose === "link") {
    throw new ProviderRefusal("over", "nothing waits for this answer in this browser");
  }
  const { finishOidc } = await import("../../sso/oidc.ts");
  const address = oidcRedirect(origin, providerId) + new URL(c.req.url).search;
  try {
    const identity = await finishOidc(platform, provider, { address, state, kept: flow.kept });
    return await finishAtProvider(request, provider, { identity, attempt: flow });
  } catch (error) {
    // It could not be done without questions: then with them.
    const isSilent = flow.purpose === "renew" && error instanceof ProviderRefusal && error.reason === "questions";
    if (!isSilent) throw error;
    return c.redirect(`/sign-in?next=${encodeURIComponent(flow.next)}`, 303);
  }
}

export const oidcRoutes: Route[] = [
  {
    method: "GET",
    path: "/sign-in/oidc/:provider",
    access: "public",
    handle: (request) => atProvider(request, (provider) => comeBack(request, provider)),
  },
];
