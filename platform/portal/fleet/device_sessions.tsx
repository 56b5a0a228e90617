/** Web access to a device that waits or is open, on its page: state, countdown, end. It changes by itself. */
import { liveSessionsOfDevice, type ShownSession } from "../../access/manage_sessions.ts";
import { may, rootOf } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import { Live } from "../page/live.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { personOf } from "../page/person.ts";

/** Such as "waiting for the agent: an administrator on site must approve it". */
export function sessionState({ t }: CustomerRequest, { state, step }: ShownSession): string {
  return t(`session_${state}`) + (step === undefined ? "" : `: ${t(`step_${stepOf(step)}`)}`);
}

function stepOf(step: string): "checking" | "waiting" | "opening" {
  return step === "checking" || step === "waiting" ? step : "opening";
}

/** Until when, with a countdown where there are scripts: the page names /countdown.js. */
export function SessionEnd(
  { request, session }: { request: CustomerRequest; session: Pick<ShownSession, "ends_at" | "state"> },
) {
  const { formats, platform } = request, isLive = session.state === "waiting" || session.state === "open";
  return (
    <>
      <span data-now={String(platform.clock.now().getTime())}>{formats.time(session.ends_at)}</span>
      {isLive && (
        <span class="countdown" data-until={String(session.ends_at)} aria-hidden="true" hx-morph-skip-children></span>
      )}
    </>
  );
}

export async function deviceSessions({ request, deviceId }: { request: CustomerRequest; deviceId: string }) {
  if (!may(request, "openWebAccess")) return null;
  const { t, platform, by, customer } = request, root = `${rootOf(customer)}/sessions`;
  const rows = await liveSessionsOfDevice(platform, { ...by, tenant: customer.customerId }, { deviceId });
  return (
    <Live
      request={request}
      part="sessions"
      everySeconds={rows.length > 0 ? 5 : undefined}
      said={rows.map((row) => `${t("webAccess")}: ${sessionState(request, row)}`).join(". ")}
    >
      {rows.length > 0 && (
        <Table
          rows={rows}
          empty=""
          caption={t("webAccess")}
          isTitled
          columns={[
            {
              heading: t("webAccess"),
              cell: (row) => <a href={`${root}/${row.session_id}`}>{sessionState(request, row)}</a>,
            },
            { heading: t("port"), isNumber: true, cell: ({ port }) => String(port) },
            { heading: t("who"), cell: ({ opened_by }) => personOf(opened_by) },
            { heading: t("until"), cell: (row) => <SessionEnd request={request} session={row} /> },
            {
              heading: t("action"),
              cell: ({ session_id }) => (
                <form method="post" action={`${root}/${session_id}/end`}>
                  <button class="plain" type="submit">{t("end")}</button>
                </form>
              ),
            },
          ]}
        />
      )}
    </Live>
  );
}
