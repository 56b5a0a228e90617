/** Updates of a customer's agents: what is offered to whom, pins, and how far each agent is. */
import { UsageError } from "../../../common/core/errors.ts";
import { markInvisible } from "../../../common/core/escape_invisible.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { UpdatePhase } from "../../../proto/gen/opendca/v1/update.ts";
import {
  type CustomerRelease,
  type CustomerUpdates,
  customerUpdates,
  setPin,
  type UpdatingAgentRow,
  updatingAgents,
} from "../../releases/customer_updates.ts";
import { rollOut, stages } from "../../releases/manage_releases.ts";
import { held } from "../../releases/release_for.ts";
import { seesSite } from "../../users/permissions.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { maybeVisibleAgent, tenantOf } from "./visible_agents.ts";

interface OfUpdates {
  request: CustomerRequest;
  updates: CustomerUpdates;
  /** A page of them. */
  agents: readonly UpdatingAgentRow[];
}

export async function updatesPage(request: CustomerRequest): Promise<Response> {
  const { t, platform, customer } = request;
  const all = await customerUpdates(platform, tenantOf(request));
  const page = await shownPage(
    request,
    (wish) => updatingAgents(platform, tenantOf(request), { ...wish, sites: customer.sites }),
  );
  const updates = { ...all, sites: all.sites.filter(({ siteId }) => seesSite(customer.sites, siteId)) };
  const of = { request, updates, agents: page.rows };
  return await customerPage(request, {
    title: `${customer.name}: ${t("updates")}`,
    tab: "updates",
    scripts: liveScripts,
    children: (
      <>
        <h2>{t("releases")}</h2>
        <Releases {...of} />
        {may(request, "manageUpdates") && <Forms {...of} />}
        <h2>{t("updatesOfAgents")}</h2>
        <Live
          request={request}
          part="agents"
          said={t("updatesFailed", { count: page.rows.filter(hasFailed).length })}
        >
          <Agents {...of} />
          <Pager request={request} page={page} />
        </Live>
      </>
    ),
  });
}

function Releases({ request: { t, formats }, updates: { releases, sites } }: OfUpdates) {
  const own = ({ sites: percents }: CustomerRelease) =>
    sites.flatMap(({ siteId, name }) => {
      const percent = percents.get(siteId);
      return percent === undefined ? [] : [`${name}: ${percent} %`];
    });
  return (
    <Table
      rows={releases}
      empty={t("releasesNone")}
      caption={t("releases")}
      isTitled
      columns={[
        { heading: t("version"), cell: ({ version }) => version },
        {
          heading: t("state"),
          cell: ({ state, reason }) =>
            state === "offered"
              ? t("release_offered")
              : <span class="warn">{`${t("release_paused")}${reason === null ? "" : `: ${shown(reason)}`}`}</span>,
        },
        {
          heading: t("releaseShare"),
          cell: (row) => [`${row.percent} % ${t(row.isOwn ? "releaseOwn" : "releaseOfAll")}`, ...own(row)].join(", "),
        },
        { heading: t("releasePermitted"), isNumber: true, cell: ({ permitted }) => `${permitted} %` },
        { heading: t("until"), cell: ({ expiresAt }) => formats.day(Date.parse(expiresAt)) },
      ]}
    />
  );
}

/** What is offered to whom: the share of a customer or a site, and pins. */
function Forms({ request, updates: { releases, sites, pin }, agents }: OfUpdates) {
  const { t, customer } = request, root = `${rootOf(customer)}/updates`, isWhole = customer.sites === "all";
  const subjects = (withAgents: boolean) => (
    <>
      {isWhole && <option value="">{t("updatesAll", { pin: pinText(t, pin) })}</option>}
      {sites.map((site) => <option value={`site:${site.siteId}`}>{`${site.name} (${pinText(t, site.pin)})`}</option>)}
      {withAgents &&
        agents.map((agent) => (
          <option value={`agent:${agent.agentId}`}>
            {`${agent.hostname || agent.agentId} (${pinText(t, agent.pin)})`}
          </option>
        ))}
    </>
  );
  const versions = releases.map(({ version }) => <option value={version}>{version}</option>);
  return (
    <>
      {releases.length > 0 && (
        <form class="filters" method="post" action={`${root}/share`}>
          <div>
            <label for="version">{t("version")}</label>
            <select id="version" name="version">{versions}</select>
          </div>
          <div>
            <label for="share-of">{t("updatesWhose")}</label>
            <select id="share-of" name="whose">{subjects(false)}</select>
          </div>
          <div>
            <label for="percent">{t("releaseShare")}</label>
            <select id="percent" name="percent">
              <option value="">{t("releaseAsAll")}</option>
              {[0, ...stages].map((percent) => <option value={String(percent)}>{`${percent} %`}</option>)}
            </select>
          </div>
          <button type="submit">{t("releaseSetShare")}</button>
        </form>
      )}
      <form class="filters" method="post" action={`${root}/pin`}>
        <div>
          <label for="pin-of">{t("updatesWhose")}</label>
          <select id="pin-of" name="whose">{subjects(true)}</select>
        </div>
        <div>
          <label for="pin">{t("updatesPin")}</label>
          <select id="pin" name="pin">
            <option value="">{t("pin_none")}</option>
            <option value={held}>{t("pin_hold")}</option>
            {versions}
          </select>
        </div>
        <button type="submit">{t("updatesSetPin")}</button>
      </form>
    </>
  );
}

