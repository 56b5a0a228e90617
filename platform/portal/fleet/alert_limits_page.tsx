/** From when on alerts are raised: of one customer, and of all customers of the dealer. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  alertLimits,
  type LimitName,
  limitNames,
  limitRanges,
  type LimitsOf,
  setAlertLimits,
} from "../../alerts/alert_limits.ts";
import { isPermitted } from "../../users/permissions.ts";
import { customerPage, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Facts, Message, pageOf } from "../page/layout.tsx";
import type { CustomerRequest, UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";

const limitKeys: Record<LimitName, { label: Key; help: Key }> = {
  lowPercent: { label: "limitLowPercent", help: "limitLowPercentHelp" },
  emptyDays: { label: "limitEmptyDays", help: "limitEmptyDaysHelp" },
  silentDeviceDays: { label: "limitSilentDeviceDays", help: "limitSilentDeviceDaysHelp" },
  silentAgentHours: { label: "limitSilentAgentHours", help: "limitSilentAgentHoursHelp" },
};

async function form(request: UserRequest, of: LimitsOf, { action, message }: { action: string; message?: string }) {
  const { t, formats, platform, by } = request, { own, inherited } = await alertLimits(platform, by, of);
  return (
    <>
      {message !== undefined && <Message>{message}</Message>}
      <p>{t("alertLimitsHelp")}</p>
      <form method="post" action={action}>
        {limitNames.map((name) => {
          const { label, help } = limitKeys[name], { min, max } = limitRanges[name];
          return (
            <div class="field">
              <label for={name}>{t(label)}</label>
              <input
                id={name}
                name={name}
                type="number"
                min={min}
                max={max}
                value={own[name]}
                placeholder={String(inherited[name])}
                aria-describedby={`${name}-help`}
              />
              <div class="help" id={`${name}-help`}>
                {t(help)} {t("limitInherited", { value: formats.number(inherited[name]) })}
              </div>
            </div>
          );
        })}
        <button type="submit">{t("save")}</button>
      </form>
    </>
  );
}

/* An empty field is none of its own. */
async function save({ c, platform, by }: UserRequest, of: LimitsOf): Promise<void> {
  const changes: { [Name in LimitName]?: number | null } = {};
  for (const name of limitNames) {
    const text = (await field(c, name)).trim();
    changes[name] = text === "" ? null : /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  }
  await setAlertLimits(platform, by, { ...of, changes });
}

/* They are of the whole customer: anyone who sees some of its sites only cannot set them. */
function isWhole({ customer: { sites } }: CustomerRequest): boolean {
  return sites === "all";
}

async function shownOnly(request: CustomerRequest) {
  const { t, formats, platform, by, customer } = request;
  const { effective } = await alertLimits(platform, by, { customer: customer.customerId });
  return (
    <>
      <p>{t("alertLimitsOfAllSites")}</p>
      <Facts rows={limitNames.map((name) => [t(limitKeys[name].label), formats.number(effective[name])])} />
    </>
  );
}

export async function customerLimits(request: CustomerRequest, message?: string): Promise<Response> {
  const { customer, t, viewer } = request, root = rootOf(customer);
  const isOfDealer = viewer.customerId === undefined && isPermitted(viewer.grants, "manageAlerts", {});
  return await customerPage(request, {
    title: `${customer.name}: ${t("alertLimits")}`,
    tab: "alerts",
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {isWhole(request)
          ? await form(request, { customer: customer.customerId }, {
            action: `${root}/alert-limits`,
            ...(message === undefined ? {} : { message }),
          })
          : await shownOnly(request)}
        {isOfDealer && (
          <p>
            <a href="/alert-limits">{t("alertLimitsOfDealer")}</a>
          </p>
        )}
      </>
    ),
  });
}

export async function saveCustomerLimits(request: CustomerRequest): Promise<Response> {
  const { customer, c } = request;
  if (!isWhole(request)) return await customerLimits(request, request.t("alertLimitsOfAllSites"));
  try {
    await save(request, { customer: customer.customerId });
  } catch (error) {
    if (error instanceof UsageError) return await customerLimits(request, request.t("limitInvalid"));
    throw error;
  }
  return c.redirect(`${rootOf(customer)}/alert-limits`, 303);
}

export async function dealerLimits(request: UserRequest, message?: string): Promise<Response> {
  const { viewer, t, c } = request;
  if (viewer.customerId !== undefined) return await c.notFound();
  return await pageOf(request, {
    title: t("alertLimitsOfDealer"),
    ...(message === undefined ? {} : { status: 422 }),
    children: await form(request, { dealer: viewer.dealerId }, {
      action: "/alert-limits",
      ...(message === undefined ? {} : { message }),
    }),
  });
}

export async function saveDealerLimits(request: UserRequest): Promise<Response> {
  const { viewer, c } = request;
  if (viewer.customerId !== undefined) return await c.notFound();
  try {
    await save(request, { dealer: viewer.dealerId });
  } catch (error) {
    if (error instanceof UsageError) return await dealerLimits(request, request.t("limitInvalid"));
    throw error;
  }
  return c.redirect("/alert-limits", 303);
}
