/** All sentences of the security sheet, in their order. */
import { promises } from "./promises.ts";
import type { Sentence } from "./sentence.ts";
import { statement } from "./statement.ts";

export const sentences: readonly Sentence[] = [...statement, ...promises];
