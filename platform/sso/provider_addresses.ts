/** Addresses of the portal that an identity provider must know, by the names that providers have for them. Pure. */
import type { KindName } from "./kinds.ts";

export function providerAddresses(
  kind: KindName,
  { origin, id }: { origin: string; id: string },
): Record<string, string> {
  if (kind === "oidc") {
    return {
      "redirect URI": `${origin}/sign-in/oidc/${id}`,
      "post-logout URI": `${origin}/sign-in`,
      "back-channel logout": `${origin}/sign-out/oidc/${id}`,
    };
  }
  if (kind !== "saml") return {};
  const root = `${origin}/sign-in/saml/${id}`;
  return {
    "entity id": `${root}/metadata`,
    "assertion consumer service": root,
    "single logout service": `${origin}/sign-out/saml/${id}`,
    "metadata": `${root}/metadata`,
  };
}
