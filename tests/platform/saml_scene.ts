/** The portal with a provider of SAML, and a browser's ways between the two. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inflateRawSync } from "node:zlib";
import { addProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import type { Provider } from "../../platform/sso/providers.ts";
import { quickRsaKeys } from "../fixtures/rsa_keys.ts";
import type { SamlPeer, Wanted } from "../fixtures/saml_peer.ts";
import { type Answered, type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

export const samlAddresses = {
  entityId: "https://portal.example/sign-in/saml/idp-1/metadata",
  consumer: "https://portal.example/sign-in/saml/idp-1",
  signOut: "https://portal.example/sign-out/saml/idp-1",
};
/** As it is in the store. */
export function samlProvider(peer: SamlPeer, settings: Record<string, string> = {}): Provider {
  return {
    providerId: "idp-1",
    dealerId: "dea-1",
    customerId: undefined,
    kind: "saml",
    name: "Example",
    isActive: true,
    needsFactor: false,
    settings: {
      ...peer.settings,
      "groups-attribute": "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
      "email-attribute": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
      "name-attribute": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
      ...settings,
    },
  };
}

export interface SamlScene extends AsyncDisposable {
  scene: PortalScene;
  providerId: string;
  root: string;
  /** The id of the request that the browser is sent away with, and where. */
  begin(browser: Visitor, path?: string): Promise<{ id: string; address: URL; xml: string }>;
  post(browser: Visitor, response: string): Promise<Answered>;
  answer(id: string, wanted?: Partial<Wanted>): string;
  signIn(browser: Visitor, wanted?: Partial<Wanted>, path?: string): Promise<Answered>;
}

/** A portal, and a provider of SAML whose people may sign in. The portal's keys towards it are ready-made. */
export async function samlScene(peer: SamlPeer, settings: Record<string, string> = {}): Promise<SamlScene> {
  await using built = new AsyncDisposableStack();
  built.use(quickRsaKeys());
  const scene = built.use(await portalScene()), { platform } = scene.platform;
  const { providerId } = await addProvider(platform, operator, {
    kind: "saml",
    name: "Example",
    dealer: "Print Partner",
    isShown: true,
    settings: { ...peer.settings, ...settings },
  });
  await setGroupRoles(platform, operator, { provider: providerId, group: "techs", grants: [{ role: "technician" }] });
  await setGroupRoles(platform, operator, {
    provider: providerId,
    group: "admins",
    grants: [{ role: "administrator" }],
  });
  const path = `/sign-in/saml/${providerId}`, root = `${scene.origin}${path}`;
  const answer = (id: string, wanted: Partial<Wanted> = {}) =>
    peer.response({
      audience: `${root}/metadata`,
      recipient: root,
      requestId: id,
      // What says how it is to be signed is signed by the machine's clock.
      ...(wanted.signature ?? wanted.digest ? {} : { now: scene.platform.clock.now() }),
      ...wanted,
    });
  // As a browser does with a form of another origin: without the portal's cookies (SameSite=Lax).
  const post = async (browser: Visitor, response: string) => {
    const elsewhere = scene.visitor();
    const consumed = await elsewhere.post(path, { SAMLResponse: response }, { origin: "https://idp.example.com" });
    assert.equal(consumed.headers["set-cookie"], undefined);
    return consumed.status === 303 ? await browser.get(consumed.location) : consumed;
  };
  const begin = async (browser: Visitor, from = `/sign-in/with/${providerId}`) => {
    const led = await browser.get(from);
    assert.equal(led.status, 302, led.body);
    const address = new URL(led.location);
    const xml = inflateRawSync(Buffer.from(address.searchParams.get("SAMLRequest")!, "base64")).toString();
    return { id: / ID="([^"]+)"/.exec(xml)![1]!, address, xml };
  };
  const all = built.move();
  return {
    scene,
    providerId,
    root,
    begin,
    post,
    answer,
    signIn: async (browser, wanted, from) => await post(browser, answer((await begin(browser, from)).id, wanted)),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
