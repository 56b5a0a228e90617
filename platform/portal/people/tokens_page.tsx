/** A user's own tokens of the interfaces. */
import { UsageError } from "../../../common/core/errors.ts";
import { createToken, type ListedToken, listTokens, revokeToken } from "../../users/api_tokens.ts";
import { permittedSites, type Place } from "../../users/permissions.ts";
import { field } from "../page/form.ts";
import { Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { Route, UserRequest } from "../page/route.ts";
import { customerNames } from "../../customers/customers.ts";

const path = "/account/tokens";
const dayMs = 86_400_000, days = [30, 90, 180, 365] as const;

/** What the interfaces have a use for. */
const usable = [
  "readFleet",
  "readMeters",
  "runTasks",
  "openWebAccess",
  "manageAgents",
  "manageCustomers",
  "readAudit",
] as const;

/** Customers, and sites of one, where the user may do something. */
async function places({ platform, by, viewer }: UserRequest): Promise<{ value: string; name: string; place: Place }[]> {
  const rows = await customerNames(platform, by, { dealerId: viewer.dealerId });
  return rows.flatMap(({ customer_id: customerId, name }) => {
    if (viewer.customerId !== undefined && viewer.customerId !== customerId) return [];
    const sites = usable.map((permission) => permittedSites(viewer.grants, permission, customerId));
    if (sites.includes("all")) return [{ value: customerId, name, place: { customerId } }];
    return [...new Set(sites.flat())].map((siteId) => ({
      value: `${customerId}/${siteId}`,
      name: `${name}: ${siteId}`,
      place: { customerId, siteId },
    }));
  });
}

function mayAnywhere({ viewer }: UserRequest): (typeof usable)[number][] {
  const has = new Set(viewer.grants.map(({ customerId }) => customerId ?? ""));
  return usable.filter((permission) =>
    [...has].some((customerId) => permittedSites(viewer.grants, permission, customerId).length > 0)
  );
}

async function tokensPage(
  request: UserRequest,
  { made, message }: { made?: string; message?: string } = {},
): Promise<Response> {
  const { t, formats, platform, by, viewer } = request;
  const rows = await listTokens(platform, by, { userId: viewer.userId });
  const at = await places(request);
  return await pageOf(request, {
    title: t("tokens"),
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        {made !== undefined && (
          <Message good>
            {t("tokenMade")} <code>{made}</code>
          </Message>
        )}
        <p>{t("tokensHelp")}</p>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("tokens")}
          isTitled
          columns={[
            { heading: t("name"), cell: ({ name }) => name },
            { heading: t("state"), cell: ({ state }) => t(`token_${state}`) },
            { heading: t("tokenMay"), cell: ({ permissions }) => permissions.join(", ") },
            { heading: t("tokenExpires"), cell: ({ expiresAt }) => formats.time(expiresAt) },
            { heading: t("tokenUsed"), cell: ({ usedAt }) => usedAt === null ? t("never") : formats.time(usedAt) },
            { heading: t("action"), cell: (row) => <Revoke request={request} row={row} /> },
          ]}
        />
        <h2>{t("tokenMake")}</h2>
        <form method="post" action={path}>
          <Field name="name" label={t("name")} autocomplete="off" />
          <fieldset>
            <legend>{t("tokenMay")}</legend>
            {mayAnywhere(request).map((permission) => (
              <label class="check">
                <input type="checkbox" name={permission} value="1" checked={permission === "readFleet"} />{" "}
                {t(`tokenMay_${permission}`)}
              </label>
            ))}
          </fieldset>
          <div class="field">
            <label for="place">{t("customer")}</label>
            <select id="place" name="place">
              {viewer.customerId === undefined && <option value="">{t("wholeDealer")}</option>}
              {at.map(({ value, name }) => <option value={value}>{name}</option>)}
            </select>
          </div>
          <div class="field">
            <label for="days">{t("tokenDays")}</label>
            <select id="days" name="days">
              {days.map((count) => (
                <option value={String(count)} selected={count === 90}>{t("tokenDaysOf", { days: count })}</option>
              ))}
            </select>
          </div>
          <button type="submit">{t("tokenMake")}</button>
        </form>
      </>
    ),
  });
}

function Revoke({ request: { t }, row }: { request: UserRequest; row: ListedToken }) {
  if (row.state !== "active") return null;
  return (
    <form method="post" action={`${path}/${row.tokenId}/revoke`}>
      <button class="plain" type="submit" aria-label={`${t("tokenRevoke")}: ${row.name}`}>{t("tokenRevoke")}</button>
    </form>
  );
}

/** Shows what went wrong on the page of the tokens. */
async function withTokens(request: UserRequest, work: () => Promise<string | undefined>): Promise<Response> {
  try {
    const made = await work();
    return made === undefined ? request.c.redirect(path, 303) : await tokensPage(request, { made });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await tokensPage(request, { message: error.message });
  }
}

async function make(request: UserRequest): Promise<Response> {
  const { platform, by, viewer, c } = request;
  const name = (await field(c, "name")).trim(),
    wanted = await field(c, "place"),
    count = Number(await field(c, "days"));
  const permissions: (typeof usable)[number][] = [];
  for (const permission of usable) if (await field(c, permission) !== "") permissions.push(permission);
  return await withTokens(request, async () => {
    if (name === "" || name.length > 100 || /\p{Cc}/u.test(name)) {
      throw new UsageError("Cannot use the name: it has 1 to 100 characters and no control characters");
    }
    const place = (await places(request)).find(({ value }) => value === wanted)?.place;
    if (wanted !== "" && place === undefined) throw new UsageError("Cannot find this customer");
    const made = await createToken(platform, by, {
      user: viewer.userId,
      dealerId: viewer.dealerId,
      name,
      permissions,
      places: place === undefined ? [] : [place],
      validMs: count * dayMs,
    });
    return made.text;
  });
}

export const tokenRoutes: Route[] = [
  { method: "GET", path, access: "signedIn", handle: (request) => tokensPage(request) },
  { method: "POST", path, access: "signedIn", confirmed: true, handle: make },
  {
    method: "POST",
    path: `${path}/:token/revoke`,
    access: "signedIn",
    handle: (request) =>
      withTokens(request, async () => {
        const tokenId = request.c.req.param("token") ?? "";
        await revokeToken(request.platform, request.by, { tokenId, userId: request.viewer.userId });
        return undefined;
      }),
  },
];
