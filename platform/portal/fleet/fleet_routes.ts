/** Which address shows which page of the fleet. */
import type { Route } from "../page/route.ts";
import { agents } from "./agents_page.tsx";
import { customerLimits, dealerLimits, saveCustomerLimits, saveDealerLimits } from "./alert_limits_page.tsx";
import { alertPage } from "./alert_page.tsx";
import { acknowledgeGroup, acknowledgeOne, releaseOne } from "./acknowledge_page.tsx";
import { alerts } from "./alerts_page.tsx";
import { devices } from "./devices_page.tsx";
import { findPage } from "./find_page.tsx";
import { overview } from "./overview_page.tsx";
import { supplies } from "./supplies_page.tsx";
import { removeViewForm, saveViewForm } from "./views.tsx";

export const fleetRoutes: Route[] = [
  { method: "GET", path: "/", access: "fleet", permission: "readFleet", handle: overview },
  { method: "GET", path: "/devices", access: "fleet", permission: "readFleet", handle: findPage },
  { method: "GET", path: "/customers/:customer/devices", access: "customer", permission: "readFleet", handle: devices },
  {
    method: "GET",
    path: "/customers/:customer/supplies",
    access: "customer",
    permission: "readFleet",
    handle: supplies,
  },
  { method: "GET", path: "/customers/:customer/alerts", access: "customer", permission: "readFleet", handle: alerts },
  {
    method: "GET",
    path: "/customers/:customer/alerts/:alert",
    access: "customer",
    permission: "readFleet",
    handle: alertPage,
  },
  {
    method: "POST",
    path: "/customers/:customer/alerts/acknowledge",
    access: "customer",
    permission: "handleAlerts",
    handle: acknowledgeGroup,
  },
  {
    method: "POST",
    path: "/customers/:customer/alerts/:alert/acknowledge",
    access: "customer",
    permission: "handleAlerts",
    handle: acknowledgeOne,
  },
  {
    method: "POST",
    path: "/customers/:customer/alerts/:alert/release",
    access: "customer",
    permission: "handleAlerts",
    handle: releaseOne,
  },
  ...(["GET", "POST"] as const).flatMap((method): Route[] => [
    {
      method,
      path: "/customers/:customer/alert-limits",
      access: "customer",
      permission: "manageAlerts",
      handle: (request) => method === "GET" ? customerLimits(request) : saveCustomerLimits(request),
    },
    {
      method,
      path: "/alert-limits",
      access: "dealer",
      permission: "manageAlerts",
      handle: (request) => method === "GET" ? dealerLimits(request) : saveDealerLimits(request),
    },
  ]),
  { method: "GET", path: "/customers/:customer/agents", access: "customer", permission: "readFleet", handle: agents },
  { method: "POST", path: "/views", access: "signedIn", handle: saveViewForm },
  { method: "POST", path: "/views/:view/remove", access: "signedIn", handle: removeViewForm },
];
