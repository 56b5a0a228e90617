/**
 * Who may do what: the one table of permissions, roles as sets of them, and grants, which limit a role to customers and
 * sites. Pure.
 */

/** Each permission, and what it is for. */
export const permissions = {
  readFleet: "see devices, supplies, alerts and agents",
  readMeters: "see and export meters and statements for billing",
  manageBilling: "make statements, correct meters, and set how customers are billed",
  handleAlerts: "acknowledge alerts",
  manageAlerts: "set from when on alerts are raised",
  runTasks: "start scans, readings, pings and diagnostics",
  openWebAccess: "open the web page of a device",
  approve: "approve web access and tasks that somebody else asks for",
  manageAgents: "make activation codes, configure and revoke agents",
  manageUpdates: "choose which agents are offered updates, and pin or hold them",
  manageCustomers: "make, rename and close customers and sites",
  manageNotifications: "make rules of notifications, and webhooks",
  manageFeeds: "send what is known of devices to other systems",
  manageUsers: "invite and deactivate users, and give them roles",
  shareViews: "share saved views of lists with the other users",
  readAudit: "see and export the audit log",
  readTrust: "see certificates, reports and agreements of the trust centre",
  signAgreements: "sign agreements for the dealer or customer",
  manageData: "export and erase all data of a customer or a person",
} as const;

export type Permission = keyof typeof permissions;

export const roles = {
  administrator: Object.keys(permissions) as Permission[],
  technician: ["readFleet", "handleAlerts", "runTasks", "openWebAccess", "manageAgents"],
  billing: ["readFleet", "readMeters", "manageBilling"],
  viewer: ["readFleet"],
  auditor: ["readFleet", "readAudit", "readTrust"],
} as const satisfies Record<string, readonly Permission[]>;

export type Role = keyof typeof roles;

/** A role of a user, and where it counts. */
export interface Grant {
  /** One of `roles`, or the id of a role that a dealer has made. */
  role: string;
  /** Of a role that a dealer has made. */
  ownRole?: { name: string; permissions: readonly Permission[] } | undefined;
  /** Undefined: all customers of the user's dealer. */
  customerId?: string | undefined;
  /** Undefined: all sites of the customer. */
  siteId?: string | undefined;
}

/** What is asked for; with neither: something of the dealer's own, such as its users. */
export interface Place {
  customerId?: string | undefined;
  siteId?: string | undefined;
}

export function isRole(text: string): text is Role {
  return Object.hasOwn(roles, text);
}

export function isPermission(text: string): text is Permission {
  return Object.hasOwn(permissions, text);
}

/** Undefined for a role that is not known: it permits nothing, and nobody may give it. */
function maybePermissions({ role, ownRole }: Grant): readonly Permission[] | undefined {
  return isRole(role) ? roles[role] : ownRole?.permissions;
}

function hasPermission(grant: Grant, permission: Permission): boolean {
  return maybePermissions(grant)?.includes(permission) ?? false;
}

/** Whether one of the grants is wide enough. That the customer is one of the dealer's must have been checked. */
export function isPermitted(grants: readonly Grant[], permission: Permission, place: Place): boolean {
  return grants.some((grant) =>
    hasPermission(grant, permission) &&
    (grant.customerId === undefined || grant.customerId === place.customerId) &&
    (grant.siteId === undefined || grant.siteId === place.siteId)
  );
}

/** Of the sites of a customer, those with the permission; "all" also if it has none yet. */
export function permittedSites(
  grants: readonly Grant[],
  permission: Permission,
  customerId: string,
): "all" | readonly string[] {
  if (isPermitted(grants, permission, { customerId })) return "all";
  const ofCustomer = grants.filter((grant) => grant.customerId === customerId && hasPermission(grant, permission));
  return [...new Set(ofCustomer.flatMap(({ siteId }) => siteId ?? []))];
}

/** Whether somebody may give these grants, which is less than or the same as what the person has. */
export function mayGive(own: readonly Grant[], given: readonly Grant[]): boolean {
  return given.every((grant) => {
    const wanted = maybePermissions(grant);
    return wanted !== undefined &&
      (["manageUsers", ...wanted] as const).every((permission) => isPermitted(own, permission, grant));
  });
}

/** Whether a site is one of those of `permittedSites()`. */
export function seesSite(sites: "all" | readonly string[], siteId: string): boolean {
  return sites === "all" || sites.includes(siteId);
}
