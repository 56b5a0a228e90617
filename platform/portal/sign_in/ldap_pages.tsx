/**
 * Sign-in by a directory: a form for name and password, and Windows authentication, where a proxy in front has signed the
 * person in. The library is loaded when somebody signs in by it.
 */
import { ProviderRefusal } from "../../sso/provider_refusal.ts";
import type { Provider } from "../../sso/providers.ts";
import type { DirectoryVouch } from "../../sso/sign_in_by_directory.ts";
import { secretDigest } from "../../users/second_factor.ts";
import { sessionSecret } from "../page/cookies.ts";
import { field, nextOf } from "../page/form.ts";
import { Field, Message, pageOf } from "../page/layout.tsx";
import type { PublicRequest, Route, UserRequest } from "../page/route.ts";
import { atProvider, finishAtProvider } from "./provider_sign_in.tsx";

interface Shown {
  next: string;
  /** Of a signed-in person who proves again who it is. */
  isConfirm: boolean;
  message?: string;
  status?: 401 | 429;
  typed?: string;
}

export function directoryPage(request: PublicRequest, provider: Provider, shown: Shown): Response | Promise<Response> {
  const { t } = request, { providerId, name } = provider, { next, isConfirm, message, status, typed = "" } = shown;
  const query = next === "/" ? "" : `?next=${encodeURIComponent(next)}`;
  // The proxy in front signs in the person who asks for this path.
  const hasWindows = !isConfirm && request.remoteUsers !== undefined && provider.settings["realms"] !== undefined;
  return pageOf(request, {
    title: isConfirm ? t("confirmTitle") : t("ssoWith", { name }),
    narrow: true,
    ...(status === undefined ? {} : { status }),
    children: (
      <>
        {hasWindows && (
          <p>
            <a class="button" href={`/sign-in/windows/${providerId}${query}`}>{t("windowsSignIn")}</a>
          </p>
        )}
        <form method="post" action={`/${isConfirm ? "confirm" : "sign-in"}/directory/${providerId}${query}`}>
          {message !== undefined && <Message>{message}</Message>}
          {isConfirm && <p>{t("directoryConfirmHelp", { name })}</p>}
          <Field
            name="name"
            label={t("directoryName")}
            help={t("directoryNameHelp")}
            value={typed}
            autocomplete="username"
            autofocus
          />
          <Field name="password" type="password" label={t("password")} autocomplete="current-password" />
          <button type="submit">{isConfirm ? t("continue") : t("signIn")}</button>
        </form>
      </>
    ),
  });
}

/** `session`: digest of the session that is confirmed; null to sign in. */
async function byPassword(request: PublicRequest, provider: Provider, session: Uint8Array | null): Promise<Response> {
  const { c, t, platform, client } = request, next = nextOf(c.req.query("next")), startedAt = platform.clock.now();
  const typed = await field(c, "name"), password = await field(c, "password");
  const { vouchByPassword } = await import("../../sso/sign_in_by_directory.ts");
  const vouch = await vouchByPassword(platform, provider, { typed, password, ...client });
  const again = { next, isConfirm: session !== null, typed };
  if (vouch.kind === "wait") {
    const message = t("wait", { minutes: Math.ceil(vouch.ms / 60_000) });
    return await directoryPage(request, provider, { ...again, message, status: 429 });
  }
  if (vouch.kind === "refused") {
    noteRefusal(request, provider, vouch.message);
    return await directoryPage(request, provider, { ...again, message: t("refused"), status: 401 });
  }
  return await finish(request, provider, vouch, {
    purpose: session === null ? "signIn" : "confirm",
    next,
    session,
    startedAt: startedAt.getTime(),
  });
}

async function byWindows(request: PublicRequest, provider: Provider): Promise<Response> {
  const { c, platform, remoteUsers } = request, next = nextOf(c.req.query("next"));
  // Only the proxy in front can say who somebody is.
  if (remoteUsers === undefined) return await c.notFound();
  // A page of another origin signs nobody in.
  if (c.req.header("sec-fetch-site") === "cross-site") return c.redirect("/sign-in", 303);
  const { vouchByRemoteUser } = await import("../../sso/sign_in_by_directory.ts");
  const vouch = await vouchByRemoteUser(platform, provider, remoteUsers);
  const needsFactor = provider.needsFactor && provider.settings["windows-second-factor"] === "yes";
  return await finish(request, { ...provider, needsFactor }, vouch, {
    purpose: "signIn",
    next,
    session: null,
    startedAt: platform.clock.now().getTime(),
  });
}

async function finish(
  request: PublicRequest,
  provider: Provider,
  vouch: DirectoryVouch,
  attempt: Parameters<typeof finishAtProvider>[2]["attempt"],
): Promise<Response> {
  if (vouch.kind === "person") {
    return await finishAtProvider(request, provider, { identity: vouch.identity, attempt });
  }
  if (vouch.kind === "wait") throw new Error("a person who waits is not asked");
  throw new ProviderRefusal(vouch.kind === "away" ? "away" : "cancelled", vouch.message);
}

function noteRefusal({ platform, client }: PublicRequest, provider: Provider, message: string): void {
  platform.log("providerSignInFailed", {
    provider: provider.providerId,
    name: provider.name,
    reason: "refused",
    message,
    source: client.source,
  });
}

function isDirectory(provider: Provider): boolean {
  return provider.kind === "ldap";
}

const atDirectory = (
  request: PublicRequest,
  work: (provider: Provider) => Response | Promise<Response>,
): Promise<Response> =>
  atProvider(request, async (provider) => isDirectory(provider) ? await work(provider) : await request.c.notFound());

function confirmByPassword(request: UserRequest): Promise<Response> {
  const { c, viewer } = request;
  return atDirectory(
    request,
    (provider) =>
      viewer.providerId === provider.providerId
        ? byPassword(request, provider, secretDigest(sessionSecret(c)!))
        : c.notFound(),
  );
}

export const directoryRoutes: Route[] = [
  {
    method: "POST",
    path: "/sign-in/directory/:provider",
    access: "public",
    handle: (request) => atDirectory(request, (provider) => byPassword(request, provider, null)),
  },
  {
    method: "GET",
    path: "/sign-in/windows/:provider",
    access: "public",
    handle: (request) => atDirectory(request, (provider) => byWindows(request, provider)),
  },
  { method: "POST", path: "/confirm/directory/:provider", access: "signedIn", handle: confirmByPassword },
];
