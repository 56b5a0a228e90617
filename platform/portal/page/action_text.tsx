/** What the audit log says that was done. */
import { auditWords } from "../words/audit_words.ts";
import type { Translate } from "../words/words.ts";

/** In words, and as the log has it, which the search finds; alone if it has no words. */
export function actionText(action: string, t: Translate) {
  const key = `audit_${action}`;
  if (!(key in auditWords)) return action;
  return (
    <>
      {t(key as keyof typeof auditWords)} <code class="quiet">{action}</code>
    </>
  );
}
