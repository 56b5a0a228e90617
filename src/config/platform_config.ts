/**
 * Merges the platform's configuration into the machine's own. The file's `policy:` limits it: what is outside is left
 * out, and a refusal says so. What the document does not contain stays as in the machine's file; hours, rates and masks
 * can only become stricter.
 */
import { type AgentConfig, type Setting, type SettingValue, type UpdatePolicy } from "./agent_config.ts";
import { type MaskableField, maskableFields } from "../../common/reading/maskable_fields.ts";
import { deepFreeze } from "./read_config.ts";
import type { PlatformDocument } from "./platform_document.ts";
import type { PlatformNotes } from "./platform_document.ts";
import { applyInterval, applySchedule, platformHours } from "./platform_schedule.ts";
import { applySites } from "./platform_sites.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { maxRefusals } from "../../common/protocol/limits.ts";
import { pollBounds } from "./read_limits.ts";

export interface AppliedConfig {
  config: AgentConfig;
  /** One sentence for each part that is not used because of the policy or a mistake in the document. */
  refusals: string[];
}

/** The effective configuration. Does not throw for any content of the document. */
export function applyPlatformConfig(local: AgentConfig, document: PlatformDocument): AppliedConfig {
  if (!local.policy.features.setConfig) {
    return {
      config: local,
      refusals: ["Cannot use the platform's configuration as policy.features.setConfig is false"],
    };
  }
  const refusals: string[] = [];
  const changes = new Map<string, SettingValue>();
  let more = 0;
  const notes: PlatformNotes = {
    refuse(sentence) {
      if (refusals.length < maxRefusals.entries) refusals.push(safeText(sentence, maxRefusals.most));
      else more++;
    },
    set: (path, value) => void changes.set(path, value),
  };
  const intervalMs = applyInterval(document.pollIntervalSeconds, {
    path: "poll.interval",
    base: local.poll.intervalMs,
    bounds: pollBounds,
    notes,
  });
  const schedule = applySchedule(local.schedule, document.schedule, { path: "schedule", notes });
  const mask = applyMask(local.policy.mask, document.maskedFields ?? [], notes);
  const update = applyUpdate(local.policy.update, document.update, notes);
  const sites = applySites({ ...local, schedule }, document, notes);
  const config: AgentConfig = {
    ...local,
    schedule,
    sites,
    poll: { intervalMs },
    policy: { ...local.policy, mask, update },
    settings: settingsWith(local.settings, changes),
  };
  if (more > 0) refusals.push(`Cannot use ${more} more things of the platform's configuration`);
  return { config: deepFreeze(config), refusals };
}

function applyMask(
  base: readonly MaskableField[],
  fields: readonly string[],
  notes: PlatformNotes,
): readonly MaskableField[] {
  const more = fields.flatMap((name) => {
    const field = maskableFields.find((known) => known === name);
    if (field === undefined) {
      notes.refuse(`Cannot mask a field as it is not one of ${maskableFields.join(", ")}: current value is "${name}"`);
    }
    return field ?? [];
  });
  const mask = [...new Set([...base, ...more])];
  if (mask.length > base.length) notes.set("policy.mask", mask);
  return mask;
}

/** Allowed hours can only become fewer. */
function applyUpdate(base: UpdatePolicy, update: PlatformDocument["update"], notes: PlatformNotes): UpdatePolicy {
  const hours = update && platformHours(update, { path: "policy.update", notes });
  return hours === undefined ? base : { ...base, allowedHours: [...base.allowedHours, hours] };
}

/** Changed values keep their place; new ones follow the last one of their section. */
function settingsWith(settings: readonly Setting[], changes: ReadonlyMap<string, SettingValue>): Setting[] {
  const hasSites = [...changes.keys()].some((path) => path.startsWith("sites["));
  const result = settings.filter(({ path }) => !(hasSites && path === "sites"));
  for (const [path, value] of changes) {
    const setting: Setting = { path, value, source: { kind: "platform" } };
    const at = result.findIndex((known) => known.path === path);
    if (at >= 0) {
      result[at] = setting;
      continue;
    }
    const sections = path.split(".").map((_, i, parts) => parts.slice(0, parts.length - 1 - i).join("."));
    const top = path.replace(/[.[].*$/, "");
    const isNear = (prefix: string) => (known: Setting) => known.path === prefix || known.path.startsWith(`${prefix}.`);
    const near = sections.filter((prefix) => prefix !== "").map((prefix) => result.findLastIndex(isNear(prefix)));
    const last = near.find((index) => index >= 0) ?? result.findLastIndex(({ path }) => path.startsWith(top));
    result.splice(last < 0 ? result.length : last + 1, 0, setting);
  }
  return result;
}
