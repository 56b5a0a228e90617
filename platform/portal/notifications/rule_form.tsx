/** The form of a rule: what was typed, as a rule, and back. */
import type { RuleWish } from "../../notifications/rules.ts";
import {
  defaultRule,
  leastSeverities,
  type LeastSeverity,
  type RuleEvent,
  ruleEvents,
  type RuleSettings,
} from "../../notifications/settings.ts";
import { type Language, languages, type ListedUser, listUsers } from "../../users/users.ts";
import { listWebhooks } from "../../interfaces/webhooks.ts";
import { field, fieldList } from "../page/form.ts";
import { Field } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";

export interface TypedRule extends Omit<RuleWish, "users"> {
  /** Ids. */
  users: readonly string[];
  /** Id of a customer; empty: all. */
  place: string;
  /** Name of a site of the customer; empty: all. */
  site: string;
}

export const eventKeys: Record<RuleEvent, Key> = {
  printer: "onPrinter",
  supply: "onSupply",
  deviceSilent: "onDeviceSilent",
  agentSilent: "onAgentSilent",
  meterFell: "onMeterFell",
  firmwareChanged: "onFirmwareChanged",
  updateFailed: "onUpdateFailed",
};

const severityKeys: Record<LeastSeverity, Key> = {
  critical: "severityCritical",
  warning: "severityWarning",
  other: "severityOther",
};

export function newRule({ viewer, language }: UserRequest): TypedRule {
  const zone = language === "en" ? "UTC" : language === "de" ? "Europe/Berlin" : "Europe/Rome";
  return {
    name: "",
    users: [viewer.userId],
    emails: [],
    place: viewer.customerId ?? "",
    site: "",
    settings: { ...defaultRule, zone, language },
  };
}

/** Of numbers that are none, NaN. */
export async function typedRule({ c }: UserRequest): Promise<TypedRule> {
  const text = (name: string) => field(c, name);
  const number = async (name: string): Promise<number | undefined> => {
    const typed = (await text(name)).trim();
    if (typed === "") return undefined;
    return /^\d{1,6}$/.test(typed) ? Number(typed) : NaN;
  };
  const webhookId = await text("webhook"), digest = (await text("digest")).trim();
  const settings: RuleSettings = {
    events: await fieldList(c, "event") as RuleEvent[],
    severity: await text("severity") as LeastSeverity,
    percent: await number("percent"),
    days: await number("days"),
    ends: await text("ends") !== "",
    ...(await text("hours") === "" ? {} : {
      hours: {
        days: (await fieldList(c, "day")).map(Number),
        from: (await text("from")).trim(),
        to: (await text("to")).trim(),
      },
    }),
    zone: (await text("zone")).trim(),
    urgent: await text("urgent") !== "",
    groupMinutes: await number("group") ?? 0,
    ...(digest === "" ? {} : { digest }),
    mostPerHour: await number("most") ?? defaultRule.mostPerHour,
    language: await text("language") as Language,
    ...(webhookId === "" ? {} : { webhookId }),
  };
  return {
    name: await text("name"),
    users: await fieldList(c, "user"),
    emails: (await text("emails")).split(/\s*[\n\r]\s*/).map((line) => line.trim()).filter((line) => line !== ""),
    place: await text("place"),
    site: (await text("site")).trim(),
    settings,
  };
}

/** Users who can be told: those of the dealer, or of the customer. */
export async function tellable({ platform, by, viewer }: UserRequest): Promise<ListedUser[]> {
  const { dealerId: dealer, customerId: customer } = viewer;
  const users = await listUsers(platform, by, customer === undefined ? { dealer } : { customer });
  return users.filter(({ state }) => state !== "deactivated");
}

