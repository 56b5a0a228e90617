/** Users of a dealer or of a customer. */
import { UsageError } from "../../../common/core/errors.ts";
import { listProviders } from "../../sso/providers.ts";
import { inviteUser, type UserLink } from "../../users/manage_users.ts";
import { type Grant, isRole, mayGive } from "../../users/permissions.ts";
import { listOwnRoles } from "../../users/own_roles.ts";
import { exportUsers, pageOfUsers, type UserOrder, userSorts, userStates } from "../../users/list_users.ts";
import type { ListedUser } from "../../users/users.ts";
import { type ListColumn, listed, ListForm, lotsWith } from "../fleet/list_table.tsx";
import { csvResponse } from "../page/file_response.ts";
import { field } from "../page/form.ts";
import { Field, Message, pageOf } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { GrantFields, roleText } from "./role_text.tsx";

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

type Row = ListedUser & { signsInBy: string };

function grantText({ t, customers }: UserRequest, { customerId, ...grant }: Grant): string {
  const name = roleText(t, grant);
  const of = customers.find((customer) => customer.customerId === customerId);
  return customerId === undefined ? name : `${name}: ${of?.name ?? customerId}`;
}

const userColumns = {
  email: { heading: "email", sort: "email", cell: ({ email }) => email, csv: { email: ({ email }) => email } },
  name: { heading: "name", sort: "name", cell: ({ name }) => name, csv: { name: ({ name }) => name } },
  state: {
    heading: "state",
    sort: "state",
    cell: ({ state, reason }, { t }) => `${t(states[state])}${reason === null ? "" : `: ${t(reasons[reason])}`}`,
    csv: { state: ({ state }) => state, reason: ({ reason }) => reason },
  },
  roles: {
    heading: "roles",
    cell: ({ grants }, request) => grants.map((grant) => <div>{grantText(request, grant)}</div>),
    csv: {
      roles: ({ grants }) =>
        grants.map(({ role, ownRole, customerId, siteId }) =>
          [ownRole?.name ?? role, customerId, siteId].filter((part) => part !== undefined).join(":")
        ).join("; "),
    },
  },
  signsInBy: {
    heading: "signsInBy",
    cell: ({ signsInBy }) => signsInBy,
    csv: {
      provider: ({ providerId }) => providerId,
      second_factor: ({ hasSecondFactor }) => hasSecondFactor ? "yes" : "no",
    },
  },
  signedIn: {
    heading: "signedIn",
    sort: "signedIn",
    cell: ({ signedInAt }, { t, formats }) => signedInAt === null ? t("never") : formats.time(signedInAt),
    csv: { signed_in_at: ({ signedInAt }) => signedInAt === null ? null : new Date(signedInAt).toISOString() },
  },
  action: {
    heading: "action",
    cell: (user, request) => <UserActions request={request} user={user} />,
    csv: {},
  },
} satisfies Record<string, ListColumn<Row, UserRequest> & { sort?: UserOrder["by"] }>;

/* A dealer's administrator sees all of the dealer; a customer's, those of the customer. */
const visibleOf = ({ viewer: { dealerId, customerId } }: UserRequest) => ({ dealerId, customerId });

async function usersList(request: UserRequest) {
  const { platform, by, viewer, t, c } = request;
  const filters = {
    ...visibleOf(request),
    search: c.req.query("q")?.trim().slice(0, 100) || undefined,
    state: userStates.find((state) => state === c.req.query("state")),
  };
  const providers = await listProviders(platform, by, { dealerId: viewer.dealerId, customerId: undefined });
  const names = new Map(providers.map(({ providerId, name }) => [providerId, name]));
  const withProvider = (rows: readonly ListedUser[]) =>
    rows.map((row): Row => ({
      ...row,
      signsInBy: row.providerId === null ? t("ownSignIn") : names.get(row.providerId) ?? row.providerId,
    }));
  return listed(request, {
    columns: userColumns,
    usual: Object.keys(userColumns),
    sorts: userSorts,
    caption: "users",
    empty: filters.search === undefined && filters.state === undefined ? "none" : "nothingFound",
    async page(wish) {
      const { rows, ...page } = await pageOfUsers(platform, by, { ...filters, ...wish });
      return { ...page, rows: withProvider(rows) };
    },
    whole: (order) => lotsWith(exportUsers(platform, by, { ...filters, order }), withProvider),
    form: (kept) => (
      <ListForm request={request}>
        <div>
          <label for="q">{t("search")}</label>
          <input id="q" name="q" type="search" value={filters.search} maxlength={100} />
        </div>
        <div>
          <label for="state">{t("state")}</label>
          <select id="state" name="state">
            <option value="">{t("allStates")}</option>
            {userStates.map((state) => (
              <option value={state} selected={state === filters.state}>{t(states[state])}</option>
            ))}
          </select>
        </div>
        {kept}
      </ListForm>
    ),
  });
}

