/** Users of a dealer or of a customer, one's own account, and the audit log. */
import { UsageError } from "../../common/core/errors.ts";
import { csvText } from "../../common/report/csv_text.ts";
import type { AuditEntry } from "../audit/audit_log.ts";
import { listAudit } from "../audit/read_audit.ts";
import { deactivateUser, inviteUser, reactivateUser, type UserLink } from "../users/manage_users.ts";
import { type Grant, isRole, mayGive, roles } from "../users/permissions.ts";
import { endUserSessions, listUserSessions } from "../users/sessions.ts";
import { type Language, languages, type ListedUser, listUserAudit, listUsers, setLanguage } from "../users/users.ts";
import type { Page } from "../store/page.ts";
import { field } from "./form.ts";
import { Field, Message, pageNumber, pageOf, Pager, pageSize, Table } from "./layout.tsx";
import type { Route, UserRequest } from "./route.ts";
import type { Key } from "./words.ts";

const states: Record<ListedUser["state"], Key> = {
  invited: "stateInvited",
  active: "stateActive",
  deactivated: "stateDeactivated",
};
const reasons: Record<NonNullable<ListedUser["reason"]>, Key> = {
  failedAttempts: "reasonFailedAttempts",
  inactivity: "reasonInactivity",
  administrator: "reasonAdministrator",
};

interface UsersSaid {
  message?: string;
  link?: UserLink;
  typed?: { email: string; name: string };
}

async function usersPage(request: UserRequest, { message, link, typed }: UsersSaid = {}) {
  const { t, formats, viewer, customers } = request;
  const users = await visibleUsers(request);
  const names = new Map(customers.map(({ customerId, name }) => [customerId, name]));
  const grantText = ({ role, customerId }: Grant) =>
    customerId === undefined ? role : `${role}: ${names.get(customerId) ?? customerId}`;
  return await pageOf(request, {
    title: t("users"),
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        {link !== undefined && (
          <Message good>
            {t("inviteDone", { email: link.email })} <code>{link.address}</code>
          </Message>
        )}
        <Table
          rows={users}
          empty={t("none")}
          caption={t("users")}
          isTitled
          columns={[
            { heading: t("email"), cell: ({ email }) => email },
            { heading: t("name"), cell: ({ name }) => name },
            {
              heading: t("state"),
              cell: ({ state, reason }) => `${t(states[state])}${reason === null ? "" : `: ${t(reasons[reason])}`}`,
            },
            { heading: t("roles"), cell: ({ grants }) => grants.map((grant) => <div>{grantText(grant)}</div>) },
            {
              heading: t("signedIn"),
              cell: ({ signedInAt }) => signedInAt === null ? t("never") : formats.time(signedInAt),
            },
            { heading: t("action"), cell: (user) => <UserActions request={request} user={user} /> },
          ]}
        />
        <h2>{t("inviteTitle")}</h2>
        <form method="post" action="/users">
          <Field name="email" type="email" label={t("email")} value={typed?.email ?? ""} autocomplete="off" />
          <Field name="name" label={t("name")} value={typed?.name ?? ""} autocomplete="off" />
          <div class="field">
            <label for="role">{t("role")}</label>
            <select id="role" name="role">
              {Object.keys(roles).map((role) => <option value={role} selected={role === "viewer"}>{role}</option>)}
            </select>
          </div>
          <div class="field">
            <label for="customer">{t("customer")}</label>
            <select id="customer" name="customer">
              {viewer.customerId === undefined && <option value="">{t("wholeDealer")}</option>}
              {customers.map(({ customerId, name }) => <option value={customerId}>{name}</option>)}
            </select>
          </div>
          <button type="submit">{t("invite")}</button>
        </form>
      </>
    ),
  });
}

function UserActions({ request: { t, viewer }, user }: { request: UserRequest; user: ListedUser }) {
  if (user.userId === viewer.userId) return null;
  return (
    <>
      {user.state !== "deactivated" && (
        <form method="post" action={`/users/${user.userId}/deactivate`}>
          <button class="plain" type="submit" aria-label={`${t("deactivate")}: ${user.email}`}>
            {t("deactivate")}
          </button>
        </form>
      )}
      <form method="post" action={`/users/${user.userId}/reactivate`}>
        <button class="plain" type="submit" aria-label={`${t("reactivate")}: ${user.email}`}>{t("reactivate")}</button>
      </form>
    </>
  );
}

