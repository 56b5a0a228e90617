/** A form that is sent with the answer of a passkey; hidden unless a script says that the browser has passkeys. */
import type { Child } from "hono/jsx";
import { maybeRpId } from "../../users/passkeys.ts";
import { Field } from "../page/layout.tsx";
import type { PublicRequest } from "../page/route.ts";

/** What a page with such a form loads. */
export const passkeyScripts = ["/passkey.js"];

interface PasskeyFormParts {
  request: PublicRequest;
  /** `create`: a new passkey. `get`: one that there is. */
  kind: "create" | "get";
  action: string;
  /** Where the script gets what to ask the browser for. */
  options: string;
  label: string;
  children?: Child;
}

/** Nothing where the portal is reached by an address in place of a name, as browsers permit no passkeys there. */
export function PasskeyForm({ request: { t, origin }, kind, action, options, label, children }: PasskeyFormParts) {
  if (maybeRpId(origin) === undefined) return null;
  const failed = kind === "create" ? t("passkeyNotMade") : t("passkeyNotUsed");
  return (
    <form
      class="passkey"
      method="post"
      action={action}
      data-passkey={kind}
      data-options={options}
      data-failed={failed}
      hidden
    >
      {children}
      <input type="hidden" name="answer" />
      <button type="submit">{label}</button>
      <div class="message" role="alert" hidden></div>
    </form>
  );
}

/** A new passkey, with its name. */
export function NewPasskeyForm(
  { request, action, options, children }: Pick<PasskeyFormParts, "request" | "action" | "options" | "children">,
) {
  const { t } = request;
  return (
    <PasskeyForm request={request} kind="create" action={action} options={options} label={t("passkeyMake")}>
      {children}
      <p>{t("passkeyHelp")}</p>
      <Field name="name" label={t("passkeyNameLabel")} value={t("passkeyNameDefault")} autocomplete="off" />
    </PasskeyForm>
  );
}