/** Fields of a rule; `isNew`: also what it is for, which stays. */
export async function RuleFields(
  { request, typed, isNew }: { request: UserRequest; typed: TypedRule; isNew: boolean },
) {
  const { t, platform, by, viewer, customers, language } = request, { settings } = typed, { hours } = settings;
  const users = await tellable(request);
  const hooks = await listWebhooks(platform, by, { dealerId: viewer.dealerId, customerId: viewer.customerId });
  const shownHours = hours ?? defaultRule.hours!;
  return (
    <>
      <Field name="name" label={t("name")} value={typed.name} autocomplete="off" />
      {isNew && (
        <>
          <div class="field">
            <label for="place">{t("customer")}</label>
            <select id="place" name="place">
              {viewer.customerId === undefined && <option value="">{t("wholeDealer")}</option>}
              {customers.map(({ customerId, name }) => (
                <option value={customerId} selected={typed.place === customerId}>{name}</option>
              ))}
            </select>
          </div>
          <Short name="site" label={t("ruleSite")} value={typed.site} maxLength={100} />
        </>
      )}
      <fieldset>
        <legend>{t("onEvents")}</legend>
        {(Object.keys(ruleEvents) as RuleEvent[]).map((event) => (
          <Check name="event" value={event} checked={settings.events.includes(event)} label={t(eventKeys[event])} />
        ))}
        <div class="field">
          <label for="severity">{t("leastSeverity")}</label>
          <select id="severity" name="severity">
            {leastSeverities.map((severity) => (
              <option value={severity} selected={settings.severity === severity}>{t(severityKeys[severity])}</option>
            ))}
          </select>
        </div>
        <Short name="percent" label={t("percentLimit")} value={settings.percent} />
        <Short name="days" label={t("daysLimit")} value={settings.days} />
        <p class="help">{t("bothLimitsHelp")}</p>
        <Check name="ends" value="1" checked={settings.ends} label={t("tellEnds")} />
      </fieldset>
      <fieldset>
        <legend>{t("toWhom")}</legend>
        {users.length > 0 && (
          <div role="group" aria-label={t("toUsers")}>
            {users.map(({ userId, email }) => (
              <Check name="user" value={userId} checked={typed.users.includes(userId)} label={email} />
            ))}
          </div>
        )}
        <div class="field">
          <label for="emails">{t("toEmails")}</label>
          <textarea id="emails" name="emails" rows={3}>{typed.emails.join("\n")}</textarea>
        </div>
        <div class="field">
          <label for="language">{t("mailLanguage")}</label>
          <select id="language" name="language">
            {languages.map((each) => (
              <option value={each} selected={settings.language === each}>
                {new Intl.DisplayNames(language, { type: "language" }).of(each)}
              </option>
            ))}
          </select>
        </div>
        {hooks.length > 0 && (
          <div class="field">
            <label for="webhook">{t("toWebhook")}</label>
            <select id="webhook" name="webhook">
              <option value="">{t("none")}</option>
              {hooks.map(({ webhookId, url, description }) => (
                <option value={webhookId} selected={settings.webhookId === webhookId}>
                  {`${description || webhookId} (${new URL(url).host})`}
                </option>
              ))}
            </select>
          </div>
        )}
      </fieldset>
      <fieldset>
        <legend>{t("whenTold")}</legend>
        <Check name="hours" value="1" checked={hours !== undefined} label={t("onlyHours")} />
        <div role="group" aria-label={t("hoursDays")} class="row">
          {[1, 2, 3, 4, 5, 6, 7].map((day) => (
            <Check
              name="day"
              value={String(day)}
              checked={shownHours.days.includes(day)}
              label={dayName(day, language, "short")}
            />
          ))}
        </div>
        <div class="row">
          <Short name="from" label={t("hoursFrom")} value={shownHours.from} />
          <Short name="to" label={t("hoursTo")} value={shownHours.to} />
        </div>
        <Short name="zone" label={t("hoursZone")} value={settings.zone} isRequired />
        <p class="help">{t("hoursHelp")}</p>
        <Short name="group" label={t("groupFor")} value={settings.groupMinutes} isRequired />
        <Short name="digest" label={t("digestAt")} value={settings.digest} />
        <Check name="urgent" value="1" checked={settings.urgent} label={t("urgentPasses")} />
        <Short name="most" label={t("mostHourly")} value={settings.mostPerHour} isRequired />
      </fieldset>
    </>
  );
}

function Check(
  { name, value, checked, label }: { name: string; value: string; checked: boolean; label: string },
) {
  return (
    <label class="check">
      <input type="checkbox" name={name} value={value} checked={checked} /> {label}
    </label>
  );
}

function Short(
  { name, label, value, isRequired, maxLength = 60 }: {
    name: string;
    label: string;
    value: string | number | undefined;
    isRequired?: boolean;
    maxLength?: number;
  },
) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        id={name}
        name={name}
        type="text"
        value={value === undefined || Number.isNaN(value) ? "" : String(value)}
        maxlength={maxLength}
        autocomplete="off"
        required={isRequired ?? false}
      />
    </div>
  );
}

/** 1 is Monday. */
export function dayName(day: number, language: Language, weekday: "short" | "long"): string {
  return new Intl.DateTimeFormat(language, { weekday, timeZone: "UTC" }).format(Date.UTC(2026, 0, 4 + day));
}
