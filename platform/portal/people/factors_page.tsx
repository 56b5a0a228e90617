/** The authenticator app and the recovery codes of one's own account. */
import { UsageError } from "../../../common/core/errors.ts";
import { addApp, countRecoveryCodes, renewRecoveryCodes } from "../../users/own_factors.ts";
import { factorsOf } from "../../users/passkeys.ts";
import { enrolmentOf } from "../../users/sign_in.ts";
import { sessionSecret } from "../page/cookies.ts";
import { field } from "../page/form.ts";
import { Message, pageOf } from "../page/layout.tsx";
import type { Route, UserRequest } from "../page/route.ts";
import { AppForm, recoveryCodesPage, signInPage } from "../sign_in/sign_in_pages.tsx";
import { accountPage } from "./account_page.tsx";

/** What there is, and the ways to something new. */
export async function secondFactors({ request }: { request: UserRequest }) {
  const { t, c, platform, viewer } = request;
  const factors = await factorsOf(platform, { secret: sessionSecret(c) ?? "", step: "full" });
  const hasApp = factors?.hasApp ?? false, left = await countRecoveryCodes(platform, viewer.userId);
  return (
    <>
      <h2>{t("appTitle")}</h2>
      <p>
        {t(hasApp ? "appThere" : "appNone")} <a href="/account/app">{t(hasApp ? "appReplace" : "appAdd")}</a>
      </p>
      {(hasApp || factors?.hasPasskey) && (
        <>
          <h2>{t("recoveryTitle")}</h2>
          <form method="post" action="/account/recovery-codes">
            <p>{t("recoveryLeft", { count: left })}</p>
            <button class="plain" type="submit">{t("recoveryRenew")}</button>
          </form>
        </>
      )}
    </>
  );
}

async function appPage(request: UserRequest, message?: string) {
  const { t, c, platform } = request;
  const enrolment = await enrolmentOf(platform, { secret: sessionSecret(c) ?? "", step: "full" });
  if (enrolment === undefined) return await signInPage(request, { message: t("over"), status: 401 });
  return await pageOf(request, {
    title: t("appTitle"),
    narrow: true,
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        <AppForm request={request} enrolment={enrolment} action="/account/app" />
        <p>
          <a href="/account">{t("account")}</a>
        </p>
      </>
    ),
  });
}

async function add(request: UserRequest) {
  const { c, t, platform } = request;
  const done = await addApp(platform, { secret: sessionSecret(c) ?? "", code: await field(c, "code") });
  if (done.kind === "refused") return await appPage(request, t("wrongCode"));
  if (done.kind === "added" && done.recoveryCodes !== undefined) {
    return await recoveryCodesPage(request, done.recoveryCodes, "/account");
  }
  return c.redirect(done.kind === "over" ? "/account/app" : "/account", 303);
}

async function renew(request: UserRequest) {
  const { platform, viewer } = request;
  try {
    return await recoveryCodesPage(request, await renewRecoveryCodes(platform, { viewer }), "/account");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await accountPage(request, error.message);
  }
}

const confirmed = { access: "signedIn", confirmed: true } as const;

export const factorRoutes: Route[] = [
  { ...confirmed, method: "GET", path: "/account/app", handle: (request: UserRequest) => appPage(request) },
  { ...confirmed, method: "POST", path: "/account/app", handle: add },
  { ...confirmed, method: "POST", path: "/account/recovery-codes", handle: renew },
];