export async function usersPage(request: UserRequest, { message, link, typed }: UsersSaid = {}): Promise<Response> {
  const { t, viewer, c } = request;
  // The answer to a form of one user has an address of its own, at which there is no list.
  const list = c.req.path === "/users" ? await usersList(request) : undefined;
  if (list !== undefined && c.req.method === "GET" && c.req.query("format") === "csv") {
    return csvResponse(request, "users.csv", list.csv());
  }
  const ownRoles = await listOwnRoles(request.platform, request.by, { dealer: viewer.dealerId });
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
        {list === undefined
          ? (
            <p>
              <a href="/users">{t("allUsers")}</a>
            </p>
          )
          : await list.page()}
        <p>
          <a href="/identity-providers">{t("identityProviders")}</a>
        </p>
        <h2>{t("inviteTitle")}</h2>
        <form method="post" action="/users">
          <Field name="email" type="email" label={t("email")} value={typed?.email ?? ""} autocomplete="off" />
          <Field name="name" label={t("name")} value={typed?.name ?? ""} autocomplete="off" />
          <GrantFields
            request={request}
            others={ownRoles.map(({ roleId, name }) => <option value={roleId}>{name}</option>)}
            note={viewer.customerId === undefined && <a href="/roles">{t("ownRoles")}</a>}
          />
          <button type="submit">{t("invite")}</button>
        </form>
      </>
    ),
  });
}

function UserActions({ request: { t, viewer }, user }: { request: UserRequest; user: ListedUser }) {
  const newLink = t(user.state === "deactivated" ? "letIn" : "reactivate");
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
        <button class="plain" type="submit" aria-label={`${newLink}: ${user.email}`}>{newLink}</button>
      </form>
    </>
  );
}

/** Throws UsageError for a user that the viewer does not see, and for one who has more rights than the viewer. */
export async function manageable(request: UserRequest): Promise<string> {
  const { platform, by, viewer, c } = request, userId = c.req.param("user") ?? "";
  const { rows: [user] } = await pageOfUsers(platform, by, { ...visibleOf(request), userId });
  if (user === undefined) throw new UsageError("Cannot find this user");
  if (!mayGive(viewer.grants, user.grants)) {
    throw new UsageError(`Cannot change "${user.email}" as this user may do more than you`);
  }
  return userId;
}

/** Shows what went wrong on the page of the users. */
export async function withUsers(
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

/* By the value of its option. */
async function chosenRole(
  { platform, by, viewer }: UserRequest,
  role: string,
): Promise<Pick<Grant, "role" | "ownRole">> {
  if (isRole(role)) return { role };
  const own = (await listOwnRoles(platform, by, { dealer: viewer.dealerId })).find(({ roleId }) => roleId === role);
  if (own === undefined) throw new UsageError(`Cannot use "${role}" as a role`);
  return { role, ownRole: own };
}

export async function invite(request: UserRequest): Promise<Response> {
  const { c, platform, by, viewer, customers } = request;
  const email = await field(c, "email"), name = (await field(c, "name")).trim();
  const role = await field(c, "role"), wanted = await field(c, "customer") || viewer.customerId;
  return await withUsers(request, async () => {
    if (name === "" || name.length > 100 || /\p{Cc}/u.test(name)) {
      throw new UsageError("Cannot use the name: it has 1 to 100 characters and no control characters");
    }
    const customer = customers.find(({ customerId }) => customerId === wanted);
    if (wanted !== undefined && customer === undefined) throw new UsageError("Cannot find this customer");
    const grant: Grant = { ...await chosenRole(request, role), customerId: customer?.customerId };
    if (!mayGive(viewer.grants, [grant])) {
      throw new UsageError(`Cannot give the role "${role}" as it is more than you have`);
    }
    const belongs = viewer.customerId === undefined ? { dealer: viewer.dealerId } : { customer: viewer.customerId };
    return await inviteUser(platform, by, { email, name, language: request.language, grants: [grant], ...belongs });
  }, { email, name });
}
