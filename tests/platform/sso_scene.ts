/** An identity provider of the dealer, as far as the shared part goes: it vouches for whomever a test says. */
import { addProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import type { Identity } from "../../platform/sso/identity.ts";
import { maybeActiveProvider, type Provider } from "../../platform/sso/providers.ts";
import { type SignedInByProvider, signInByProvider } from "../../platform/sso/sign_in_by_provider.ts";
import { client, operator, type UsersScene, usersScene } from "./users_fixture.ts";

export const oidcSettings = { issuer: "https://login.example.com", "client-id": "portal", "client-secret": "s3cret" };

export const mia: Identity = {
  subject: "mia-1",
  email: "mia@partner.example",
  name: "Mia",
  groups: ["dca-technicians"],
  kept: "token 1",
};

export interface SsoScene extends UsersScene {
  providerId: string;
  provider(): Promise<Provider>;
  vouch(identity: Identity): Promise<SignedInByProvider>;
}

export async function ssoScene(wanted: { needsFactor?: boolean; customer?: string } = {}): Promise<SsoScene> {
  const scene = await usersScene(), { platform } = scene;
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Example",
    settings: oidcSettings,
    domains: ["partner.example"],
    isShown: true,
    ...(wanted.customer === undefined ? { dealer: "Print Partner" } : {}),
    ...wanted,
  });
  const role = (group: string, role: "technician" | "administrator") =>
    setGroupRoles(platform, operator, { provider: providerId, group, grants: [{ role }] });
  await role("dca-technicians", "technician");
  await role("dca-admins", "administrator");
  const provider = async () => (await maybeActiveProvider(platform, providerId))!;
  return Object.assign(scene, {
    providerId,
    provider,
    vouch: async (identity: Identity) =>
      await signInByProvider(platform, { provider: await provider(), identity, ...client }),
  });
}

/** The secret of the session's cookie. */
export function secretOf(signedIn: SignedInByProvider): string {
  if (signedIn.kind === "full") return signedIn.secret;
  throw new Error(`unexpected: ${JSON.stringify(signedIn)}`);
}
