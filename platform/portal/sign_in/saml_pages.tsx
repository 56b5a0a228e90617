/**
 * SAML in the browser. The provider's answer is a form of another origin, which comes without the portal's cookies
 * (SameSite). So it is checked and kept first, for the browser that began, and that browser is led to a page of the portal
 * that it has the cookie for. The library is loaded when somebody signs in by it.
 */
import { answerFlow, dropFlow, lookAtFlow, maybeFlow, refuseGuesses } from "../../sso/flows.ts";
import type { Identity } from "../../sso/identity.ts";
import { providerAddresses } from "../../sso/provider_addresses.ts";
import { ProviderRefusal } from "../../sso/provider_refusal.ts";
import { maybeActiveProvider, type Provider } from "../../sso/providers.ts";
import type { SamlAddresses, SamlAnswer } from "../../sso/saml.ts";
import { ensuredSamlKeys, samlKeys } from "../../sso/saml_keys.ts";
import { newSecret } from "../../users/second_factor.ts";
import { flowSecret } from "../page/cookies.ts";
import { field } from "../page/form.ts";
import type { PublicRequest, Route } from "../page/route.ts";
import { atProvider, type Attempt, finishAtProvider, leadAway } from "./provider_sign_in.tsx";

/* Base64 in a form, of an answer with hundreds of groups. */
export const maxFormBytes = 512 * 1024;

export function addressesOf(request: PublicRequest, { providerId }: Provider): SamlAddresses {
  const all = providerAddresses("saml", { origin: request.origin, id: providerId });
  return {
    entityId: all["entity id"]!,
    consumer: all["assertion consumer service"]!,
    signOut: all["single logout service"]!,
  };
}

export async function leadToSaml(request: PublicRequest, provider: Provider, attempt: Attempt): Promise<Response> {
  const { beginSaml } = await import("../../sso/saml.ts");
  const begun = await beginSaml(provider, addressesOf(request, provider), {
    isFresh: attempt.purpose === "confirm",
    isSilent: attempt.purpose === "renew",
  });
  return await leadAway(request, provider, attempt, { ...begun, kept: {} });
}

/** The provider's form. Nothing of it is believed before its signature was checked, and nothing changes until then. */
async function consume(request: PublicRequest, provider: Provider): Promise<Response> {
  const { c, platform, client: { source } } = request, { providerId } = provider;
  if (provider.kind !== "saml") throw new ProviderRefusal("over", "this provider gives no answers by SAML");
  const samlResponse = await field(c, "SAMLResponse");
  const { checkSaml, claimedRequest, isEncryptedAnswer } = await import("../../sso/saml.ts");
  const requestId = claimedRequest(samlResponse);
  const flow = requestId === undefined ? undefined : await lookAtFlow(platform, { providerId, id: requestId });
  if (requestId === undefined || flow === undefined) {
    throw new ProviderRefusal("over", "the answer is for no request that waits: sign-in begins at the portal");
  }
  let answer: SamlAnswer;
  const isEncrypted = isEncryptedAnswer(samlResponse);
  if (isEncrypted) await refuseGuesses(platform, { providerId, source });
  try {
    const addresses = addressesOf(request, provider);
    answer = await checkSaml(platform, provider, {
      samlResponse,
      requestId,
      addresses,
      isFresh: flow.purpose === "confirm",
      keys: isEncrypted ? await samlKeys(platform, providerId) : [],
    });
  } catch (error) {
    if (isEncrypted) await dropFlow(platform, { providerId, id: requestId, source });
    const isSilent = flow.purpose === "renew" && error instanceof ProviderRefusal && error.reason === "questions";
    if (!isSilent) throw error;
    return c.redirect(`/sign-in?next=${encodeURIComponent(flow.next)}`, 303);
  }
  const nextId = newSecret(), { identity, assertion } = answer, kept = { identity };
  const isFirst = await answerFlow(platform, { providerId, id: requestId, nextId, kept, assertion });
  if (!isFirst) throw new ProviderRefusal("over", "the answer was used before");
  return c.redirect(`/sign-in/saml/${providerId}/done?answer=${nextId}`, 303);
}

/** In the browser that began, as its cookie says. */
async function finish(request: PublicRequest, provider: Provider): Promise<Response> {
  const { c, platform } = request, { providerId } = provider;
  const flow = await maybeFlow<{ identity: Identity }>(platform, {
    providerId,
    id: c.req.query("answer") ?? "",
    browserSecret: flowSecret(c),
  });
  if (flow?.kept.identity === undefined || flow.purpose === "link") {
    throw new ProviderRefusal("over", "nothing waits for this answer in this browser");
  }
  return await finishAtProvider(request, provider, { identity: flow.kept.identity, attempt: flow });
}

async function metadata(request: PublicRequest): Promise<Response> {
  const { c, platform } = request;
  const provider = await maybeActiveProvider(platform, c.req.param("provider") ?? "");
  if (provider?.kind !== "saml") return await c.notFound();
  const { samlMetadata } = await import("../../sso/saml.ts");
  const keys = await ensuredSamlKeys(platform, provider.providerId);
  return c.body(samlMetadata(provider, addressesOf(request, provider), keys), 200, {
    "content-type": "application/samlmetadata+xml; charset=utf-8",
  });
}

export const samlRoutes: Route[] = [
  {
    method: "POST",
    path: "/sign-in/saml/:provider",
    access: "public",
    fromElsewhere: { maxBytes: maxFormBytes },
    handle: (request) => atProvider(request, (provider) => consume(request, provider)),
  },
  {
    method: "GET",
    path: "/sign-in/saml/:provider/done",
    access: "public",
    handle: (request) => atProvider(request, (provider) => finish(request, provider)),
  },
  { method: "GET", path: "/sign-in/saml/:provider/metadata", access: "public", handle: metadata },
];
