/** Where a sign-in goes on, and the cookies of it, whatever it began by. */
import type { Linked } from "../../sso/link_user.ts";
import type { SignedIn } from "../../users/sign_in.ts";
import { setBrowser, setSession } from "../page/cookies.ts";
import type { PublicRequest } from "../page/route.ts";

/** Where the step leads, with the cookies of it; undefined if there was none. */
export function maybeStep(request: PublicRequest, signedIn: SignedIn | Linked, next: string): Response | undefined {
  const { c } = request;
  switch (signedIn.kind) {
    case "full":
      enteredSession(request, signedIn);
      return c.redirect(next, 303);
    case "secondFactor":
      setSession(c, signedIn.secret);
      return c.redirect(`/second-factor?next=${encodeURIComponent(next)}`, 303);
    case "enrolment":
      setSession(c, signedIn.secret);
      return c.redirect("/set-up", 303);
    default:
      return undefined;
  }
}

/** The cookies of a sign-in that came to its end. */
export function enteredSession({ c }: PublicRequest, done: { secret: string; browserSecret: string }): void {
  setSession(c, done.secret);
  setBrowser(c, done.browserSecret);
}
