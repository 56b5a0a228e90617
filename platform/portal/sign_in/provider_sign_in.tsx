/**
 * The steps at an identity provider that all kinds have in common: sending a browser there, and what follows when the
 * provider has vouched for somebody. provider_pages.tsx has the pages.
 */
import { messageOf } from "../../../common/core/errors.ts";
import { beginFlow, type Purpose } from "../../sso/flows.ts";
import type { Identity } from "../../sso/identity.ts";
import type { Linked, WaitingLink } from "../../sso/link_user.ts";
import { ProviderRefusal, type RefusalReason } from "../../sso/provider_refusal.ts";
import { maybeActiveProvider, type Provider } from "../../sso/providers.ts";
import { signInByProvider } from "../../sso/sign_in_by_provider.ts";
import { newSecret } from "../../users/second_factor.ts";
import { browserSecret, flowSecret, setFlow } from "../page/cookies.ts";
import { Message, pageOf } from "../page/layout.tsx";
import type { PublicRequest } from "../page/route.ts";
import { maybeStep } from "./sign_in_step.ts";

/** What a way to a provider begins. */
export interface Attempt {
  purpose: Purpose;
  /** A path of the portal. */
  next: string;
  /** Digest of the session that is confirmed or renewed. */
  session: Uint8Array | null;
  startedAt: number;
}

/** Leads a browser to the provider, or shows a form of its own. It may throw ProviderRefusal. */
export type Way = (request: PublicRequest, provider: Provider, attempt: Attempt) => Response | Promise<Response>;

const reasonStatus: Partial<Record<Refused, 403 | 429 | 503>> = { away: 503, busy: 429, noRole: 403, deactivated: 403 };

type Refused = RefusalReason | "noRole" | "deactivated" | "closed" | "otherPerson";

/** One sentence that a stranger may know, and the way back. */
export function refusedPage(request: PublicRequest, name: string, reason: Refused): Response | Promise<Response> {
  const { t } = request;
  return pageOf(request, {
    title: t(request.c.req.path.startsWith("/sign-out/") ? "ssoSignOutFailed" : "ssoFailed"),
    narrow: true,
    status: reasonStatus[reason] ?? 401,
    children: (
      <>
        <Message>{t(`sso_${reason}`, { name })}</Message>
        <p>
          <a class="button" href="/sign-in">{t("ssoTryAgain")}</a>
        </p>
      </>
    ),
  });
}

/** Runs a step at a provider; why it did not succeed is in the log, and a word of it on the page. */
export async function atProvider(
  request: PublicRequest,
  work: (provider: Provider) => Response | Promise<Response>,
): Promise<Response> {
  const { c, platform } = request;
  const provider = await maybeActiveProvider(platform, c.req.param("provider") ?? "");
  if (provider === undefined) return await refusedPage(request, "", "closed");
  try {
    return await work(provider);
  } catch (error) {
    if (!(error instanceof ProviderRefusal)) throw error;
    platform.log("providerSignInFailed", {
      provider: provider.providerId,
      name: provider.name,
      reason: error.reason,
      message: messageOf(error),
      source: request.client.source,
    });
    return await refusedPage(request, provider.name, error.reason);
  }
}

/** Keeps what the browser must bring back, and sends it away. */
export async function leadAway(
  { platform, c, client }: PublicRequest,
  { providerId }: Provider,
  { purpose, next, session }: Attempt,
  begun: { address: string; id: string; kept: unknown },
): Promise<Response> {
  const secret = flowSecret(c) ?? newSecret();
  await beginFlow(platform, {
    providerId,
    purpose,
    id: begun.id,
    browserSecret: secret,
    kept: begun.kept,
    next,
    session,
    source: client.source,
  });
  setFlow(c, secret);
  return c.redirect(begun.address, 302);
}

/** What follows when the provider has vouched for somebody. */
export async function finishAtProvider(
  request: PublicRequest,
  provider: Provider,
  { identity, attempt }: { identity: Identity; attempt: Attempt },
): Promise<Response> {
  const { platform, c, client } = request;
  const signedIn = await signInByProvider(platform, {
    provider,
    identity,
    flow: attempt,
    ...client,
    browserSecret: browserSecret(c),
  });
  if (signedIn.kind !== "taken") return await afterSignIn(request, provider, signedIn, attempt.next);
  const { userId, email } = signedIn, id = newSecret();
  const kept: WaitingLink = { identity, userId, email };
  const page = `/sign-in/link/${provider.providerId}?id=${id}`;
  return await leadAway(request, provider, { ...attempt, purpose: "link" }, { address: page, id, kept });
}

export function afterSignIn(
  request: PublicRequest,
  provider: Provider,
  signedIn: Linked,
  next: string,
): Response | Promise<Response> {
  const step = maybeStep(request, signedIn, next);
  if (step !== undefined) return step;
  switch (signedIn.kind) {
    case "confirmed":
      return request.c.redirect(next, 303);
    case "noRole":
    case "deactivated":
    case "closed":
    case "otherPerson":
    case "over":
      return refusedPage(request, provider.name, signedIn.kind);
    default:
      throw new Error(`unexpected end of a sign-in: ${signedIn.kind}`);
  }
}
