/** Identity providers of a dealer, or of one customer: what they are, and which group has which role. */
import { UsageError } from "../../../common/core/errors.ts";
import { isKind, type KindName, kinds } from "../../sso/kinds.ts";
import {
  addProvider,
  changeProvider,
  type ProviderParts,
  removeProvider,
  setGroupRoles,
} from "../../sso/manage_providers.ts";
import { providerAddresses } from "../../sso/provider_addresses.ts";
import { type ListedProvider, listProviders, type Within } from "../../sso/providers.ts";
import { samlCertificate, type SamlKey, samlKeys } from "../../sso/saml_keys.ts";
import type { Setting } from "../../sso/setting.ts";
import { type Grant, isRole, mayGive } from "../../users/permissions.ts";
import { field } from "../page/form.ts";
import { Copyable, Facts, Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { Route, UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { GrantFields, roleText } from "./role_text.tsx";

const root = "/identity-providers";

function withinOf({ viewer: { dealerId, customerId } }: UserRequest): Within {
  return { dealerId, customerId };
}

const settingsOf = (kind: KindName): readonly Setting[] => kinds[kind].settings;

async function listPage(request: UserRequest): Promise<Response> {
  const { t, platform, by } = request;
  const providers = await listProviders(platform, by, withinOf(request));
  return await pageOf(request, {
    title: t("identityProviders"),
    children: (
      <>
        <p>{t("idpHelp")}</p>
        <Table
          rows={providers}
          empty={t("idpNone")}
          caption={t("identityProviders")}
          isTitled
          columns={[
            { heading: t("name"), cell: ({ providerId, name }) => <a href={`${root}/${providerId}`}>{name}</a> },
            { heading: t("idpKind"), cell: ({ kind }) => t(`idp_${kind}`) },
            { heading: t("state"), cell: ({ isActive }) => t(isActive ? "idpActive" : "idpNotActive") },
            { heading: t("idpDomains"), cell: ({ domains }) => domains.join(" ") },
            { heading: t("idpUsers"), cell: ({ users }) => users, isNumber: true },
          ]}
        />
        {(Object.keys(kinds) as KindName[]).map((kind) => (
          <p>
            <a href={`${root}/new/${kind}`}>{t("idpAdd", { kind: t(`idp_${kind}`) })}</a>
          </p>
        ))}
      </>
    ),
  });
}

interface Shown {
  message?: string | undefined;
  /** What was typed, where it could not be kept. */
  typed?: Readonly<Record<string, string>>;
}

async function newPage(request: UserRequest, { message, typed = {} }: Shown = {}): Promise<Response> {
  const { t } = request, kind = kindOf(request);
  return await pageOf(request, {
    title: t("idpAdd", { kind: t(`idp_${kind}`) }),
    narrow: true,
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <form method="post" action={`${root}/new/${kind}`}>
        {message !== undefined && <Message>{message}</Message>}
        <Parts request={request} kind={kind} values={typed} isNew />
        <button type="submit">{t("save")}</button>
      </form>
    ),
  });
}

/** The fields that a new provider and a changed one have in common. */
function Parts(
  { request: { t }, kind, values, provider, isNew = false }: {
    request: UserRequest;
    kind: KindName;
    values: Readonly<Record<string, string>>;
    provider?: ListedProvider;
    isNew?: boolean;
  },
) {
  const checks = [["shown", "idpShown", provider?.isShown ?? true], ["factor", "idpFactor", provider?.needsFactor]];
  return (
    <>
      <Field name="name" label={t("name")} value={values["name"] ?? provider?.name ?? ""} autocomplete="off" />
      {settingsOf(kind).map((setting) => <SettingField t={t} setting={setting} values={values} isNew={isNew} />)}
      <Field
        name="domains"
        label={t("idpDomains")}
        value={values["domains"] ?? provider?.domains.join(" ") ?? ""}
        help={t("idpDomainsHelp")}
        autocomplete="off"
        required={false}
      />
      {(checks as [string, Key, boolean | undefined][]).map(([name, key, isChecked]) => (
        <div class="field">
          <label>
            <input type="checkbox" name={name} value="yes" checked={isChecked === true} /> {t(key)}
          </label>
        </div>
      ))}
    </>
  );
}

function SettingField(
  { t, setting, values, isNew }: {
    t: UserRequest["t"];
    setting: Setting;
    values: Readonly<Record<string, string>>;
    isNew: boolean;
  },
) {
  const { name, isSecret, isLong, isRequired, usual } = setting, id = `setting-${name}`;
  const label = t(`setting_${name}` as Key), value = isSecret ? "" : values[name] ?? (isNew ? usual ?? "" : "");
  if (!isLong) {
    return (
      <Field
        name={id}
        label={label}
        type={isSecret ? "password" : "text"}
        value={value}
        autocomplete="off"
        required={isRequired === true && (isNew || !isSecret)}
        {...(isSecret && !isNew ? { help: t("idpSecretKept") } : {})}
      />
    );
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea id={id} name={id} rows={5} required={isRequired === true}>{value}</textarea>
    </div>
  );
}

/** What a form says. A secret that is left empty stays as it is. */
async function typedParts({ c }: UserRequest, kind: KindName): Promise<ProviderParts & { name: string }> {
  const settings: Record<string, string> = {};
  for (const { name, isSecret } of settingsOf(kind)) {
    const text = await field(c, `setting-${name}`);
    if (text !== "" || isSecret !== true) settings[name] = text;
  }
  return {
    name: await field(c, "name"),
    settings,
    domains: (await field(c, "domains")).split(/[\s,]+/).filter((domain) => domain !== ""),
    isShown: await field(c, "shown") === "yes",
    needsFactor: await field(c, "factor") === "yes",
  };
}

async function add(request: UserRequest): Promise<Response> {
  const { c, platform, by, viewer } = request, kind = kindOf(request);
  const parts = await typedParts(request, kind);
  try {
    const belongs = viewer.customerId === undefined ? { dealer: viewer.dealerId } : { customer: viewer.customerId };
    const { providerId } = await addProvider(platform, by, { ...parts, kind, ...belongs });
    return c.redirect(`${root}/${providerId}`, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const typed = { ...parts.settings, name: parts.name, domains: parts.domains!.join(" ") };
    return await newPage(request, { message: error.message, typed });
  }
}

function kindOf({ c }: UserRequest): KindName {
  const kind = c.req.param("kind") ?? "";
  if (isKind(kind)) return kind;
  throw new UsageError(`Cannot use "${kind}" as a kind of identity provider`);
}

/** Throws UsageError for one that the viewer does not see. */
async function visible(request: UserRequest): Promise<ListedProvider> {
  const id = request.c.req.param("provider") ?? "";
  const providers = await listProviders(request.platform, request.by, withinOf(request));
  const found = providers.find(({ providerId }) => providerId === id);
  if (found === undefined) throw new UsageError("Cannot find this identity provider");
  return found;
}

async function providerPage(
  request: UserRequest,
  provider: ListedProvider,
  { message }: Shown = {},
): Promise<Response> {
  const { t, origin } = request, { providerId, kind, name } = provider, path = `${root}/${providerId}`;
  const addresses = Object.entries(providerAddresses(kind, { origin, id: providerId }));
  const keys = kind === "saml" ? await samlKeys(request.platform, providerId) : undefined;
  return await pageOf(request, {
    title: name,
    ...(keys === undefined ? {} : { scripts: ["/copy.js"] }),
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        <p>
          {t(`idp_${kind}`)}, {t(provider.isActive ? "idpActive" : "idpNotActive")}
        </p>
        <form method="post" action={`${path}/${provider.isActive ? "stop" : "start"}`}>
          <button class="plain" type="submit">{t(provider.isActive ? "deactivate" : "idpActive")}</button>
        </form>
        {addresses.length > 0 && (
          <>
            <h2>{t("idpEnter")}</h2>
            <Facts rows={addresses.map(([what, value]) => [what, <code>{value}</code>] as const)} />
          </>
        )}
        {keys !== undefined && <PortalKey request={request} keys={keys} action={`${path}/key`} />}
        <GroupRoles request={request} provider={provider} />
        <h2>{t("idpSettings")}</h2>
        <form method="post" action={path}>
          <Parts request={request} kind={kind} values={provider.settings} provider={provider} />
          <button type="submit">{t("save")}</button>
        </form>
        <form method="post" action={`${path}/remove`}>
          <button class="plain" type="submit">{t("idpRemove")}</button>
        </form>
      </>
    ),
  });
}

/** `keys`: the newest first. */
function PortalKey(
  { request: { t, formats }, keys, action }: { request: UserRequest; keys: readonly SamlKey[]; action: string },
) {
  const [newest, before] = keys;
  return (
    <>
      <h2>{t("idpKey")}</h2>
      <p>{t(newest === undefined ? "idpKeyNone" : "idpKeyHelp")}</p>
      {newest !== undefined && <Copyable t={t}>{newest.certificatePem}</Copyable>}
      {before?.endsAt != null && <p>{t("idpKeyBefore", { time: formats.time(before.endsAt) })}</p>}
      <form method="post" action={action}>
        <div class="field">
          <label>
            <input type="checkbox" name="atOnce" value="yes" /> {t("idpKeyAtOnce")}
          </label>
        </div>
        <button class="plain" type="submit">{t("idpKeyMake")}</button>
      </form>
    </>
  );
}

function GroupRoles({ request, provider }: { request: UserRequest; provider: ListedProvider }) {
  const { t, customers } = request, path = `${root}/${provider.providerId}`;
  const names = new Map(customers.map(({ customerId, name }) => [customerId, name]));
  const groups = [...Map.groupBy(provider.roles, ({ group }) => group)];
  const text = ({ customerId, ...grant }: Grant) => {
    const name = roleText(t, grant);
    return customerId === undefined ? name : `${name}: ${names.get(customerId) ?? customerId}`;
  };
  return (
    <>
      <h2>{t("idpGroups")}</h2>
      <Table
        rows={groups}
        empty={t("idpNoGroups")}
        caption={t("idpGroups")}
        isTitled
        columns={[
          { heading: t("idpGroup"), cell: ([group]) => group },
          { heading: t("roles"), cell: ([, grants]) => grants.map((grant) => <div>{text(grant)}</div>) },
          {
            heading: t("action"),
            cell: ([group]) => (
              <form method="post" action={`${path}/roles`}>
                <input type="hidden" name="group" value={group} />
                <button class="plain" type="submit" aria-label={`${t("idpDropRoles")}: ${group}`}>
                  {t("idpDropRoles")}
                </button>
              </form>
            ),
          },
        ]}
      />
      <form class="filters" method="post" action={`${path}/roles`}>
        <Field name="group" label={t("idpGroup")} autocomplete="off" />
        <GrantFields request={request} />
        <button type="submit">{t("idpGiveRole")}</button>
      </form>
    </>
  );
}

/**
 * Runs a change of a provider that the viewer sees. Anyone who may less than its groups may not change it: by another
 * certificate or secret, somebody could become one of them.
 */
async function change(
  request: UserRequest,
  work: (provider: ListedProvider, within: Within) => Promise<unknown>,
  next?: string,
): Promise<Response> {
  const provider = await visible(request);
  try {
    if (!mayGive(request.viewer.grants, provider.roles)) {
      throw new UsageError(`Cannot change "${provider.name}" as its groups may do more than you`);
    }
    await work(provider, withinOf(request));
    return request.c.redirect(next ?? `${root}/${provider.providerId}`, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await providerPage(request, provider, { message: error.message });
  }
}

/** Without a role: takes all of the group away. */
async function giveRole(request: UserRequest, provider: ListedProvider, within: Within): Promise<void> {
  const { c, platform, by, viewer, customers } = request;
  const group = (await field(c, "group")).trim(), role = await field(c, "role");
  const wanted = await field(c, "customer") || viewer.customerId;
  const asked = { provider: provider.providerId, within, group };
  if (role === "") return void await setGroupRoles(platform, by, { ...asked, grants: [] });
  if (!isRole(role)) throw new UsageError(`Cannot use "${role}" as a role`);
  const customer = customers.find(({ customerId }) => customerId === wanted);
  if (wanted !== undefined && customer === undefined) throw new UsageError("Cannot find this customer");
  const grant: Grant = { role, customerId: customer?.customerId };
  if (!mayGive(viewer.grants, [grant])) {
    throw new UsageError(`Cannot give the role "${role}" as it is more than you have`);
  }
  const before = provider.roles.filter((one) => one.group === group);
  await setGroupRoles(platform, by, { ...asked, grants: [...before, grant] });
}

const ofManagers = { access: "dealer", permission: "manageUsers" } as const;

export const providerRoutes: Route[] = [
  { method: "GET", path: root, ...ofManagers, handle: listPage },
  { method: "GET", path: `${root}/new/:kind`, ...ofManagers, handle: (request: UserRequest) => newPage(request) },
  { method: "POST", path: `${root}/new/:kind`, ...ofManagers, confirmed: true, handle: add },
  {
    method: "GET",
    path: `${root}/:provider`,
    ...ofManagers,
    handle: async (request: UserRequest) => await providerPage(request, await visible(request)),
  },
  {
    method: "POST",
    path: `${root}/:provider`,
    ...ofManagers,
    confirmed: true,
    handle: (request: UserRequest) =>
      change(request, async ({ providerId: provider, kind }, within) => {
        const parts = await typedParts(request, kind);
        await changeProvider(request.platform, request.by, { provider, within, ...parts });
      }),
  },
  ...(["start", "stop"] as const).map((what): Route => ({
    method: "POST",
    path: `${root}/:provider/${what}`,
    ...ofManagers,
    confirmed: true,
    handle: (request: UserRequest) =>
      change(
        request,
        ({ providerId: provider }, within) =>
          changeProvider(request.platform, request.by, { provider, within, isActive: what === "start" }),
      ),
  })),
  {
    method: "POST",
    path: `${root}/:provider/roles`,
    ...ofManagers,
    confirmed: true,
    handle: (request: UserRequest) => change(request, (provider, within) => giveRole(request, provider, within)),
  },
  {
    method: "POST",
    path: `${root}/:provider/key`,
    ...ofManagers,
    confirmed: true,
    handle: (request: UserRequest) =>
      change(request, async ({ providerId: provider }, within) => {
        const isAtOnce = await field(request.c, "atOnce") === "yes";
        await samlCertificate(request.platform, request.by, { provider, within, isNew: true, isAtOnce });
      }),
  },
  {
    method: "POST",
    path: `${root}/:provider/remove`,
    ...ofManagers,
    confirmed: true,
    handle: (request: UserRequest) =>
      change(
        request,
        ({ providerId: provider }, within) => removeProvider(request.platform, request.by, { provider, within }),
        root,
      ),
  },
];
