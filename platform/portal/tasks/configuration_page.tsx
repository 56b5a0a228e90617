/** An agent's configuration: what it says that it does, what the platform asks of it, and what its own policy refuses. */
import { UsageError } from "../../../common/core/errors.ts";
import { markInvisible } from "../../../common/core/escape_invisible.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { maskableFields } from "../../../common/reading/maskable_fields.ts";
import { PlatformConfig } from "../../../proto/gen/opendca/v1/config.ts";
import { configRefusalsOf } from "../../agents/agents.ts";
import { setAgentConfig, showAgentConfig, type ShownConfig } from "../../agents/manage_agents.ts";
import { platformConfigOf } from "../../agents/platform_config.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { field, fieldList } from "../page/form.ts";
import { Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { AgentTabs } from "./agent_page.tsx";
import { configChanges } from "./config_diff.ts";
import { type ConfigFields, type DurationField, durations, fieldsOf, withFields } from "./config_form.ts";
import { refusalsByField, type RefusedField } from "./config_refusals.ts";
import { refreshSeconds } from "./task_texts.ts";
import { agentId, maybeVisibleAgent, tenantOf, type VisibleAgent } from "./visible_agents.ts";

const mostText = 100_000, mostRefusal = 500;
const durationFields = Object.keys(durations) as DurationField[];

interface OfConfig {
  request: CustomerRequest;
  agent: VisibleAgent;
  shown: ShownConfig;
  config: PlatformConfig;
  refusals: Map<RefusedField, string[]>;
}

export async function configurationPage(request: CustomerRequest): Promise<Response> {
  const { t, platform, c } = request, agent = await maybeVisibleAgent(request);
  if (agent === undefined) return await c.notFound();
  const shown = await showAgentConfig(platform, tenantOf(request), { agentId: agent.agent_id });
  const config = shown.config === undefined ? PlatformConfig.create() : PlatformConfig.decode(shown.config.content);
  const refusals = refusalsByField(configRefusalsOf(shown.row));
  const of = { request, agent, shown, config, refusals }, state = stateOf(shown);
  return await customerPage(request, {
    title: `${agent.hostname || agent.agent_id}: ${t("configuration")}`,
    tab: "agents",
    scripts: liveScripts,
    refreshSeconds: state === "pending" ? refreshSeconds : undefined,
    children: (
      <>
        <AgentTabs request={request} agentId={agent.agent_id} tab="/configuration" />
        <Live request={request} part="agents" said={t(`config_${state}`)}>
          <p class={state === "pending" ? "warn" : undefined}>{t(`config_${state}`)}</p>
          <AllRefusals {...of} />
          <details id="effective">
            <summary>{t("configEffective")}</summary>
            {shown.row.effective_config === null
              ? <p class="quiet">{t("configUnknown")}</p>
              : <pre tabindex={0}>{safeLines(shown.row.effective_config)}</pre>}
          </details>
        </Live>
        {agent.state === "active" && may(request, "manageAgents") && <ConfigForm {...of} />}
        <History {...of} />
      </>
    ),
  });
}

/** `pending`: the agent does not have what it is to have yet. */
function stateOf({ row, config }: ShownConfig): "none" | "pending" | "refused" | "taken" {
  if (config === undefined) return "none";
  if (row.config_hash !== config.hash) return "pending";
  return configRefusalsOf(row).length > 0 ? "refused" : "taken";
}

function safeLines(text: string): string {
  return text.slice(0, mostText).split("\n").map((line) => {
    const [indent] = /^ {0,40}/.exec(line)!;
    return indent + safeText(markInvisible(line), mostRefusal);
  }).join("\n");
}

function AllRefusals({ request: { t }, refusals }: OfConfig) {
  if (refusals.size === 0) return null;
  const all = [...refusals].flatMap(([field, texts]) => texts.map((text) => ({ field, text })));
  return (
    <div class="message">
      <h2>{t("configRefusals")}</h2>
      <ul>
        {all.map(({ field, text }) => (
          <li>
            <strong>{fieldText(t, field)}</strong>: {safeText(markInvisible(text), mostRefusal)}
          </li>
        ))}
      </ul>
    </div>
  );
}

function fieldText(t: CustomerRequest["t"], field: RefusedField): string {
  if (field.startsWith("site:")) return `${t("configSite")} ${safeText(markInvisible(field.slice(5)), 100)}`;
  return t(`configField_${field as Exclude<RefusedField, `site:${string}`>}`);
}

/** What the agent said against a field, below it. */
function Refused({ request: { t }, refusals, field, id }: OfConfig & { field: RefusedField; id: string }) {
  const texts = refusals.get(field);
  if (texts === undefined) return null;
  return (
    <div class="bad" id={id}>
      {t("configRefused")} {texts.map((text) => safeText(markInvisible(text), mostRefusal)).join(" ")}
    </div>
  );
}

function ConfigForm(of: OfConfig) {
  const { request, agent, shown, config } = of, { t, customer } = request, fields = fieldsOf(config);
  const root = `${rootOf(customer)}/agents/${agent.agent_id}/configuration`;
  const instead = <input type="hidden" name="instead" value={shown.config?.hash ?? ""} />;
  return (
    <>
      <h2>{t("configChange")}</h2>
      <p>{t("configChangeHelp")}</p>
      <form method="post" action={root}>
        {instead}
        {durationFields.map((name) => (
          <div class="field">
            <label for={name}>{t(`configField_${name}`)}</label>
            <input
              id={name}
              name={name}
              type="text"
              value={fields[name]}
              maxlength={40}
              aria-describedby={of.refusals.has(name) ? `${name}-no` : undefined}
            />
            <Refused {...of} field={name} id={`${name}-no`} />
          </div>
        ))}
        <fieldset>
          <legend>{t("configField_mask")}</legend>
          {maskableFields.map((name) => (
            <label class="check">
              <input name="masked" type="checkbox" value={name} checked={fields.masked.includes(name)} /> {name}
            </label>
          ))}
          <Refused {...of} field="mask" id="mask-no" />
        </fieldset>
        {[...fields.sites, { name: "", ranges: "", excludes: "", rate: "" }].map((site, index) => (
          <SiteFieldset {...of} site={site} index={index} isNew={index === fields.sites.length} />
        ))}
        <button type="submit">{t("configSave")}</button>
      </form>
      <details>
        <summary>{t("configJson")}</summary>
        <form method="post" action={`${root}/json`}>
          {instead}
          <div class="field">
            <label for="document">{t("configJsonLabel")}</label>
            <textarea id="document" name="document" rows={12} spellcheck={false}>
              {JSON.stringify(PlatformConfig.toJSON(config), undefined, 2)}
            </textarea>
          </div>
          <button type="submit">{t("configSaveJson")}</button>
        </form>
      </details>
    </>
  );
}

function SiteFieldset(
  { site, index, isNew, ...of }: OfConfig & { site: ConfigFields["sites"][number]; index: number; isNew: boolean },
) {
  const { t } = of.request, id = (name: string) => `${name}-${index}`;
  const text = (name: "name" | "rate", label: string) => (
    <div class="field">
      <label for={id(name)}>{label}</label>
      <input id={id(name)} name={name} type="text" value={site[name]} maxlength={200} />
    </div>
  );
  const area = (name: "ranges" | "excludes", label: string) => (
    <div class="field">
      <label for={id(name)}>{label}</label>
      <textarea id={id(name)} name={name} rows={3} spellcheck={false}>{site[name]}</textarea>
    </div>
  );
  return (
    <fieldset>
      <legend>{isNew ? t("configNewSite") : `${t("configSite")} ${site.name}`}</legend>
      {!isNew && <Refused {...of} field={`site:${site.name}`} id={id("no")} />}
      {text("name", isNew ? t("configSiteName") : t("configSiteNameOrNone"))}
      {area("ranges", t("configRanges"))}
      {area("excludes", t("configExcludes"))}
      {text("rate", t("configRate"))}
    </fieldset>
  );
}

function History({ request, agent, shown: { versions, config } }: OfConfig) {
  const { t, formats, customer } = request, root = `${rootOf(customer)}/agents/${agent.agent_id}/configuration`;
  const isManager = agent.state === "active" && may(request, "manageAgents");
  return (
    <>
      <h2>{t("configHistory")}</h2>
      <Table
        rows={versions.map((version, index) => ({ ...version, before: versions[index + 1] }))}
        empty={t("none")}
        caption={t("configHistory")}
        isTitled
        columns={[
          { heading: t("version"), cell: ({ number }) => String(number) },
          { heading: t("time"), cell: ({ changed_at }) => formats.time(changed_at) },
          { heading: t("who"), cell: ({ changed_by }) => changed_by === "" ? t("unknown") : changed_by },
          { heading: t("configChanges"), cell: ({ content, before }) => <Changes after={content} before={before} /> },
          {
            heading: t("action"),
            cell: ({ number, hash }) =>
              !isManager || hash === config?.hash ? null : (
                <form method="post" action={`${root}/back`}>
                  <input type="hidden" name="instead" value={config?.hash ?? ""} />
                  <input type="hidden" name="number" value={String(number)} />
                  <button class="plain" type="submit" aria-label={t("configBackTo", { number })}>
                    {t("configBack")}
                  </button>
                </form>
              ),
          },
        ]}
      />
    </>
  );
}

function Changes({ after, before }: { after: Uint8Array; before: { content: Uint8Array } | undefined }) {
  const old = before === undefined ? PlatformConfig.create() : PlatformConfig.decode(before.content);
  return (
    <ul class="changes">
      {configChanges(old, PlatformConfig.decode(after)).slice(0, 50).map(({ path, before, after }) => (
        <li>
          {path}: {before !== undefined && <del>{before}</del>} {after !== undefined && <ins>{after}</ins>}
        </li>
      ))}
    </ul>
  );
}

/** A document that is not too old to be replaced; then the page of the configuration. */
async function saved(
  request: CustomerRequest,
  work: (shown: ShownConfig, config: PlatformConfig) => PlatformConfig | Promise<PlatformConfig>,
): Promise<Response> {
  const { platform, c, customer } = request, id = await agentId(request), by = tenantOf(request);
  const shown = await showAgentConfig(platform, by, { agentId: id }), instead = await field(c, "instead");
  const before = shown.config === undefined ? PlatformConfig.create() : PlatformConfig.decode(shown.config.content);
  await setAgentConfig(platform, by, { agentId: id, config: await work(shown, before), instead });
  return c.redirect(`${rootOf(customer)}/agents/${id}/configuration`, 303);
}

export function saveConfiguration(request: CustomerRequest): Promise<Response> {
  const { c } = request;
  return saved(request, async (_, config) => {
    const [names, ranges, excludes, rates] = [
      await fieldList(c, "name"),
      await fieldList(c, "ranges"),
      await fieldList(c, "excludes"),
      await fieldList(c, "rate"),
    ];
    const sites = names.map((name, index) => ({
      name,
      ranges: ranges[index] ?? "",
      excludes: excludes[index] ?? "",
      rate: rates[index] ?? "",
    }));
    const texts = await Promise.all(durationFields.map(async (name) => [name, await field(c, name)] as const));
    const times = Object.fromEntries(texts) as Record<DurationField, string>;
    return withFields(config, { ...times, masked: await fieldList(c, "masked"), sites });
  });
}

export function saveDocument(request: CustomerRequest): Promise<Response> {
  return saved(request, async () => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(await field(request.c, "document"));
    } catch {
      throw new UsageError("Cannot read the configuration as JSON");
    }
    const read = platformConfigOf(parsed);
    if ("config" in read) return read.config;
    throw new UsageError(`Cannot save the configuration: ${read.mistake}`);
  });
}

export function goBack(request: CustomerRequest): Promise<Response> {
  return saved(request, async ({ versions }) => {
    const number = await field(request.c, "number");
    const version = versions.find((version) => String(version.number) === number);
    if (version === undefined) throw new UsageError("Cannot find this version of the configuration");
    return PlatformConfig.decode(version.content);
  });
}