/** A dealer's administrator sees all of the dealer; a customer's, those of the customer. */
function visibleUsers({ platform, by, viewer }: UserRequest): Promise<ListedUser[]> {
  const { dealerId: dealer, customerId: customer } = viewer;
  return listUsers(platform, by, customer === undefined ? { dealer } : { customer });
}

/** Throws UsageError for a user that the viewer does not see, and for one who has more rights than the viewer. */
async function manageable(request: UserRequest): Promise<string> {
  const userId = request.c.req.param("user") ?? "";
  const user = (await visibleUsers(request)).find((row) => row.userId === userId);
  if (user === undefined) throw new UsageError("Cannot find this user");
  if (!mayGive(request.viewer.grants, user.grants)) {
    throw new UsageError(`Cannot change "${user.email}" as this user may do more than you`);
  }
  return userId;
}

/** Shows what went wrong on the page of the users. */
async function withUsers(
  request: UserRequest,
  work: () => Promise<UserLink | undefined>,
  typed?: UsersSaid["typed"],
): Promise<Response> {
  try {
    const link = await work();
    return link === undefined ? request.c.redirect("/users", 303) : await usersPage(request, { link });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await usersPage(request, { message: error.message, ...(typed === undefined ? {} : { typed }) });
  }
}

async function invite(request: UserRequest): Promise<Response> {
  const { c, platform, by, viewer, customers } = request;
  const email = await field(c, "email"), name = (await field(c, "name")).trim();
  const role = await field(c, "role"), wanted = await field(c, "customer") || viewer.customerId;
  return await withUsers(request, () => {
    if (!isRole(role)) throw new UsageError(`Cannot use "${role}" as a role`);
    if (name === "" || name.length > 100 || /\p{Cc}/u.test(name)) {
      throw new UsageError("Cannot use the name: it has 1 to 100 characters and no control characters");
    }
    const customer = customers.find(({ customerId }) => customerId === wanted);
    if (wanted !== undefined && customer === undefined) throw new UsageError("Cannot find this customer");
    const grant: Grant = { role, customerId: customer?.customerId };
    if (!mayGive(viewer.grants, [grant])) {
      throw new UsageError(`Cannot give the role "${role}" as it is more than you have`);
    }
    const belongs = viewer.customerId === undefined ? { dealer: viewer.dealerId } : { customer: viewer.customerId };
    return inviteUser(platform, by, { email, name, language: request.language, grants: [grant], ...belongs });
  }, { email, name });
}

async function accountPage(request: UserRequest): Promise<Response> {
  const { t, formats, viewer, platform } = request;
  const sessions = await listUserSessions(platform, viewer.userId);
  const names: Record<Language, string> = { en: "English", de: "Deutsch", it: "Italiano" };
  return await pageOf(request, {
    title: t("account"),
    children: (
      <>
        <p>{viewer.name}, {viewer.email}</p>
        <form class="filters" method="post" action="/account/language">
          <div>
            <label for="language">{t("language")}</label>
            <select id="language" name="language">
              {languages.map((language) => (
                <option value={language} lang={language} selected={language === viewer.language}>
                  {names[language]}
                </option>
              ))}
            </select>
          </div>
          <button type="submit">{t("save")}</button>
        </form>
        <h2>{t("sessions")}</h2>
        <Table
          rows={sessions}
          empty={t("none")}
          caption={t("sessions")}
          isTitled
          columns={[
            { heading: t("signedIn"), cell: ({ createdAt }) => formats.time(createdAt) },
            { heading: t("lastSeen"), cell: ({ usedAt }) => formats.time(usedAt) },
            { heading: t("source"), cell: ({ source }) => source },
            { heading: t("browser"), cell: ({ browser }) => browser },
            {
              heading: t("action"),
              cell: ({ sessionId }) =>
                sessionId === viewer.sessionId
                  ? t("thisSession")
                  : (
                    <form method="post" action={`/account/sessions/${sessionId}/end`}>
                      <button class="plain" type="submit">{t("end")}</button>
                    </form>
                  ),
            },
          ]}
        />
        {sessions.length > 1 && (
          <form method="post" action="/account/sessions/end-others">
            <button type="submit">{t("endOthers")}</button>
          </form>
        )}
      </>
    ),
  });
}

/** Whose log is shown: a customer's, or what concerns the users of the dealer. */
interface AuditChoice {
  id: string;
  name: string;
  entries(page: Page): Promise<AuditEntry[]>;
}

