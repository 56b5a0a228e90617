/** Users of a dealer or of a customer. */
import { UsageError } from "../../../common/core/errors.ts";
import { listProviders } from "../../sso/providers.ts";
import { inviteUser, type UserLink } from "../../users/manage_users.ts";
import { type Grant, isRole, mayGive, roles } from "../../users/permissions.ts";
import { listOwnRoles } from "../../users/own_roles.ts";
import { type ListedUser, listUsers } from "../../users/users.ts";
import { field } from "../page/form.ts";
import { Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { roleText } from "./role_text.ts";

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

export async function usersPage(request: UserRequest, { message, link, typed }: UsersSaid = {}) {
  const { t, formats, viewer, customers } = request;
  const users = await visibleUsers(request);
  const names = new Map(customers.map(({ customerId, name }) => [customerId, name]));
  const grantText = ({ customerId, ...grant }: Grant) => {
    const name = roleText(t, grant);
    return customerId === undefined ? name : `${name}: ${names.get(customerId) ?? customerId}`;
  };
  const providers = await listProviders(request.platform, request.by, {
    dealerId: viewer.dealerId,
    customerId: undefined,
  });
  const providerName = (id: string) => providers.find(({ providerId }) => providerId === id)?.name ?? id;
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
              heading: t("signsInBy"),
              cell: ({ providerId }) => providerId === null ? t("ownSignIn") : providerName(providerId),
            },
            {
              heading: t("signedIn"),
              cell: ({ signedInAt }) => signedInAt === null ? t("never") : formats.time(signedInAt),
            },
            { heading: t("action"), cell: (user) => <UserActions request={request} user={user} /> },
          ]}
        />
        <p>
          <a href="/identity-providers">{t("identityProviders")}</a>
        </p>
        <h2>{t("inviteTitle")}</h2>
        <form method="post" action="/users">
          <Field name="email" type="email" label={t("email")} value={typed?.email ?? ""} autocomplete="off" />
          <Field name="name" label={t("name")} value={typed?.name ?? ""} autocomplete="off" />
          <div class="field">
            <label for="role">{t("role")}</label>
            <select id="role" name="role">
              {Object.keys(roles).map((role) => (
                <option value={role} selected={role === "viewer"}>{roleText(t, { role })}</option>
              ))}
              {ownRoles.map(({ roleId, name }) => <option value={roleId}>{name}</option>)}
            </select>
            {viewer.customerId === undefined && <a href="/roles">{t("ownRoles")}</a>}
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

/** A dealer's administrator sees all of the dealer; a customer's, those of the customer. */
export function visibleUsers({ platform, by, viewer }: UserRequest): Promise<ListedUser[]> {
  const { dealerId: dealer, customerId: customer } = viewer;
  return listUsers(platform, by, customer === undefined ? { dealer } : { customer });
}

/** Throws UsageError for a user that the viewer does not see, and for one who has more rights than the viewer. */
export async function manageable(request: UserRequest): Promise<string> {
  const userId = request.c.req.param("user") ?? "";
  const user = (await visibleUsers(request)).find((row) => row.userId === userId);
  if (user === undefined) throw new UsageError("Cannot find this user");
  if (!mayGive(request.viewer.grants, user.grants)) {
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
