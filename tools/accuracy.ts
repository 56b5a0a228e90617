/** Writes docs/accuracy.md from ../shared/recordings and ../shared/cases; run by `deno task accuracy`. */
import { accuracyDocument } from "../tests/scan/accuracy/accuracy_document.ts";
import { surveyRecordings } from "../tests/scan/accuracy/survey.ts";
import { surveyCases } from "../tests/scan/accuracy/cases.ts";
import { maybeCases, maybeRecordings } from "../tests/fixtures/peers.ts";
import { programOptions } from "./program_options.ts";

if (import.meta.main) {
  programOptions("deno task accuracy", {});
  const recordings = maybeRecordings();
  const cases = maybeCases();
  if (recordings === undefined || cases === undefined) {
    console.error("error: Cannot write docs/accuracy.md as ../shared/recordings or ../shared/cases is missing");
    Deno.exitCode = 1;
  } else {
    const document = accuracyDocument(surveyRecordings(recordings), surveyCases(cases));
    Deno.writeTextFileSync(new URL("../docs/accuracy.md", import.meta.url), document);
  }
}