function auditChoices({ t, platform, by, viewer, customers }: UserRequest): AuditChoice[] {
  const ofDealer: AuditChoice = {
    id: "users",
    name: t("users"),
    entries: (page) => listUserAudit(platform, by, { dealerId: viewer.dealerId, ...page }),
  };
  const ofCustomers = customers.map(({ customerId: id, name }): AuditChoice => ({
    id,
    name,
    entries: (page) => listAudit(platform, by, { customerId: id, ...page }),
  }));
  return viewer.customerId === undefined ? [ofDealer, ...ofCustomers] : ofCustomers;
}

async function auditPage(request: UserRequest): Promise<Response> {
  const { t, formats, c } = request, page = pageNumber(c), choices = auditChoices(request);
  const chosen = choices.find(({ id }) => id === c.req.query("of")) ?? choices[0];
  if (chosen === undefined) return await pageOf(request, { title: t("audit"), children: <p>{t("noCustomers")}</p> });
  if (c.req.query("format") === "csv") {
    const cells = (await chosen.entries({ limit: 100_000 })).map((row) => [
      new Date(row.at).toISOString(),
      row.actor,
      row.action,
      row.subject,
      row.detail,
      row.digest,
    ]);
    return c.body(csvText([["at", "actor", "action", "subject", "detail", "digest"], ...cells], { bom: true }), 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="audit.csv"',
    });
  }
  const rows = (await chosen.entries({ limit: pageSize + 1, offset: page * pageSize })).reverse();
  const shown = rows.slice(0, pageSize);
  return await pageOf(request, {
    title: `${t("audit")}: ${chosen.name}`,
    children: (
      <>
        <form class="filters" method="get">
          <div>
            <label for="of">{t("customer")}</label>
            <select id="of" name="of">
              {choices.map(({ id, name }) => <option value={id} selected={id === chosen.id}>{name}</option>)}
            </select>
          </div>
          <button type="submit">{t("filter")}</button>
          <a href={`/audit?of=${chosen.id}&format=csv`}>{t("csv")}</a>
        </form>
        <Table
          rows={shown}
          empty={t("none")}
          caption={t("audit")}
          isTitled
          columns={[
            { heading: t("time"), cell: ({ at }) => formats.time(at) },
            { heading: t("who"), cell: ({ actor }) => actor },
            { heading: t("action"), cell: ({ action }) => action },
            { heading: t("subject"), cell: ({ subject }) => subject },
            { heading: t("detail"), cell: ({ detail }) => detail === "{}" ? "" : detail },
          ]}
        />
        <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
      </>
    ),
  });
}

export const peopleRoutes: Route[] = [
  {
    method: "GET",
    path: "/users",
    access: "dealer",
    permission: "manageUsers",
    handle: (request) => usersPage(request),
  },
  { method: "POST", path: "/users", access: "dealer", permission: "manageUsers", confirmed: true, handle: invite },
  {
    method: "POST",
    path: "/users/:user/deactivate",
    access: "dealer",
    permission: "manageUsers",
    confirmed: true,
    handle: (request) =>
      withUsers(request, async () => {
        await deactivateUser(request.platform, request.by, { user: await manageable(request) });
        return undefined;
      }),
  },
  {
    method: "POST",
    path: "/users/:user/reactivate",
    access: "dealer",
    permission: "manageUsers",
    confirmed: true,
    handle: (request) =>
      withUsers(
        request,
        async () => await reactivateUser(request.platform, request.by, { user: await manageable(request) }),
      ),
  },
  { method: "GET", path: "/audit", access: "dealer", permission: "readAudit", handle: auditPage },
  { method: "GET", path: "/account", access: "signedIn", handle: accountPage },
  {
    method: "POST",
    path: "/account/language",
    access: "signedIn",
    async handle({ platform, c, viewer }) {
      const language = await field(c, "language");
      if ((languages as readonly string[]).includes(language)) {
        await setLanguage(platform, { userId: viewer.userId, language: language as Language });
      }
      return c.redirect("/account", 303);
    },
  },
  {
    method: "POST",
    path: "/account/sessions/end-others",
    access: "signedIn",
    async handle({ platform, c, viewer }) {
      await endUserSessions(platform, { viewer, except: viewer.sessionId });
      return c.redirect("/account", 303);
    },
  },
  {
    method: "POST",
    path: "/account/sessions/:session/end",
    access: "signedIn",
    async handle({ platform, c, viewer }) {
      await endUserSessions(platform, { viewer, sessionId: c.req.param("session") ?? "" });
      return c.redirect("/account", 303);
    },
  },
];
