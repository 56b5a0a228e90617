/** How a customer is billed, and when its statements are mailed: shown, tried and changed. */
import { UsageError } from "../../../common/core/errors.ts";
import { headingOf } from "../../billing/columns.ts";
import { previewSettings, type SettingsPreview } from "../../billing/preview_settings.ts";
import {
  type BillingSettings,
  billingSettings,
  changeBillingSettings,
  type ColumnName,
  columnNames,
  defaultMailDay,
  type FileForm,
  fileForms,
  type SettingChanges,
} from "../../billing/settings.ts";
import { type Language, languages } from "../../users/users.ts";
import { customerPage, rootOf } from "../page/customer_page.tsx";
import { field, fieldList } from "../page/form.ts";
import { Field, Message } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { tenantOf } from "./visible_statements.ts";

const languageNames: Record<Language, string> = { en: "English", de: "Deutsch", it: "Italiano" };

/** What stands in the form, right or wrong. */
interface Typed {
  zone: string;
  meters: string;
  estimate: boolean;
  language: string;
  columns: string[];
  fieldSeparator: string;
  decimalSeparator: string;
  mail: boolean;
  day: string;
  recipients: string;
  forms: string[];
}

function typedOf({ schedule, ...settings }: BillingSettings): Typed {
  return {
    ...settings,
    meters: settings.meters?.join(" ") ?? "",
    columns: [...settings.columns],
    mail: schedule !== undefined,
    day: String(schedule?.day ?? defaultMailDay),
    recipients: schedule?.recipients.join("\n") ?? "",
    forms: [...schedule?.forms ?? ["pdf", "xlsx"]],
  };
}

async function typedBy({ c }: CustomerRequest): Promise<Typed> {
  return {
    zone: (await field(c, "zone")).trim(),
    meters: await field(c, "meters"),
    estimate: await field(c, "estimate") === "1",
    language: await field(c, "language"),
    columns: await fieldList(c, "column"),
    fieldSeparator: await field(c, "fields"),
    decimalSeparator: await field(c, "decimals"),
    mail: await field(c, "mail") === "1",
    day: (await field(c, "day")).trim(),
    recipients: await field(c, "recipients"),
    forms: await fieldList(c, "form"),
  };
}

const wordsOf = (text: string) => text.split(/[\s,;]+/).filter((word) => word !== "");

/** What changes by the form. Columns that stay keep the order that they have. */
function changesBy(typed: Typed, before: BillingSettings): SettingChanges {
  const meters = wordsOf(typed.meters);
  const kept = before.columns.filter((column) => typed.columns.includes(column));
  const wanted: SettingChanges = {
    zone: typed.zone,
    meters: meters.length === 0 ? null : meters,
    estimate: typed.estimate,
    language: typed.language as Language,
    columns: [...kept, ...typed.columns.filter((column) => !kept.includes(column as ColumnName)) as ColumnName[]],
    fieldSeparator: typed.fieldSeparator as BillingSettings["fieldSeparator"],
    decimalSeparator: typed.decimalSeparator as BillingSettings["decimalSeparator"],
    schedule: typed.mail
      ? {
        day: /^\d{1,2}$/.test(typed.day) ? Number(typed.day) : NaN,
        recipients: wordsOf(typed.recipients),
        forms: typed.forms as FileForm[],
      }
      : null,
  };
  const isChanged = (name: keyof BillingSettings) =>
    JSON.stringify(wanted[name] ?? null) !== JSON.stringify(before[name] ?? null);
  return Object.fromEntries(
    Object.entries(wanted).filter(([name]) => isChanged(name as keyof BillingSettings)),
  );
}

/* They are those of all sites. */
function refuseSome({ customer }: CustomerRequest): void {
  if (customer.sites !== "all") {
    throw new UsageError("Cannot show how a customer is billed to somebody who may see some sites only");
  }
}

export async function settingsPage(
  request: CustomerRequest,
  said: { typed?: Typed; message?: string; preview?: SettingsPreview } = {},
): Promise<Response> {
  refuseSome(request);
  const { t, platform, customer } = request, root = `${rootOf(customer)}/billing-settings`;
  const typed = said.typed ?? typedOf(await billingSettings(platform, tenantOf(request)));
  return await customerPage(request, {
    title: `${customer.name}: ${t("billingSettings")}`,
    tab: "billing",
    ...(said.message === undefined ? {} : { status: 422 as const }),
    children: (
      <>
        {said.message !== undefined && <Message>{said.message}</Message>}
        {request.c.req.query("saved") === "1" && said.typed === undefined && (
          <Message good>{t("settingsSaved")}</Message>
        )}
        <form method="post" action={root}>
          <PeriodFields request={request} typed={typed} />
          <FileFields request={request} typed={typed} />
          <MailFields request={request} typed={typed} />
          <p class="actions">
            <button type="submit" name="do" value="save">{t("save")}</button>{" "}
            <button class="plain" type="submit" name="do" value="preview">{t("preview")}</button>
          </p>
        </form>
        {said.preview !== undefined && <Preview request={request} preview={said.preview} />}
      </>
    ),
  });
}

