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

interface Typing {
  request: UserRequest;
  typed: TypedRule;
}

/** Fields of a rule; `isNew`: also what it is for, which stays. */
export async function ruleFields({ isNew, ...of }: Typing & { isNew: boolean }) {
  const { request: { t }, typed } = of;
  return (
    <>
      <Field name="name" label={t("name")} value={typed.name} autocomplete="off" />
      {isNew && <WhereFields {...of} />}
      <EventFields {...of} />
      {await receiverFields(of)}
      <TimeFields {...of} />
    </>
  );
}

function WhereFields({ request: { t, viewer, customers }, typed: { place, site } }: Typing) {
  const ofDealer = viewer.customerId === undefined ? [["", t("wholeDealer")] as const] : [];
  const ofCustomers = customers.map(({ customerId, name }) => [customerId, name] as const);
  return (
    <>
      <Select name="place" label={t("customer")} value={place} options={[...ofDealer, ...ofCustomers]} />
      <Short name="site" label={t("ruleSite")} value={site} maxLength={100} />
    </>
  );
}

function EventFields({ request: { t }, typed: { settings: { events, severity, percent, days, ends } } }: Typing) {
  return (
    <fieldset>
      <legend>{t("onEvents")}</legend>
      {(Object.keys(ruleEvents) as RuleEvent[]).map((event) => (
        <Check name="event" value={event} checked={events.includes(event)} label={t(eventKeys[event])} />
      ))}
      <Select
        name="severity"
        label={t("leastSeverity")}
        value={severity}
        options={leastSeverities.map((each) => [each, t(severityKeys[each])])}
      />
      <Short name="percent" label={t("percentLimit")} value={percent} />
      <Short name="days" label={t("daysLimit")} value={days} />
      <p class="help">{t("bothLimitsHelp")}</p>
      <Check name="ends" value="1" checked={ends} label={t("tellEnds")} />
    </fieldset>
  );
}

async function receiverFields({ request, typed }: Typing) {
  const { t, platform, by, viewer, language } = request, { settings } = typed, users = await tellable(request);
  const hooks = await listWebhooks(platform, by, { dealerId: viewer.dealerId, customerId: viewer.customerId });
  const languageName = new Intl.DisplayNames(language, { type: "language" });
  return (
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
      <Select
        name="language"
        label={t("mailLanguage")}
        value={settings.language}
        options={languages.map((each) => [each, languageName.of(each) ?? each])}
      />
      {hooks.length > 0 && (
        <Select
          name="webhook"
          label={t("toWebhook")}
          value={settings.webhookId ?? ""}
          options={[
            ["", t("none")],
            ...hooks.map(({ webhookId, url, description }) =>
              [webhookId, `${description || webhookId} (${new URL(url).host})`] as const
            ),
          ]}
        />
      )}
    </fieldset>
  );
}

function TimeFields({ request: { t, language }, typed: { settings } }: Typing) {
  const { days, from, to } = settings.hours ?? defaultRule.hours!;
  return (
    <fieldset>
      <legend>{t("whenTold")}</legend>
      <Check name="hours" value="1" checked={settings.hours !== undefined} label={t("onlyHours")} />
      <div role="group" aria-label={t("hoursDays")} class="row">
        {[1, 2, 3, 4, 5, 6, 7].map((day) => (
          <Check name="day" value={String(day)} checked={days.includes(day)} label={dayName(day, language, "short")} />
        ))}
      </div>
      <div class="row">
        <Short name="from" label={t("hoursFrom")} value={from} />
        <Short name="to" label={t("hoursTo")} value={to} />
      </div>
      <Short name="zone" label={t("hoursZone")} value={settings.zone} isRequired />
      <p class="help">{t("hoursHelp")}</p>
      <Short name="group" label={t("groupFor")} value={settings.groupMinutes} isRequired />
      <Short name="digest" label={t("digestAt")} value={settings.digest} />
      <Check name="urgent" value="1" checked={settings.urgent} label={t("urgentPasses")} />
      <Short name="most" label={t("mostHourly")} value={settings.mostPerHour} isRequired />
    </fieldset>
  );
}

function Select(
  { name, label, value, options }: {
    name: string;
    label: string;
    value: string;
    options: readonly (readonly [value: string, text: string])[];
  },
) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        {options.map(([each, text]) => <option value={each} selected={each === value}>{text}</option>)}
      </select>
    </div>
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