function pinText(t: CustomerRequest["t"], pin: string | null): string {
  return pin === null ? t("pin_none") : pin === held ? t("pin_hold") : pin;
}

function Agents({ request: { t, customer }, agents }: OfUpdates) {
  return (
    <Table
      rows={agents}
      empty={t("none")}
      caption={t("updatesOfAgents")}
      isTitled
      columns={[
        {
          heading: t("agent"),
          cell: ({ agentId, hostname }) => <a href={`${rootOf(customer)}/agents/${agentId}`}>{hostname || agentId}</a>,
        },
        { heading: t("site"), cell: ({ site }) => site },
        { heading: t("version"), cell: ({ version }) => version },
        { heading: t("updatesPin"), cell: ({ pin }) => pinText(t, pin) },
        { heading: t("update"), cell: (agent) => <UpdateOf t={t} agent={agent} /> },
      ]}
    />
  );
}

const phases: Record<number, Key> = {
  [UpdatePhase.REFUSED]: "phase_refused",
  [UpdatePhase.DOWNLOADING]: "phase_downloading",
  [UpdatePhase.WAITING]: "phase_waiting",
  [UpdatePhase.INSTALLING]: "phase_installing",
  [UpdatePhase.INSTALLED]: "phase_installed",
  [UpdatePhase.FAILED]: "phase_failed",
  [UpdatePhase.RETURNED]: "phase_returned",
};

function hasFailed({ told }: UpdatingAgentRow): boolean {
  return told?.phase === UpdatePhase.FAILED || told?.phase === UpdatePhase.RETURNED;
}

function UpdateOf({ t, agent }: { t: CustomerRequest["t"]; agent: UpdatingAgentRow }) {
  const { told, offered, canUpdate } = agent;
  if (!canUpdate) return <>{t("updateCannot")}</>;
  const phase = told && phases[told.phase];
  if (told === undefined || phase === undefined) {
    return <>{offered === null ? "" : `${offered} ${t("phase_offered")}`}</>;
  }
  const text = `${shown(told.version)} ${t(phase)}${told.message === "" ? "" : `: ${shown(told.message)}`}`;
  return <span class={hasFailed(agent) || told.phase === UpdatePhase.REFUSED ? "warn" : undefined}>{text}</span>;
}

function shown(text: string): string {
  return safeText(markInvisible(text), 300);
}

/** Whom a form is about; throws UsageError for what the viewer may not see. */
async function subjectOf(request: CustomerRequest): Promise<{ site?: string; agentId?: string }> {
  const { c, customer } = request, whose = await field(c, "whose"), [kind, id = ""] = whose.split(":");
  if (whose === "" && customer.sites === "all") return {};
  if (kind === "site" && seesSite(customer.sites, id)) return { site: id };
  if (kind === "agent" && await maybeVisibleAgent(request, id) !== undefined) {
    return { agentId: id };
  }
  throw new UsageError("Cannot change updates of this site or agent");
}

export async function setUpdatePin(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, pin = await field(c, "pin");
  await setPin(platform, tenantOf(request), { ...await subjectOf(request), pin: pin === "" ? null : pin });
  return c.redirect(`${rootOf(customer)}/updates`, 303);
}

export async function setShare(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer, by } = request, { site, agentId } = await subjectOf(request);
  if (agentId !== undefined) throw new UsageError("Cannot set a share of one agent: pin a version in place of it");
  const text = await field(c, "percent"), percent = text === "" ? null : Number(text);
  if (percent !== null && !(Number.isInteger(percent) && percent >= 0 && percent <= 100)) {
    throw new UsageError("Cannot use this share: it is 0 to 100 percent");
  }
  const version = (await field(c, "version")).slice(0, 40);
  await rollOut(platform, by, {
    version,
    percent,
    customer: customer.customerId,
    ...(site === undefined ? {} : { site }),
  });
  return c.redirect(`${rootOf(customer)}/updates`, 303);
}
