/** Pages of signing in by an identity provider: which there are, and how to begin, to confirm and to link a user. */
import { UsageError } from "../../../common/core/errors.ts";
import { lookAtFlow } from "../../sso/flows.ts";
import type { KindName } from "../../sso/kinds.ts";
import { linkByPassword, type WaitingLink } from "../../sso/link_user.ts";
import { maybeActiveProvider, type Provider, providerOfEmail, shownProviders } from "../../sso/providers.ts";
import { secretDigest } from "../../users/second_factor.ts";
import { maybeStaleSession } from "../../users/sessions.ts";
import { browserSecret, flowSecret, sessionSecret } from "../page/cookies.ts";
import { field, nextOf } from "../page/form.ts";
import { Field, Message, pageOf } from "../page/layout.tsx";
import type { PublicRequest, Route, UserRequest } from "../page/route.ts";
import { directoryPage, directoryRoutes } from "./ldap_pages.tsx";
import { leadToOidc, oidcRoutes } from "./oidc_pages.tsx";
import { leadToSaml, samlRoutes } from "./saml_pages.tsx";
import { signOutRoutes } from "./sign_out_pages.tsx";
import { afterSignIn, atProvider, type Attempt, refusedPage, type Way } from "./provider_sign_in.tsx";

const ways: Partial<Record<KindName, Way>> = {
  oidc: leadToOidc,
  saml: leadToSaml,
  ldap: (request, provider, { next, purpose }) =>
    directoryPage(request, provider, { next, isConfirm: purpose === "confirm" }),
};

/** Ways to sign in without a password, for the sign-in page. */
export async function providerOffer({ request, next }: { request: PublicRequest; next: string }) {
  const { t, platform } = request;
  const { shown, hasDomains } = await shownProviders(platform);
  if (shown.length === 0 && !hasDomains) return null;
  const query = next === "/" ? "" : `?next=${encodeURIComponent(next)}`;
  return (
    <section>
      <h2>{t("ssoCompany")}</h2>
      {shown.map(({ providerId, name }) => (
        <p>
          <a class="button" href={`/sign-in/with/${providerId}${query}`}>{t("ssoWith", { name })}</a>
        </p>
      ))}
      {hasDomains && (
        <form method="post" action={`/sign-in/company${query}`}>
          <Field name="company" type="email" label={t("ssoCompanyEmail")} autocomplete="username" />
          <button class="plain" type="submit">{t("ssoFind")}</button>
        </form>
      )}
    </section>
  );
}

/** A form must not lead to another origin (`form-action`), so that a page stands between. */
async function company(request: PublicRequest): Promise<Response> {
  const { c, t, platform } = request, next = nextOf(c.req.query("next"));
  const found = await providerOfEmail(platform, await field(c, "company"));
  if (found === undefined) {
    const children = (
      <>
        <Message>{t("ssoNoDomain")}</Message>
        <p>
          <a class="button" href="/sign-in">{t("ssoTryAgain")}</a>
        </p>
      </>
    );
    return await pageOf(request, { title: t("signIn"), narrow: true, status: 422, children });
  }
  const address = `/sign-in/with/${found.providerId}?next=${encodeURIComponent(next)}`;
  c.header("refresh", `0; url=${address}`);
  return await pageOf(request, {
    title: t("signIn"),
    narrow: true,
    children: (
      <>
        <p>{t("ssoOn", { name: found.name })}</p>
        <p>
          <a class="button" href={address}>{t("continue")}</a>
        </p>
      </>
    ),
  });
}

/** `again`: for a session that counts for nothing until the provider has vouched for it once more. */
function begin(request: PublicRequest): Promise<Response> {
  const { c, platform } = request;
  return atProvider(request, async (provider) => {
    const secret = c.req.query("again") === undefined ? undefined : sessionSecret(c);
    const stale = secret && await maybeStaleSession(platform, secret);
    const isOwn = stale && stale.provider_id === provider.providerId;
    return await lead(request, provider, {
      purpose: isOwn ? "renew" : "signIn",
      next: nextOf(c.req.query("next")),
      session: isOwn ? stale.digest : null,
      startedAt: platform.clock.now().getTime(),
    });
  });
}

async function lead(request: PublicRequest, provider: Provider, attempt: Attempt): Promise<Response> {
  const way = ways[provider.kind];
  return way === undefined
    ? await refusedPage(request, provider.name, "closed")
    : await way(request, provider, attempt);
}

