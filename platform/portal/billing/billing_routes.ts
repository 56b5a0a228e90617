/** Routes of billing. */
import type { Permission } from "../../users/permissions.ts";
import type { CustomerRequest, Route } from "../page/route.ts";
import { correctionsPage, makeCorrection, undo } from "./corrections_page.tsx";
import { changeSettings, settingsPage } from "./settings_page.tsx";
import { billingPage, makeOne } from "./billing_page.tsx";
import { statementFile, statementPage } from "./statement_page.tsx";

const route = (
  method: Route["method"],
  path: string,
  permission: Permission,
  handle: (request: CustomerRequest) => Response | Promise<Response>,
): Route => ({ method, path: `/customers/:customer/${path}`, access: "customer", permission, handle });

export const billingRoutes: readonly Route[] = [
  route("GET", "billing", "readMeters", billingPage),
  route("POST", "billing", "manageBilling", makeOne),
  route("GET", "billing/:number", "readMeters", statementPage),
  route("GET", "billing/:number/:form", "readMeters", statementFile),
  route("GET", "billing-settings", "manageBilling", (request) => settingsPage(request)),
  route("POST", "billing-settings", "manageBilling", changeSettings),
  route("GET", "corrections", "readMeters", correctionsPage),
  route("POST", "corrections", "manageBilling", makeCorrection),
  route("POST", "corrections/:correction/undo", "manageBilling", undo),
];