interface Part {
  request: CustomerRequest;
  typed: Typed;
}

function PeriodFields({ request: { t }, typed }: Part) {
  return (
    <fieldset>
      <legend>{t("whatCounts")}</legend>
      <Field name="zone" label={t("timeZone")} value={typed.zone} help={t("timeZoneHelp")} autocomplete="off" />
      <Field name="meters" label={t("meters")} value={typed.meters} help={t("metersHelp")} required={false} />
      <label class="check">
        <input type="checkbox" name="estimate" value="1" checked={typed.estimate} /> {t("estimate")}
      </label>
    </fieldset>
  );
}

function FileFields({ request: { t, language }, typed }: Part) {
  const shownIn = languages.find((each) => each === typed.language) ?? language;
  return (
    <fieldset>
      <legend>{t("files")}</legend>
      <Choice
        name="language"
        label={t("fileLanguage")}
        now={typed.language}
        all={languages.map((value) => [value, languageNames[value]])}
      />
      <Choice
        name="fields"
        label={t("fieldSeparator")}
        now={typed.fieldSeparator}
        all={[["comma", t("comma")], ["semicolon", t("semicolon")], ["tab", t("tab")]]}
      />
      <Choice
        name="decimals"
        label={t("decimalSeparator")}
        now={typed.decimalSeparator}
        all={[["point", t("point")], ["comma", t("comma")]]}
      />
      <fieldset class="choices">
        <legend>{t("columns")}</legend>
        {columnNames.map((column) => (
          <label class="check">
            <input type="checkbox" name="column" value={column} checked={typed.columns.includes(column)} />{" "}
            {headingOf(column, shownIn)}
          </label>
        ))}
      </fieldset>
      <p class="help">{t("erpHelp")}</p>
    </fieldset>
  );
}

function MailFields({ request, typed }: Part) {
  const { t } = request;
  return (
    <fieldset>
      <legend>{t("mailing")}</legend>
      <label class="check">
        <input type="checkbox" name="mail" value="1" checked={typed.mail} /> {t("mailMonthly")}
      </label>
      <div class="field">
        <label for="day">{t("mailDay")}</label>
        <input id="day" name="day" type="number" min="1" max="28" value={typed.day} aria-describedby="day-help" />
        <div class="help" id="day-help">{t("mailDayHelp")}</div>
      </div>
      <div class="field">
        <label for="recipients">{t("recipients")}</label>
        <textarea id="recipients" name="recipients" rows={3} spellcheck={false} aria-describedby="recipients-help">
          {typed.recipients}
        </textarea>
        <div class="help" id="recipients-help">{t("recipientsHelp")}</div>
      </div>
      <fieldset class="choices">
        <legend>{t("attachedFiles")}</legend>
        {fileForms.map((form) => (
          <label class="check">
            <input type="checkbox" name="form" value={form} checked={typed.forms.includes(form)} /> {form.toUpperCase()}
          </label>
        ))}
      </fieldset>
    </fieldset>
  );
}

function Choice(
  { name, label, now, all }: { name: string; label: string; now: string; all: (readonly [string, string])[] },
) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        {all.map(([value, text]) => <option value={value} selected={value === now}>{text}</option>)}
      </select>
    </div>
  );
}

function Preview({ request: { t, formats }, preview: { month, rows, csv, erp, next } }: {
  request: CustomerRequest;
  preview: SettingsPreview;
}) {
  return (
    <section aria-label={t("preview")}>
      <h2>{t("previewOf", { period: month })}</h2>
      <p>{t("previewRows", { rows, shown: formats.number(rows) })}</p>
      <h3>CSV</h3>
      <pre tabindex={0}>{csv}</pre>
      <h3>ERP</h3>
      <pre tabindex={0}>{erp}</pre>
      <p>{next === undefined ? t("mailsNothing") : t("mailsNext", { month: next.month, day: next.day })}</p>
    </section>
  );
}

export async function changeSettings(request: CustomerRequest): Promise<Response> {
  refuseSome(request);
  const { platform, c, customer } = request, by = tenantOf(request);
  const typed = await typedBy(request), changes = changesBy(typed, await billingSettings(platform, by));
  try {
    if (await field(c, "do") === "preview") {
      return await settingsPage(request, { typed, preview: await previewSettings(platform, by, changes) });
    }
    if (Object.keys(changes).length > 0) await changeBillingSettings(platform, by, changes);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await settingsPage(request, { typed, message: error.message });
  }
  return c.redirect(`${rootOf(customer)}/billing-settings?saved=1`, 303);
}
