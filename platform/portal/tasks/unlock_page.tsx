/** Tokens that unlock an agent after five refused codes. */
import { UsageError } from "../../../common/core/errors.ts";
import { createUnlockToken, type IssuedUnlockToken } from "../../agents/failed_keys.ts";
import { pageOfAgents } from "../../agents/list_agents.ts";
import { customerPage, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Copyable, Field, Message } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { tenantOf } from "./visible_agents.ts";

const dayMs = 86_400_000, mostLocks = 1_000_000;

export async function unlockPage(request: CustomerRequest, made?: IssuedUnlockToken): Promise<Response> {
  const { t, c, customer } = request, wanted = c.req.query("installation") ?? "";
  return await customerPage(request, {
    title: t("unlock"),
    tab: "codes",
    scripts: ["/copy.js"],
    children: made !== undefined ? <MadeToken request={request} made={made} /> : (
      <>
        <p>{t("unlockIntro")}</p>
        <form method="post" action={`${rootOf(customer)}/unlock`}>
          <Field
            name="installation"
            label={t("installationId")}
            value={/^[\da-f-]{36}$/i.test(wanted) ? wanted : ""}
            autocomplete="off"
          />
          <Field name="lock" label={t("unlockLock")} value="1" autocomplete="off" />
          <label class="check">
            <input name="sure" type="checkbox" value="1" required /> {t("unlockSure")}
          </label>
          <button type="submit">{t("unlockMake")}</button>
        </form>
      </>
    ),
  });
}

function MadeToken({ request: { t, formats }, made }: { request: CustomerRequest; made: IssuedUnlockToken }) {
  return (
    <>
      <Message good>
        {t("unlockMade", { lock: made.lockCount, until: formats.time(made.expiresAt.getTime()) })}
      </Message>
      <Copyable t={t}>{`sudo -u opendca opendca unlock ${made.token}`}</Copyable>
      <p>{t("unlockThen")}</p>
    </>
  );
}

export async function unlock(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request;
  const installation = (await field(c, "installation")).trim(), lock = (await field(c, "lock")).trim();
  if (await field(c, "sure") !== "1") {
    throw new UsageError("Cannot make the token before somebody at the agent's machine has asked for it");
  }
  if (!/^\d{1,7}$/.test(lock) || Number(lock) < 1 || Number(lock) > mostLocks) {
    throw new UsageError(`Cannot use "${lock.slice(0, 20)}" as the number of a lock: opendca status shows it`);
  }
  // Of a site that the viewer may not see; one that was never activated is at no site yet.
  if (customer.sites !== "all") {
    const { all } = await pageOfAgents(platform, tenantOf(request), {
      installationId: installation.toLowerCase(),
      sites: customer.sites,
      limit: 1,
    });
    if (all === 0) throw new UsageError("Cannot unlock an installation that is no agent of your sites");
  }
  const made = await createUnlockToken(platform, tenantOf(request), {
    installation,
    lockCount: Number(lock),
    validMs: dayMs,
  });
  return await unlockPage(request, made);
}
