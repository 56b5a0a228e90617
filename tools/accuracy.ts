/** Writes docs/accuracy.md from ../shared/recordings and ../shared/cases; run by `deno task accuracy`. */
import { accuracyDocument } from "../tests/scan/accuracy/accuracy_document.ts";
import { surveyRecordings } from "../tests/scan/accuracy/survey.ts";
import { surveyCases } from "../tests/scan/accuracy/cases.ts";
import { maybeCases, maybeRecordings } from "../tests/fixtures/peers.ts";

if (import.meta.main) {
  const recordings = maybeRecordings();
  const cases = maybeCases();
  if (recordings === undefined || cases === undefined) {
    throw new Error("Cannot write docs/accuracy.md as ../shared/recordings or ../shared/cases is missing");
  }
  const document = accuracyDocument(surveyRecordings(recordings), surveyCases(cases));
  Deno.writeTextFileSync(new URL("../docs/accuracy.md", import.meta.url), document);
}
