/** Why an agent that should report does not, in the language of the viewer. */
import { maybeSilence } from "../../agents/agent_health.ts";
import type { UserRequest } from "./route.ts";

export function maybeSilenceText(
  { t, formats, platform }: UserRequest,
  row: Parameters<typeof maybeSilence>[0],
): string | undefined {
  const silence = maybeSilence(row, platform.clock.now().getTime());
  if (silence === undefined) return undefined;
  const { kind, ms, polls } = silence;
  return t(`silence_${kind}`, { span: formats.span(ms), polls: formats.number(polls) });
}
