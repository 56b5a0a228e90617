/** Which address shows which page about people. */
import { deactivateUser, reactivateUser } from "../../users/manage_users.ts";
import { endUserSessions } from "../../users/sessions.ts";
import { type Language, languages, setLanguage } from "../../users/users.ts";
import { field } from "../page/form.ts";
import type { Route } from "../page/route.ts";
import { accountPage } from "./account_page.tsx";
import { auditPage } from "./audit_page.tsx";
import { factorRoutes } from "./factors_page.tsx";
import { providerRoutes } from "./providers_page.tsx";
import { passkeyAccountRoutes } from "./passkeys_page.tsx";
import { editRole, makeRole, removeRole, rolePage, rolesPage } from "./roles_page.tsx";
import { tokenRoutes } from "./tokens_page.tsx";
import { customerChanges, customersPage, makeCustomer, makeSite, siteChanges, sitesPage } from "./sites_page.tsx";
import { invite, manageable, usersPage, withUsers } from "./users_page.tsx";

/** Closing revokes agents, and is asked for again. */
const customerRoutes: Route[] = [
  {
    method: "GET",
    path: "/customers",
    access: "dealer",
    permission: "manageCustomers",
    handle: (request) => customersPage(request),
  },
  { method: "POST", path: "/customers", access: "dealer", permission: "manageCustomers", handle: makeCustomer },
  {
    method: "GET",
    path: "/customers/:customer/sites",
    access: "customer",
    permission: "manageCustomers",
    handle: (request) => sitesPage(request),
  },
  {
    method: "POST",
    path: "/customers/:customer/sites",
    access: "customer",
    permission: "manageCustomers",
    handle: makeSite,
  },
  ...(["rename", "close", "reopen"] as const).flatMap((change): Route[] => {
    const isDangerous = change === "close" ? { confirmed: true as const } : {};
    const common = { method: "POST", access: "customer", permission: "manageCustomers", ...isDangerous } as const;
    return [
      { ...common, path: `/customers/:customer/${change}`, handle: customerChanges[change] },
      { ...common, path: `/customers/:customer/sites/:site/${change}`, handle: siteChanges[change] },
    ];
  }),
];

export const peopleRoutes: Route[] = [
  ...customerRoutes,
  ...providerRoutes,
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
        async () => {
          const link = await reactivateUser(request.platform, request.by, { user: await manageable(request) });
          return link.isOfProvider ? undefined : link;
        },
      ),
  },
  {
    method: "GET",
    path: "/roles",
    access: "dealer",
    permission: "manageUsers",
    handle: (request) => rolesPage(request),
  },
  { method: "POST", path: "/roles", access: "dealer", permission: "manageUsers", confirmed: true, handle: makeRole },
  {
    method: "GET",
    path: "/roles/:role",
    access: "dealer",
    permission: "manageUsers",
    handle: (request) => rolePage(request),
  },
  {
    method: "POST",
    path: "/roles/:role",
    access: "dealer",
    permission: "manageUsers",
    confirmed: true,
    handle: editRole,
  },
  {
    method: "POST",
    path: "/roles/:role/remove",
    access: "dealer",
    permission: "manageUsers",
    confirmed: true,
    handle: removeRole,
  },
  { method: "GET", path: "/audit", access: "dealer", permission: "readAudit", handle: auditPage },
  { method: "GET", path: "/account", access: "signedIn", handle: (request) => accountPage(request) },
  ...passkeyAccountRoutes,
  ...factorRoutes,
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
  ...tokenRoutes,
];
