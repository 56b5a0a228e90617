/** Signing in by passkey, alone or after the password, setting one up as second factor, and confirming by it. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  assertionOptions,
  confirmByPasskey,
  signInByPasskey,
  signInByPasskeyFactor,
} from "../../users/passkey_sign_in.ts";
import { maybeRpId, registerPasskey, registrationOptions } from "../../users/passkeys.ts";
import { newSecret } from "../../users/second_factor.ts";
import { passkeySecret, sessionSecret, setPasskey } from "../page/cookies.ts";
import { field, nextOf } from "../page/form.ts";
import type { PublicRequest, Route, UserRequest } from "../page/route.ts";
import {
  afterConfirmation,
  clientOf,
  confirmPage,
  recoveryCodesPage,
  refusalOf,
  secondFactorPage,
  setUpPage,
  signInPage,
} from "./sign_in_pages.tsx";
import { enteredSession, maybeStep } from "./sign_in_step.ts";

/** For the script; without an answer of a session, it loads the page again. */
function json({ c }: PublicRequest, options: object | undefined): Response {
  return options === undefined ? c.json({}, 401) : c.json(options);
}

async function askAlone(request: PublicRequest): Promise<Response> {
  const { c, platform, origin } = request, secret = newSecret();
  if (maybeRpId(origin) !== undefined) setPasskey(c, secret);
  return json(request, await assertionOptions(platform, { use: "signIn", secret, origin, ...clientOf(request) }));
}

async function ask(request: PublicRequest, use: "secondFactor" | "confirm"): Promise<Response> {
  const { c, platform, origin } = request, secret = sessionSecret(c) ?? "";
  return json(request, await assertionOptions(platform, { use, secret, origin, ...clientOf(request) }));
}

export async function askNew(request: PublicRequest, step: "enrolment" | "full"): Promise<Response> {
  const { c, platform, origin } = request, secret = sessionSecret(c) ?? "";
  return json(request, await registrationOptions(platform, { secret, step, origin, ...clientOf(request) }));
}

async function signIn(request: PublicRequest) {
  const { c, t, platform, origin } = request;
  const secret = passkeySecret(c) ?? "", answer = await field(c, "answer");
  const signedIn = await signInByPasskey(platform, { secret, answer, origin, ...clientOf(request) });
  if (signedIn.kind === "over") return signInPage(request, { message: t("over"), status: 401 });
  return maybeStep(request, signedIn, nextOf(c.req.query("next"))) ??
    signInPage(request, refusalOf(request, signedIn, t("passkeyRefused")));
}

async function secondFactor(request: PublicRequest) {
  const { c, t, platform, origin } = request;
  const secret = sessionSecret(c) ?? "", answer = await field(c, "answer");
  const signedIn = await signInByPasskeyFactor(platform, { secret, answer, origin, ...clientOf(request) });
  if (signedIn.kind === "over") return signInPage(request, { message: t("over"), status: 401 });
  return maybeStep(request, signedIn, nextOf(c.req.query("next"))) ??
    await secondFactorPage(request, refusalOf(request, signedIn, t("passkeyRefused")));
}

async function setUp(request: PublicRequest) {
  const { c, t, platform, origin } = request;
  const secret = sessionSecret(c) ?? "", answer = await field(c, "answer"), name = await field(c, "name");
  try {
    const done = await registerPasskey(platform, {
      secret,
      step: "enrolment",
      answer,
      name,
      origin,
      ...clientOf(request),
    });
    if (done.kind === "full") {
      enteredSession(request, done);
      return recoveryCodesPage(request, done.recoveryCodes);
    }
    if (done.kind === "refused") return await setUpPage(request, { message: t("passkeyNotMade"), status: 422 });
    return signInPage(request, { message: t("over"), status: 401 });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await setUpPage(request, { message: t("passkeyName"), status: 422 });
  }
}

async function confirm(request: UserRequest) {
  const { c, t, platform, origin } = request;
  const secret = sessionSecret(c) ?? "", answer = await field(c, "answer");
  const { kind } = await confirmByPasskey(platform, { secret, answer, origin, ...clientOf(request) });
  if (kind === "full") return await afterConfirmation(request);
  return await confirmPage(request, { message: t(kind === "over" ? "over" : "passkeyRefused"), status: 401 });
}

export const passkeyRoutes: Route[] = [
  { method: "POST", path: "/passkey/options", access: "public", handle: askAlone },
  { method: "POST", path: "/passkey", access: "public", handle: signIn },
  {
    method: "POST",
    path: "/second-factor/passkey/options",
    access: "public",
    handle: (request) => ask(request, "secondFactor"),
  },
  { method: "POST", path: "/second-factor/passkey", access: "public", handle: secondFactor },
  {
    method: "POST",
    path: "/set-up/passkey/options",
    access: "public",
    handle: (request) => askNew(request, "enrolment"),
  },
  { method: "POST", path: "/set-up/passkey", access: "public", handle: setUp },
  {
    method: "POST",
    path: "/confirm/passkey/options",
    access: "signedIn",
    handle: (request) => ask(request, "confirm"),
  },
  { method: "POST", path: "/confirm/passkey", access: "signedIn", handle: confirm },
];