/** In place of the form for password and code. */
export async function confirmAtProvider(
  request: UserRequest,
  providerId: string,
  form: string | undefined,
): Promise<Response> {
  const { c, t, platform } = request, provider = await maybeActiveProvider(platform, providerId);
  if (provider === undefined) return await refusedPage(request, "", "closed");
  const { name } = provider, page = nextOf(c.req.query("next"));
  const next = form === undefined ? page : `/confirm/kept?form=${form}&next=${encodeURIComponent(page)}`;
  return await pageOf(request, {
    title: t("confirmTitle"),
    narrow: true,
    children: (
      <>
        <p>{t("ssoConfirmHelp", { name })}</p>
        <p>
          <a class="button" href={`/confirm/with/${providerId}?next=${encodeURIComponent(next)}`}>
            {t("ssoConfirm", { name })}
          </a>
        </p>
      </>
    ),
  });
}

/** Before something dangerous: the person proves to the provider who it is. */
function confirm(request: UserRequest): Promise<Response> {
  const { c, platform, viewer } = request;
  return atProvider(request, async (provider) => {
    if (viewer.providerId !== provider.providerId) return await refusedPage(request, provider.name, "otherPerson");
    return await lead(request, provider, {
      purpose: "confirm",
      next: nextOf(c.req.query("next")),
      session: secretDigest(sessionSecret(c)!),
      startedAt: platform.clock.now().getTime(),
    });
  });
}

async function linkPage(
  request: PublicRequest,
  provider: Provider,
  { message, status }: { message?: string; status?: 401 | 422 | 429 } = {},
): Promise<Response> {
  const { c, t, platform } = request, id = c.req.query("id") ?? "", secret = flowSecret(c);
  const asked = { providerId: provider.providerId, id, browserSecret: secret };
  const waiting = secret === undefined ? undefined : await lookAtFlow<WaitingLink>(platform, asked);
  if (waiting?.purpose !== "link") return await refusedPage(request, provider.name, "over");
  return await pageOf(request, {
    title: t("ssoLinkTitle"),
    narrow: true,
    ...(status === undefined ? {} : { status }),
    children: (
      <form method="post" action={`/sign-in/link/${provider.providerId}?id=${encodeURIComponent(id)}`}>
        {message !== undefined && <Message>{message}</Message>}
        <p>{t("ssoLinkHelp", { email: waiting.kept.email, name: provider.name })}</p>
        <Field name="password" type="password" label={t("password")} autocomplete="current-password" />
        <Field name="code" label={t("code")} help={t("codeHelp")} autocomplete="one-time-code" required={false} />
        <button type="submit">{t("ssoLink")}</button>
      </form>
    ),
  });
}

async function link(request: PublicRequest, provider: Provider): Promise<Response> {
  const { c, t, platform, client } = request;
  const password = await field(c, "password"), code = await field(c, "code");
  try {
    const linked = await linkByPassword(platform, {
      providerId: provider.providerId,
      id: c.req.query("id") ?? "",
      flowSecret: flowSecret(c),
      password,
      code,
      ...client,
      browserSecret: browserSecret(c),
    });
    if (linked.kind === "refused") return await linkPage(request, provider, { message: t("refused"), status: 401 });
    if (linked.kind !== "wait") return await afterSignIn(request, provider, linked, "/");
    const message = t("wait", { minutes: Math.ceil(linked.ms / 60_000) });
    return await linkPage(request, provider, { message, status: 429 });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await linkPage(request, provider, { message: error.message, status: 422 });
  }
}

export const providerSignInRoutes: Route[] = [
  ...oidcRoutes,
  ...samlRoutes,
  ...directoryRoutes,
  ...signOutRoutes,
  { method: "POST", path: "/sign-in/company", access: "public", handle: company },
  { method: "GET", path: "/sign-in/with/:provider", access: "public", handle: begin },
  {
    method: "GET",
    path: "/sign-in/link/:provider",
    access: "public",
    handle: (request) => atProvider(request, (provider) => linkPage(request, provider)),
  },
  {
    method: "POST",
    path: "/sign-in/link/:provider",
    access: "public",
    handle: (request) => atProvider(request, (provider) => link(request, provider)),
  },
  { method: "GET", path: "/confirm/with/:provider", access: "signedIn", handle: confirm },
];
