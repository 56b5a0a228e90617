/** Signing in and out, the second factor, links of invitations, and proving again who somebody is. */
import { raw } from "hono/html";
import { renderSVG } from "uqr";
import { UnavailableError, UsageError } from "../../../common/core/errors.ts";
import {
  confirmEnrolment,
  confirmSession,
  type Enrolment,
  enrolmentOf,
  linkHolder,
  type SignedIn,
  signInByPassword,
  signInBySecondFactor,
  usePasswordLink,
} from "../../users/sign_in.ts";
import { firstUserEmail, requestPassword } from "../../users/manage_users.ts";
import { takeForm } from "../../users/kept_forms.ts";
import { factorsOf } from "../../users/passkeys.ts";
import { browserSecret, sessionSecret } from "../page/cookies.ts";
import { field, nextOf } from "../page/form.ts";
import { Field, Message, pageOf } from "../page/layout.tsx";
import { NewPasskeyForm, PasskeyForm, passkeyScripts } from "./passkey_form.tsx";
import type { PublicRequest, Route, UserRequest } from "../page/route.ts";
import { confirmAtProvider, providerOffer, providerSignInRoutes } from "./provider_pages.tsx";
import { enteredSession, maybeStep } from "./sign_in_step.ts";

interface Said {
  message?: string;
  status?: 401 | 422 | 429 | 503;
}

