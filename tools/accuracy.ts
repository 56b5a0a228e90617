/** Writes docs/accuracy.md from ../shared/recordings; run by `deno task accuracy`. */
import { accuracyDocument } from "../tests/accuracy/accuracy_document.ts";
import { surveyRecordings } from "../tests/accuracy/survey.ts";
import { maybeRecordings } from "../tests/peers.ts";

if (import.meta.main) {
  const root = maybeRecordings();
  if (root === undefined) throw new Error("Cannot write docs/accuracy.md as ../shared/recordings is missing");
  Deno.writeTextFileSync(new URL("../docs/accuracy.md", import.meta.url), accuracyDocument(surveyRecordings(root)));
}
