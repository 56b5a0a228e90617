/** The passkeys of one's own account. */
import { UsageError } from "../../../common/core/errors.ts";
import { type ListedPasskey, registerPasskey, removePasskey } from "../../users/passkeys.ts";
import { sessionSecret } from "../page/cookies.ts";
import { field } from "../page/form.ts";
import { Message, pageOf, Table } from "../page/layout.tsx";
import type { Route, UserRequest } from "../page/route.ts";
import { NewPasskeyForm, passkeyScripts } from "../sign_in/passkey_form.tsx";
import { askNew } from "../sign_in/passkey_pages.tsx";
import { clientOf, recoveryCodesPage } from "../sign_in/sign_in_pages.tsx";
import { accountPage } from "./account_page.tsx";

/** Those that there are, with their removal, and the way to a new one. */
export function Passkeys({ request: { t, formats }, rows }: { request: UserRequest; rows: readonly ListedPasskey[] }) {
  return (
    <>
      <h2>{t("passkeys")}</h2>
      <Table
        rows={rows}
        empty={t("none")}
        caption={t("passkeys")}
        isTitled
        columns={[
          {
            heading: t("name"),
            cell: ({ name, isSetAside }) => isSetAside ? `${name}: ${t("passkeySetAside")}` : name,
          },
          { heading: t("passkeyMade"), cell: ({ createdAt }) => formats.time(createdAt) },
          {
            heading: t("passkeyLastUse"),
            cell: ({ usedAt }) => usedAt === null ? t("never") : formats.time(usedAt),
          },
          {
            heading: t("action"),
            cell: ({ passkeyId, name }) => (
              <form method="post" action={`/account/passkeys/${passkeyId}/remove`}>
                <button class="plain" type="submit" aria-label={`${t("passkeyRemove")}: ${name}`}>
                  {t("passkeyRemove")}
                </button>
              </form>
            ),
          },
        ]}
      />
      <p>
        <a href="/account/passkeys/new">{t("passkeyAdd")}</a>
      </p>
    </>
  );
}

function newPage(request: UserRequest, message?: string) {
  const { t } = request;
  return pageOf(request, {
    title: t("passkeyAdd"),
    narrow: true,
    scripts: passkeyScripts,
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        <NewPasskeyForm request={request} action="/account/passkeys" options="/account/passkeys/options" />
        <p>
          <a href="/account">{t("account")}</a>
        </p>
      </>
    ),
  });
}

async function add(request: UserRequest) {
  const { c, t, platform, origin } = request;
  const secret = sessionSecret(c) ?? "", answer = await field(c, "answer"), name = await field(c, "name");
  try {
    const wanted = { secret, step: "full", answer, name, origin, ...clientOf(request) } as const;
    const done = await registerPasskey(platform, wanted);
    if (done.kind !== "added") return await newPage(request, t(done.kind === "over" ? "over" : "passkeyNotMade"));
    if (done.recoveryCodes !== undefined) return await recoveryCodesPage(request, done.recoveryCodes, "/account");
    return c.redirect("/account", 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await newPage(request, t("passkeyName"));
  }
}

async function remove(request: UserRequest) {
  const { c, t, platform, viewer } = request;
  try {
    await removePasskey(platform, { viewer, passkeyId: c.req.param("passkey") ?? "" });
    return c.redirect("/account", 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await accountPage(request, /last second factor/.test(error.message) ? t("passkeyLast") : error.message);
  }
}

export const passkeyAccountRoutes: Route[] = [
  {
    method: "GET",
    path: "/account/passkeys/new",
    access: "signedIn",
    confirmed: true,
    handle: (request) => newPage(request),
  },
  {
    method: "POST",
    path: "/account/passkeys/options",
    access: "signedIn",
    confirmed: true,
    handle: (request) => askNew(request, "full"),
  },
  { method: "POST", path: "/account/passkeys", access: "signedIn", confirmed: true, handle: add },
  { method: "POST", path: "/account/passkeys/:passkey/remove", access: "signedIn", confirmed: true, handle: remove },
];