export async function signInPage(
  request: PublicRequest,
  { message, status, email = "" }: Said & { email?: string } = {},
) {
  const { t, c } = request, next = nextOf(c.req.query("next"));
  const offer = await providerOffer({ request, next });
  return await pageOf(request, {
    title: t("signIn"),
    narrow: true,
    scripts: passkeyScripts,
    ...(status === undefined ? {} : { status }),
    children: (
      <>
        <form method="post" action={next === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(next)}`}>
          {message !== undefined && <Message>{message}</Message>}
          <Field name="email" type="email" label={t("email")} value={email} autocomplete="username" autofocus />
          <Field name="password" type="password" label={t("password")} autocomplete="current-password" />
          <button type="submit">{t("signIn")}</button>
        </form>
        <PasskeyForm
          request={request}
          kind="get"
          action={`/passkey?next=${encodeURIComponent(next)}`}
          options="/passkey/options"
          label={t("passkeySignIn")}
        />
        <p>
          <a href="/forgot">{t("forgot")}</a>
        </p>
        <p class="help">{t("lockNote")}</p>
        {offer}
      </>
    ),
  });
}

/** The same for every address, whether it is known or not. */
function forgotPage(request: PublicRequest, { isDone = false }: { isDone?: boolean } = {}) {
  const { t } = request;
  return pageOf(request, {
    title: t("forgot"),
    narrow: true,
    children: isDone ? <Message good>{t("forgotDone")}</Message> : (
      <form method="post" action="/forgot">
        <p>{t("forgotHelp")}</p>
        <Field name="email" type="email" label={t("email")} autocomplete="username" autofocus />
        <button type="submit">{t("continue")}</button>
      </form>
    ),
  });
}

/* Longer than it takes to make a link and queue a mail: the time of the answer must not tell who is known. */
const forgotMs = 500;

async function forgot(request: PublicRequest) {
  const { c, platform, client } = request, email = await field(c, "email");
  const { promise: time, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, forgotMs);
  await Promise.all([requestPassword(platform, { email, source: client.source }), time]);
  return await forgotPage(request, { isDone: true });
}

export async function secondFactorPage(request: PublicRequest, { message, status }: Said = {}) {
  const { t, c, platform } = request, next = nextOf(c.req.query("next"));
  const factors = await factorsOf(platform, { secret: sessionSecret(c) ?? "", step: "secondFactor" });
  if (factors === undefined) return await signInPage(request, { message: t("over"), status: 401 });
  return pageOf(request, {
    title: t("secondFactor"),
    narrow: true,
    ...(factors.hasPasskey ? { scripts: passkeyScripts } : {}),
    ...(status === undefined ? {} : { status }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        {factors.hasPasskey && (
          <PasskeyForm
            request={request}
            kind="get"
            action={`/second-factor/passkey?next=${encodeURIComponent(next)}`}
            options="/second-factor/passkey/options"
            label={t("passkeyUse")}
          />
        )}
        <form method="post" action={`/second-factor?next=${encodeURIComponent(next)}`}>
          <Field
            name="code"
            label={t("code")}
            help={t(factors.hasApp ? "codeHelp" : "recoveryCodeHelp")}
            autocomplete="one-time-code"
            autofocus
          />
          <button type="submit">{t("continue")}</button>
        </form>
      </>
    ),
  });
}

export async function setUpPage(request: PublicRequest, { message, status }: Said = {}) {
  const { t, c, platform } = request;
  const secret = sessionSecret(c);
  const enrolment = secret && await enrolmentOf(platform, { secret, step: "enrolment" });
  if (!enrolment) return signInPage(request, { message: t("over"), status: 401 });
  return pageOf(request, {
    title: t("setUpTitle"),
    narrow: true,
    scripts: passkeyScripts,
    ...(status === undefined ? {} : { status }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        <AppForm request={request} enrolment={enrolment} action="/set-up" />
        <NewPasskeyForm request={request} action="/set-up/passkey" options="/set-up/passkey/options">
          <h2>{t("passkeyInstead")}</h2>
        </NewPasskeyForm>
      </>
    ),
  });
}

/** Gives an app its secret, and asks for its first code. */
export function AppForm(
  { request: { t }, enrolment, action }: { request: PublicRequest; enrolment: Enrolment; action: string },
) {
  return (
    <form method="post" action={action}>
      <p>{t("setUpHelp")}</p>
      <div class="qr" role="img" aria-label={t("setUpPicture")}>{raw(renderSVG(enrolment.address))}</div>
      <p>
        {t("setUpTyped")} <code>{enrolment.typed}</code>
      </p>
      <Field name="code" label={t("code")} autocomplete="one-time-code" />
      <button type="submit">{t("continue")}</button>
    </form>
  );
}

async function linkPage(request: PublicRequest, { message, status }: Said = {}) {
  const { t, c, platform } = request;
  const token = c.req.param("token") ?? "";
  const holder = await linkHolder(platform, token);
  if (holder === undefined) {
    const children = <Message>{t("linkOver")}</Message>;
    return pageOf(request, { title: t("linkTitle"), narrow: true, status: 404, children });
  }
  return pageOf(request, {
    title: t("linkTitle"),
    narrow: true,
    ...(status === undefined ? {} : { status }),
    children: (
      <form method="post" action={`/link/${token}`}>
        {message !== undefined && <Message>{message}</Message>}
        {holder.email === firstUserEmail
          ? <Field name="email" type="email" label={t("email")} autocomplete="username" autofocus />
          : <Field name="email" type="email" label={t("email")} value={holder.email} autocomplete="username" isFixed />}
        <Field
          name="password"
          type="password"
          label={t("newPassword")}
          help={t("passwordHelp")}
          autocomplete="new-password"
        />
        <button type="submit">{t("continue")}</button>
      </form>
    ),
  });
}

export async function confirmPage(request: UserRequest, { message, status }: Said = {}) {
  const { t, c, platform, viewer } = request;
  if (viewer.providerId !== undefined) return await confirmAtProvider(request, viewer.providerId, formToken(request));
  const factors = await factorsOf(platform, { secret: sessionSecret(c) ?? "", step: "full" });
  const query = new URLSearchParams({ next: nextOf(c.req.query("next")) }), form = formToken(request);
  if (form !== undefined) query.set("form", form);
  return await pageOf(request, {
    title: t("confirmTitle"),
    narrow: true,
    ...(factors?.hasPasskey ? { scripts: passkeyScripts } : {}),
    ...(status === undefined ? {} : { status }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        {factors?.hasPasskey && (
          <PasskeyForm
            request={request}
            kind="get"
            action={`/confirm/passkey?${query}`}
            options="/confirm/passkey/options"
            label={t("passkeyUse")}
          />
        )}
        <form method="post" action={`/confirm?${query}`}>
          <p>{t("confirmHelp")}</p>
          <Field name="password" type="password" label={t("password")} autocomplete="current-password" autofocus />
          <Field name="code" label={t("code")} help={t("codeHelp")} autocomplete="one-time-code" required={false} />
          <button type="submit">{t("continue")}</button>
        </form>
      </>
    ),
  });
}

/** Why there was no step. */
export function refusalOf({ t }: PublicRequest, signedIn: SignedIn, refused: string): Said {
  if (signedIn.kind !== "wait") return { message: refused, status: 401 };
  return { message: t("wait", { minutes: Math.ceil(signedIn.ms / 60_000) }), status: 429 };
}

export function clientOf({ c, client }: PublicRequest) {
  return { ...client, browserSecret: browserSecret(c) };
}

async function signIn(request: PublicRequest) {
  const { c, t, platform } = request;
  const email = await field(c, "email"), password = await field(c, "password");
  try {
    const signedIn = await signInByPassword(platform, { email, password, ...clientOf(request) });
    return maybeStep(request, signedIn, nextOf(c.req.query("next"))) ??
      signInPage(request, { ...refusalOf(request, signedIn, t("refused")), email });
  } catch (error) {
    if (!(error instanceof UnavailableError) || error.cause !== undefined) throw error;
    return signInPage(request, { message: t("busy"), status: 503, email });
  }
}

async function secondFactor(request: PublicRequest) {
  const { c, t, platform } = request;
  const secret = sessionSecret(c) ?? "", code = await field(c, "code");
  const signedIn = await signInBySecondFactor(platform, { secret, code, ...clientOf(request) });
  if (signedIn.kind === "over") return signInPage(request, { message: t("over"), status: 401 });
  return maybeStep(request, signedIn, nextOf(c.req.query("next"))) ??
    secondFactorPage(request, refusalOf(request, signedIn, t("wrongCode")));
}

async function setUp(request: PublicRequest) {
  const { c, t, platform } = request;
  const secret = sessionSecret(c) ?? "", code = await field(c, "code");
  const done = await confirmEnrolment(platform, { secret, code, ...clientOf(request) });
  if (done.kind === "refused") return await setUpPage(request, { message: t("wrongCode"), status: 422 });
  if (done.kind !== "full") return signInPage(request, { message: t("over"), status: 401 });
  enteredSession(request, done);
  return recoveryCodesPage(request, done.recoveryCodes);
}

/** Shown once. */
export function recoveryCodesPage(request: PublicRequest, codes: readonly string[], next = "/") {
  const { t } = request;
  return pageOf(request, {
    title: t("recoveryTitle"),
    narrow: true,
    children: (
      <>
        <p>{t("recoveryHelp")}</p>
        <ul class="codes">{codes.map((text) => <li>{text}</li>)}</ul>
        <p>
          <a class="button" href={next}>{t("continue")}</a>
        </p>
      </>
    ),
  });
}

async function useLink(request: PublicRequest) {
  const { c, platform, client } = request;
  const password = await field(c, "password"), email = await field(c, "email");
  try {
    const signedIn = await usePasswordLink(platform, { token: c.req.param("token") ?? "", password, email, ...client });
    return maybeStep(request, signedIn, "/") ?? await linkPage(request);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await linkPage(request, { message: whyNoPassword(request, error), status: 422 });
  }
}

function whyNoPassword({ t }: PublicRequest, { message }: UsageError): string {
  if (/characters/.test(message)) return t("passwordHelp");
  return /guessed/.test(message) ? t("weak") : message;
}

async function confirm(request: UserRequest) {
  const { c, t, platform, viewer } = request;
  // Who has no password here guesses none, and is not deactivated by it.
  if (viewer.providerId !== undefined) return await confirmPage(request);
  const secret = sessionSecret(c) ?? "";
  const password = await field(c, "password"), code = await field(c, "code");
  const isProven = await confirmSession(platform, { secret, password, code, ...clientOf(request) });
  if (isProven) return await afterConfirmation(request);
  return await confirmPage(request, { message: t("refused"), status: 401 });
}

function formToken({ c }: PublicRequest): string | undefined {
  const token = c.req.query("form");
  return token !== undefined && /^[\w-]{43}$/.test(token) ? token : undefined;
}

/** Goes on with the form that waited for the proof, or to the page. */
export async function afterConfirmation(request: UserRequest): Promise<Response> {
  const { c, platform, viewer: { sessionId } } = request, token = formToken(request);
  const form = token && await takeForm(platform, { sessionId, token });
  return form ? await request.send(form) : c.redirect(nextOf(c.req.query("next")), 303);
}

export const signInRoutes: Route[] = [
  ...providerSignInRoutes,
  { method: "GET", path: "/sign-in", access: "public", handle: (request) => signInPage(request) },
  { method: "POST", path: "/sign-in", access: "public", handle: signIn },
  { method: "GET", path: "/forgot", access: "public", handle: (request) => forgotPage(request) },
  { method: "POST", path: "/forgot", access: "public", handle: forgot },
  { method: "GET", path: "/second-factor", access: "public", handle: (request) => secondFactorPage(request) },
  { method: "POST", path: "/second-factor", access: "public", handle: secondFactor },
  { method: "GET", path: "/set-up", access: "public", handle: (request) => setUpPage(request) },
  { method: "POST", path: "/set-up", access: "public", handle: setUp },
  { method: "GET", path: "/link/:token", access: "public", handle: (request) => linkPage(request) },
  { method: "POST", path: "/link/:token", access: "public", handle: useLink },
  { method: "GET", path: "/confirm", access: "signedIn", handle: (request) => confirmPage(request) },
  { method: "POST", path: "/confirm", access: "signedIn", handle: confirm },
  // Where a provider of identities leads back to: the form that waited goes on, whose token nobody else knows.
  { method: "GET", path: "/confirm/kept", access: "signedIn", confirmed: true, handle: afterConfirmation },
];
